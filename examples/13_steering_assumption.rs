//! Measures what steering does: acceptance with and without it, the paper's refusal-tilt assumption, perplexities.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 13_steering_assumption
//! cargo run --release -p thinksafe-examples --example 13_steering_assumption -- --model Qwen3-0.6B \
//!     --guard Llama-Guard-3-8B --prompts safechain.jsonl --per-label 200 --samples 16 --device cuda:0
//! ```
//!
//! Expected: tables, and a page to look at. `docs/STEERING.md` says what they mean. Samples are drawn at temperature 1
//! from the whole distribution, so that what is drawn is what the likelihoods are of; `--temperature 0.6 --top-p 0.95`
//! measures the paper's sampling, for which Assumption 4.3 speaks of another distribution than the likelihoods do.
//!
//! Killed and started again, it goes on where it was.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use thinksafe_core::generate::Generate;
use thinksafe_core::judge::Judge;
use thinksafe_core::log::RecordLog;
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_eval::likelihood::{Perplexity, perplexity_by_label};
use thinksafe_eval::steering::{SteeringReport, SteeringSettings};
use thinksafe_examples::{Bar, Drawn, Inputs, dataset_texts, likelihood_texts};
use thinksafe_examples::{likelihoods, prompt_samples, sides};
use thinksafe_filter::{Dataset, Verdicts, View, judge_traces};
use thinksafe_runtime::{LocalGenerator, Precision};
use thinksafe_steering::Preset;
use thinksafe_trace::{PromptSet, TraceSettings, generate_traces};

/// Measures what steering does.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// Harmful prompts of each of the two labels.
    #[arg(long, default_value_t = 12)]
    per_label: usize,
    /// Samples of each prompt on each side.
    #[arg(long, default_value_t = 8)]
    samples: u32,
    /// The temperature of the samples.
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Their top-p; 1 is off.
    #[arg(long, default_value_t = 1.0)]
    top_p: f64,
    /// What rounding makes of a difference of two log-likelihoods, as a standard deviation in nats; the default is for f32.
    #[arg(long, default_value_t = 1e-3)]
    noise: f64,
    /// Permutations of the tests.
    #[arg(long, default_value_t = 10_000)]
    permutations: u32,
    /// Datasets as `03_filter_traces` writes them, for their perplexity under the model.
    #[arg(long = "dataset", value_name = "FILE")]
    datasets: Vec<PathBuf>,
    /// The run's seed.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The run directory.
    #[arg(long, default_value = "runs/steering")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (run, seed) = (RunDir::new(&options.out), Seed(options.seed));
    let inputs = options.inputs.load(&run.root().join("miniature"))?;
    let is_f32 = inputs.placement.precision == Precision::F32;
    ensure!(is_f32 || options.noise > 1e-3, "say with --noise what rounding makes here");
    let mut prompts = inputs.prompts.prompts().to_vec();
    prompts.retain(|prompt| prompt.label.is_harmful());
    let prompts = PromptSet::new(prompts)?.without_duplicates();
    let prompts = prompts.sample_per_label(options.per_label, seed);
    let (temperature, top_p) = (options.temperature, options.top_p);
    let sampling = Sampling { temperature, top_p, top_k: 0, ..inputs.sampling.clone() };
    let template = Preset::ThinkSafe.template();
    let (mut model, mut guard) = (inputs.load_model()?, inputs.load_guard()?);
    let mut bar = Bar::default();

    let sides = sides(&sampling, options.samples, &template, seed);
    let drawn = draw(&run, &prompts, &sides, &mut model, &mut *guard, &mut bar)?;
    bar.begin("score");
    let texts = likelihood_texts(&prompts, &drawn, &template);
    let found = likelihoods(&run, &mut model, &texts, &mut bar)?;
    let settings = SteeringSettings {
        most_draws: u64::from(options.samples),
        noise: options.noise,
        permutations: options.permutations,
        seed,
    };
    let [unsteered, steered] = &drawn;
    let samples = prompt_samples(&prompts, [unsteered, steered], &template, &found);
    let mut report = SteeringReport::new("What steering does", &samples, settings);
    for (side, name) in drawn.iter().zip(["accepted unsteered", "accepted steered"]) {
        let texts = side.unsteered_texts(&prompts);
        report.add_perplexity(name, Perplexity::of(&texts, &found, seed));
        let fact = format!("{name}, of another number of tokens when encoded");
        report.fact(fact, side.encoded_otherwise(&prompts, &found));
    }
    for path in &options.datasets {
        let (name, texts) = (path.display(), dataset_texts(&Dataset::read(path)?));
        bar.begin(format!("score {name}"));
        let found = likelihoods(&run, &mut model, &texts, &mut bar)?;
        report.add_perplexity(name.to_string(), Perplexity::of(&texts, &found, seed));
        for (label, perplexity) in perplexity_by_label(&texts, &found, seed) {
            report.add_perplexity(format!("{name}, {label}"), perplexity);
        }
    }
    report.fact("model", &model.identity().model);
    report.fact("weights", &model.identity().weights);
    report.fact("guard", &guard.identity().name);
    report.fact("steering", template.name());
    report.fact("prompts", format!("{}, {} samples a side", prompts.len(), options.samples));
    report.fact("sampling", serde_json::to_string(&sampling)?);
    report.save(&run)?;
    println!("{}\n{}", report.to_text(), run.steering_html().display());
    Ok(())
}

/// Both sides of the samples, judged: what the logs lack is generated and judged now.
fn draw(
    run: &RunDir,
    prompts: &PromptSet,
    sides: &[TraceSettings; 2],
    model: &mut LocalGenerator,
    guard: &mut dyn Judge,
    bar: &mut Bar,
) -> Result<[Drawn; 2]> {
    let mut traces = RecordLog::open(run.traces())?;
    for (side, name) in sides.iter().zip(["unsteered", "steered"]) {
        bar.begin(format!("generate {name}"));
        generate_traces(model, prompts, side, &mut traces, &mut |p| bar.show(&p))?;
    }
    bar.begin("judge");
    let (view, mut log) = (View::Turn, RecordLog::open(run.verdicts())?);
    judge_traces(guard, &run.traces(), view, &mut log, &mut |p| bar.show(&p))?;
    let verdicts = Verdicts::read(&run.verdicts(), guard.identity(), view)?;
    let read = |side| Drawn::read(&run.traces(), prompts, side, model.identity(), &verdicts);
    Ok([read(&sides[0])?, read(&sides[1])?])
}
