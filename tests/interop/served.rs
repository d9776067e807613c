//! The pipeline through `transformers serve`, beside the local engine with the same checkpoints.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use thinksafe_chat::Chat;
use thinksafe_core::fs;
use thinksafe_core::generate::{Generate, Generated, Request};
use thinksafe_core::judge::Judge;
use thinksafe_core::log::{self, RecordLog};
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::{SampleSeed, Seed};
use thinksafe_core::verdict::Verdict;
use thinksafe_filter::{
    Guard, LlamaGuard3, LlamaGuardReading, TokenVote, VerdictRecord, View, judge_traces,
};
use thinksafe_remote::{Dialect, RemoteGenerator, RemoteOptions, Rendering, Server};
use thinksafe_runtime::{CausalLm, EngineOptions, LocalGenerator, ModelConfig, Placement};
use thinksafe_trace::{PromptSet, TraceRecord, TraceSettings, generate_traces};

use crate::Failure;

const RANDOM: &str = "random";
const MODEL: &str = "model";
const GUARD: &str = "guard";

/// Prompts of the pipeline; the random model gets as many.
const PROMPTS: usize = 24;

/// What was compared, and how much of it differs.
#[derive(Debug, Default, Serialize)]
struct Difference {
    compared: usize,
    different: usize,
}

impl Difference {
    fn of<T: PartialEq>(ours: &BTreeMap<String, T>, theirs: &BTreeMap<String, T>) -> Self {
        let same = ours.iter().filter(|(id, value)| theirs.get(*id) == Some(value)).count();
        let compared = ours.len().max(theirs.len());
        Self { compared, different: compared - same }
    }
}

/// Writes `random/`, of Qwen3's shape with random weights, `model/` and `guard/`, each by our runtime.
pub(crate) fn write_checkpoints(out: &Path) -> Result<(), Failure> {
    thinksafe_mini::write_to(out)?;
    for name in [MODEL, GUARD] {
        let dir = out.join(name);
        CausalLm::load(&dir, Placement::CPU_F32)?.save(&dir)?;
    }
    let random = out.join(RANDOM);
    fs::create_dir_all(&random)?;
    for (name, content) in thinksafe_mini::model_files() {
        fs::write_atomic(random.join(name), content)?;
    }
    let config = ModelConfig::from_file(&random.join("config.json"))?;
    Ok(CausalLm::random(config, Placement::CPU_F32, Seed(5))?.save(&random)?)
}

/// Compares a random model's texts, then traces and verdicts of the miniature; writes the differences by name.
pub(crate) fn compare(url: &str, checkpoints: &Path, out: &Path) -> Result<(), Failure> {
    let engines = Engines { url, checkpoints };
    let prompts: Vec<LabeledPrompt> =
        thinksafe_mini::post_training().into_iter().take(PROMPTS).collect();
    let differences = BTreeMap::from([
        ("greedy texts of a random model", engines.texts(&prompts)?),
        ("traces of the pipeline", engines.traces(&prompts, out)?),
        ("verdicts of the pipeline", engines.verdicts(out)?),
    ]);
    Ok(fs::write_json(out, "differences", &differences)?)
}

struct Engines<'a> {
    url: &'a str,
    checkpoints: &'a Path,
}

/// The two engines' names, which their logs have too.
const SIDES: [&str; 2] = ["local", "remote"];

impl Engines<'_> {
    fn engine(&self, side: &str, model: &str) -> Result<Box<dyn Generate>, Failure> {
        let dir = self.checkpoints.join(model).canonicalize()?;
        let chat = Chat::load(&dir)?;
        if side == "local" {
            let model = CausalLm::load(&dir, Placement::CPU_F32)?;
            return Ok(Box::new(LocalGenerator::new(model, chat, EngineOptions::default())?));
        }
        let server = Server::new(Dialect::Transformers, self.url, dir.to_string_lossy());
        let options = RemoteOptions { in_flight: 8, ..RemoteOptions::default() };
        let rendering = Rendering::Here(Box::new(chat));
        Ok(Box::new(RemoteGenerator::new(&server, rendering, options)?))
    }

    fn texts(&self, prompts: &[LabeledPrompt]) -> Result<Difference, Failure> {
        let text = |generated: Generated| {
            let tokens = (generated.prompt_tokens, generated.completion_tokens());
            (generated.text, tokens)
        };
        let of = |side| -> Result<BTreeMap<_, _>, Failure> {
            let mut texts = BTreeMap::new();
            let mut requests = (0..).zip(prompts).map(|(id, prompt)| {
                let prompt = Prompt::Messages(vec![Message::user(&prompt.text)]);
                Request::new(id, prompt, Sampling::greedy(24), SampleSeed(id))
            });
            self.engine(side, RANDOM)?.generate(&mut requests, &mut |completion| {
                texts.insert(completion.id.to_string(), completion.outcome.map(text));
                Ok(())
            })?;
            Ok(texts)
        };
        Ok(Difference::of(&of(SIDES[0])?, &of(SIDES[1])?))
    }

    fn traces(&self, prompts: &[LabeledPrompt], out: &Path) -> Result<Difference, Failure> {
        let prompts = PromptSet::new(prompts.to_vec())?;
        let sampling = Sampling::greedy(192);
        let settings = TraceSettings { sampling, ..TraceSettings::new(Seed(1)) };
        for side in SIDES {
            let mut log = RecordLog::open(path(out, side, "traces"))?;
            let mut engine = self.engine(side, MODEL)?;
            generate_traces(&mut *engine, &prompts, &settings, &mut log, &mut |_| ())?;
        }
        let of = |side| -> Result<BTreeMap<_, _>, Failure> {
            let traces = traces(out, side)?.into_values();
            let turn = |trace: TraceRecord| {
                let turn = trace
                    .turn()
                    .map(|turn| (turn.whole(), turn.prompt_tokens, turn.completion_tokens));
                (trace.prompt_id, turn)
            };
            Ok(traces.map(turn).collect())
        };
        Ok(Difference::of(&of(SIDES[0])?, &of(SIDES[1])?))
    }

    /// Each side judges its own traces.
    fn verdicts(&self, out: &Path) -> Result<Difference, Failure> {
        let vote = TokenVote::between("safe", "unsafe");
        for side in SIDES {
            let format = LlamaGuard3::new(vote.clone(), LlamaGuardReading::Words)?;
            let mut guard = Guard::new(self.engine(side, GUARD)?, format);
            let mut log = RecordLog::open(path(out, side, "verdicts"))?;
            let traces = path(out, side, "traces");
            let judge: &mut dyn Judge = &mut guard;
            judge_traces(judge, &traces, View::Answer, &mut log, &mut |_| ())?;
        }
        let of = |side| -> Result<BTreeMap<_, _>, Failure> {
            let traces = traces(out, side)?;
            let mut verdicts = BTreeMap::new();
            for record in log::records::<VerdictRecord>(&path(out, side, "verdicts"))? {
                let (_, record) = record?;
                let found: Vec<Verdict> =
                    record.verdicts.into_iter().map(|part| part.verdict).collect();
                let prompt = traces[record.trace.as_str()].prompt_id.clone();
                verdicts.insert(prompt, found);
            }
            Ok(verdicts)
        };
        Ok(Difference::of(&of(SIDES[0])?, &of(SIDES[1])?))
    }
}

fn path(out: &Path, side: &str, name: &str) -> std::path::PathBuf {
    out.with_file_name(format!("{side}.{name}.jsonl"))
}

/// The traces of a side by their keys.
fn traces(out: &Path, side: &str) -> Result<BTreeMap<String, TraceRecord>, Failure> {
    let records = log::records::<TraceRecord>(&path(out, side, "traces"))?;
    let keyed =
        records.map(|record| record.map(|(_, record)| (record.key.as_str().to_owned(), record)));
    Ok(keyed.collect::<Result<_, _>>()?)
}
