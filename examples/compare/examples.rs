//! What each arm learns from.

use std::time::Instant;

use anyhow::{Result, bail};
use thinksafe_core::generate::Generate;
use thinksafe_core::judge::Judge;
use thinksafe_core::log;
use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_examples::Bar;
use thinksafe_recipes::{
    DIRECT_REFUSAL_THOUGHT, Error, Lesson, Protocol, direct_refusal, harmful_half, safepath,
    without_reasoning,
};
use thinksafe_runtime::LocalGenerator;
use thinksafe_steering::Preset;
use thinksafe_trace::TraceRecord;

use crate::arm::Arm;
use crate::setting::{Setting, Teacher};
use crate::stored;

/// What `DirectRefusal` answers.
const REFUSAL: &str = "I'm sorry, but I can't help with that.";

/// Samples of `SafeChain` and of rejection sampling.
const SAMPLES: u32 = 5;

/// Examples with what it took to make them.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) lessons: Vec<Lesson>,
    /// For each turn generated: tokens of its prompt, and of itself.
    pub(crate) generated: Vec<(u64, u64)>,
    pub(crate) seconds: f64,
}

/// Makes the examples of an arm, with the model as it is.
pub(crate) fn make(
    setting: &Setting,
    arm: Arm,
    seed: Seed,
    model: &mut LocalGenerator,
    guard: &mut dyn Judge,
    bar: &mut Bar,
) -> Result<Made> {
    let mut collect =
        |protocol: Protocol, name: &str, generator: &mut dyn Generate, bar: &mut Bar| {
            collect(setting, protocol, &setting.folder(seed, name), generator, guard, bar)
        };
    match arm {
        Arm::Initial | Arm::Grpo => Ok(Made::default()),
        Arm::DirectRefusal => written(setting, arm, seed, |prompt| {
            direct_refusal(prompt, DIRECT_REFUSAL_THOUGHT, REFUSAL)
        }),
        Arm::SafePath => written(setting, arm, seed, |prompt| safepath(prompt, &setting.primer)),
        Arm::RejectionSampling => {
            let protocol = Protocol::rejection_sampling(SAMPLES, seed);
            collect(protocol, "traces-unsteered", model, bar)
        }
        Arm::SafeChain => {
            let mut teacher = teacher(setting)?;
            collect(Protocol::safechain(SAMPLES, seed), "traces-teacher", &mut *teacher, bar)
        }
        Arm::ThinkSafe | Arm::WithoutReasoning | Arm::HarmfulHalf | Arm::Kl => {
            let protocol = Protocol::thinksafe(&Preset::ThinkSafe.template(), seed);
            let mut made = collect(protocol, "traces-steered", model, bar)?;
            made.lessons = variant(arm, made.lessons);
            Ok(made)
        }
    }
}

/// What an arm makes of `ThinkSafe`'s examples.
fn variant(arm: Arm, lessons: Vec<Lesson>) -> Vec<Lesson> {
    match arm {
        Arm::WithoutReasoning => lessons.into_iter().map(without_reasoning).collect(),
        Arm::HarmfulHalf => harmful_half(lessons),
        _ => lessons,
    }
}

/// As many examples as the rule gives the arm, written for harmful prompts that the seed draws.
fn written(
    setting: &Setting,
    arm: Arm,
    seed: Seed,
    write: impl Fn(&LabeledPrompt) -> Result<Lesson, Error>,
) -> Result<Made> {
    let prompts = setting.inputs.prompts.prompts();
    let harmful: Vec<&LabeledPrompt> = prompts.iter().filter(|p| p.label.is_harmful()).collect();
    let order = seed.purpose("compare.written").stream().permutation(harmful.len());
    let chosen = order.into_iter().take(arm.setup().scaled_examples(prompts.len()));
    let lessons = chosen.map(|place| write(harmful[place])).collect::<Result<_, _>>()?;
    Ok(Made { lessons, ..Made::default() })
}

fn collect(
    setting: &Setting,
    mut protocol: Protocol,
    run: &RunDir,
    generator: &mut dyn Generate,
    guard: &mut dyn Judge,
    bar: &mut Bar,
) -> Result<Made> {
    protocol.settings.sampling = setting.inputs.sampling.clone();
    let prompts = &setting.inputs.prompts;
    let began = Instant::now();
    let show = &mut |progress| bar.show(&progress);
    let selection = protocol.collect(run, prompts, generator, guard, show)?;
    let rows = selection.into_dataset();
    rows.write(run.dataset())?;
    let seconds = first_time(run, began.elapsed().as_secs_f64())?;
    let records = log::read::<TraceRecord>(run.traces())?;
    let turns = records.iter().filter_map(TraceRecord::turn);
    let sizes =
        turns.map(|turn| (u64::from(turn.prompt_tokens), u64::from(turn.completion_tokens)));
    Ok(Made {
        lessons: rows.rows().iter().map(Lesson::from).collect(),
        generated: sizes.collect(),
        seconds,
    })
}

/// The seconds that something took when it was first done: arms that share traces, and runs that go on, are told those.
pub(crate) fn first_time(run: &RunDir, seconds: f64) -> Result<f64> {
    let (path, format) = (run.root().join("seconds.json"), "thinksafe.compare.seconds");
    if let Some(first) = stored::read(&path, format)? {
        return Ok(first);
    }
    stored::write(&path, format, &seconds)?;
    Ok(seconds)
}

fn teacher(setting: &Setting) -> Result<Box<dyn Generate>> {
    Ok(match &setting.teacher {
        Teacher::Miniature => Box::new(thinksafe_mini::Teacher::new()),
        Teacher::Folder(folder) => Box::new(setting.inputs.load_generator(folder)?),
        Teacher::None => bail!("--teacher is missing"),
    })
}
