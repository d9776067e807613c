//! The whole of ThinkSafe: evaluate, steer, generate, filter, fine-tune, evaluate again, report.
//!
//! On the embedded miniature, in minutes, then on real checkpoints:
//!
//! ```text
//! cargo xtask demo                     # or: cargo run -p thinksafe-examples --example 06_pipeline
//! cargo run --release -p thinksafe-examples --example 06_pipeline -- --model Qwen3-0.6B --guard Llama-Guard-3-8B \
//!     --prompts safechain.jsonl --evaluation held-out/ --device cuda:0 --precision bf16 --out runs/qwen3-0.6b
//! ```
//!
//! Killed or stopped, and started again, it goes on where it was. The run directory holds everything it did.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::fs;
use thinksafe_core::generate::Generate;
use thinksafe_core::judge::Judge;
use thinksafe_core::log::RecordLog;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::report::Report;
use thinksafe_examples::{Bar, EvaluationSet, FineTuning, Inputs, Loaded};
use thinksafe_examples::{drops, loss_curve, training_texts};
use thinksafe_filter::{
    Dataset, Policy, Verdicts, View, dataset_card, judge_traces, select_from_logs,
};
use thinksafe_runtime::LocalGenerator;
use thinksafe_sft::{Encoding, Ending, Trainer, encode, hold_out};
use thinksafe_steering::Preset;
use thinksafe_trace::{TraceSettings, generate_traces};

/// The whole of ThinkSafe on the miniature, or on checkpoints of your own.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The run directory.
    #[arg(long, default_value = "runs/demo")]
    out: PathBuf,
    /// The run's seed.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The share of prompts that is evaluated while fine-tuning and not trained on; the paper trains on all.
    #[arg(long, default_value_t = 0.0)]
    held_out: f64,
    /// A tenth of the prompts and of the held-out items: to see that everything works.
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (run, seed) = (RunDir::new(&options.out), Seed(options.seed));
    let mut inputs = options.inputs.load(&run.root().join("miniature"))?;
    let limit = if options.quick { 100 } else { usize::MAX };
    if options.quick {
        inputs.prompts = inputs.prompts.sample_per_label(60, seed);
    }
    let sets = inputs.evaluation_sets(seed, limit)?;
    let steering = Preset::ThinkSafe.template();
    let steered = sets.iter().filter(|set| set.is_harmful()).map(|set| set.steered(&steering));

    let (mut model, guard) = (inputs.load_model()?, inputs.load_guard()?);
    let (report, bar) = (Report::new("ThinkSafe"), Bar::default());
    model.set_watch(Some(bar.watch()));
    let mut pipeline = Pipeline { run, seed, inputs, model, guard, report, bar };
    let identities = (pipeline.model.identity(), pipeline.guard.identity());
    pipeline.inputs.write_manifest(&pipeline.run, seed, identities)?;
    pipeline.evaluate("before", &sets)?;
    pipeline.evaluate("steered", &steered.collect::<Vec<_>>())?;
    pipeline.generate()?;
    let dataset = pipeline.filter()?;
    if pipeline.fine_tune(&dataset, options.held_out)? == Ending::Stopped {
        return Ok(());
    }
    pipeline.evaluate("after", &sets)?;
    pipeline.finish()
}

/// One run: what it works with, and its steps in their order.
struct Pipeline {
    run: RunDir,
    seed: Seed,
    inputs: Loaded,
    model: LocalGenerator,
    guard: Box<dyn Judge>,
    report: Report,
    bar: Bar,
}

impl Pipeline {
    fn evaluate(&mut self, name: &str, sets: &[EvaluationSet]) -> Result<()> {
        for set in sets {
            self.bar.begin(format!("{name}: {}", set.name()));
            let (model, guard) = (&mut self.model, &mut *self.guard);
            let evaluated = set.evaluate(&self.run, model, guard, &mut self.bar)?;
            self.report.add(name, &evaluated)?;
        }
        Ok(())
    }

    fn generate(&mut self) -> Result<()> {
        self.bar.begin("generate traces");
        let sampling = self.inputs.sampling.clone();
        let settings = TraceSettings { sampling, ..TraceSettings::new(self.seed) };
        let mut log = RecordLog::open(self.run.traces())?;
        let show = &mut |progress| self.bar.show(&progress);
        generate_traces(&mut self.model, &self.inputs.prompts, &settings, &mut log, show)?;
        Ok(())
    }

    fn filter(&mut self) -> Result<Dataset> {
        self.bar.begin("judge traces");
        let (run, view) = (&self.run, View::Turn);
        let mut log = RecordLog::open(run.verdicts())?;
        judge_traces(&mut *self.guard, &run.traces(), view, &mut log, &mut |p| self.bar.show(&p))?;
        let verdicts = Verdicts::read(&run.verdicts(), self.guard.identity(), view)?;
        let selection = select_from_logs(&run.traces(), &[verdicts], &Policy::default())?;
        fs::write_atomic(run.dataset_card(), dataset_card(&selection, &self.inputs.card()))?;
        self.report.drops = drops(&selection);
        let dataset = selection.into_dataset();
        dataset.write(run.dataset())?;
        Ok(dataset)
    }

    fn fine_tune(&mut self, dataset: &Dataset, share: f64) -> Result<Ending> {
        self.bar.begin("fine-tune");
        let encoded = encode(&training_texts(dataset), self.model.chat(), &Encoding::default())?;
        let config = self.inputs.sft_config(self.seed);
        let (training, held_out) = hold_out(encoded.examples, share, self.seed);
        let mut trainer = Trainer::new(self.model.model_mut(), &training, config)?;
        let fine_tuning = FineTuning::new(&self.run, &training, &held_out);
        let outcome = fine_tuning.fit(&mut trainer, &mut self.bar)?;
        drop(trainer);
        self.report.loss = loss_curve(&self.run.checkpoints())?;
        Ok(outcome.ending)
    }

    fn finish(mut self) -> Result<()> {
        self.model.model().save_lora(&self.run.adapter())?;
        self.report.timings = self.bar.timings();
        self.report.save(&self.run)?;
        println!("{}\n{}", self.report.to_text(), self.run.report_html().display());
        Ok(())
    }
}
