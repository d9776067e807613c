//! Trains the two models of the miniature world from random weights: the recipe behind `thinksafe-mini`'s data.
//!
//! ```text
//! cargo run --release --example pretrain_miniature -- --out target/miniature
//! ```
//!
//! The reasoner comes first, then the guard, which also learns from what the trained reasoner really writes. Both
//! folders end up complete under `--out`; losses go to standard output. An interrupted run goes on where it was.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;
use thinksafe_chat::{Chat, Framing};
use thinksafe_core::fs;
use thinksafe_core::generate::{Generate, Request};
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_mini::{
    Judged, JudgedText, Pretraining, guard_files, model_files, pretraining_prompts,
};
use thinksafe_runtime::{
    CausalLm, Device, EngineOptions, LocalGenerator, ModelConfig, Placement, Precision,
};
use thinksafe_sft::{
    AdamWConfig, BatchSize, Checkpointing, Decay, Duration, Encoding, Event, Example, Order,
    Schedule, SftConfig, Supervise, Trainable, Trainer, TrainingText, Warmup, encode, fit,
};
use thinksafe_steering::SteeringPlan;

#[derive(Debug, Parser)]
struct Options {
    /// Where both model folders are written.
    #[arg(long)]
    out: PathBuf,
    /// Optimizer steps of the reasoner.
    #[arg(long, default_value_t = 1700)]
    steps: u64,
    /// Optimizer steps of the guard.
    #[arg(long, default_value_t = 1200)]
    guard_steps: u64,
    /// The seed of weights and text.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Where to train.
    #[arg(long, default_value = "cpu")]
    device: Device,
}

/// Examples in an optimizer step.
const BATCH: u64 = 32;

fn main() -> Result<()> {
    let options = Options::parse();
    let seed = Seed(options.seed);
    let model = Recipe { dir: options.out.join("model"), lr: 4e-3, device: options.device, seed };
    write_files(&model.dir, model_files())?;
    let examples = reasoner_examples(&Chat::load(&model.dir)?, seed, options.steps * BATCH)?;
    model.train(&examples)?;

    let text = JudgedText(seed.purpose("judged"));
    let mut judged: Vec<Judged> =
        (0..options.guard_steps * BATCH).map(|index| text.sample(index)).collect();
    judged.extend(model.turns()?);
    let guard = Recipe { dir: options.out.join("guard"), lr: 3e-3, ..model };
    write_files(&guard.dir, guard_files())?;
    let chat = Chat::load(&guard.dir)?;
    let order = seed.purpose("guard order").stream().permutation(judged.len());
    let examples = order.into_iter().map(|index| guard_example(&chat, &judged[index]));
    guard.train(&examples.collect::<Result<Vec<_>>>()?)
}

fn write_files(dir: &Path, files: Vec<thinksafe_mini::File>) -> Result<()> {
    for (name, content) in files {
        fs::write_atomic(dir.join(name), content)?;
    }
    Ok(())
}

/// The world's text; prompts count a little, so that the model learns which words go together.
fn reasoner_examples(chat: &Chat, seed: Seed, n: u64) -> Result<Vec<Example>> {
    let text = Pretraining::new(seed.purpose("text"));
    let texts = (0..n).map(|index| {
        let sample = text.sample(index);
        TrainingText::new(index.to_string(), &sample.prompt, sample.trace())
    });
    let supervise = Supervise::Weighted { prompt: 0.05, thinking: 1.0, answer: 1.0 };
    let encoding = Encoding { supervise, ..Encoding::default() };
    Ok(encode(&texts.collect::<Vec<_>>(), chat, &encoding)?.examples)
}

/// An exchange in the guard's own layout, with its verdict.
fn guard_example(chat: &Chat, judged: &Judged) -> Result<Example> {
    let messages = vec![Message::user(&judged.prompt), Message::assistant(&judged.turn)];
    let mut ids = chat.encode_prompt(&Prompt::Messages(messages), Some("\n\n"))?.ids;
    let given = ids.len();
    let verdict = if judged.is_unsafe { "unsafe\nS1" } else { "safe" };
    ids.extend(chat.tokenizer().encode(verdict, Framing::Bare)?);
    ids.extend(chat.end_of_turn_ids().last());
    let supervised: Vec<bool> = (0..ids.len()).map(|position| position >= given).collect();
    Ok(Example::from_mask("exchange", ids, &supervised))
}

/// How a model is trained from random weights.
struct Recipe {
    dir: PathBuf,
    lr: f64,
    device: Device,
    seed: Seed,
}

impl Recipe {
    fn train(&self, examples: &[Example]) -> Result<()> {
        let placement = Placement { device: self.device, precision: Precision::F32 };
        let config = ModelConfig::from_file(&self.dir.join("config.json"))?;
        let mut model = CausalLm::random(config, placement, self.seed.purpose("weights"))?;
        let mut trainer = Trainer::new(&mut model, examples, self.config())?;
        let checkpointing = Checkpointing { every_steps: 100, keep: 1 };
        fit(&mut trainer, self.dir.with_extension("run"), checkpointing, &mut |event| {
            if let Event::Stepped(record) = event
                && record.step.is_multiple_of(25)
            {
                println!("{}: loss {:.4}, lr {:.2e}", record.step, record.loss, record.lr);
            }
            Ok(())
        })?;
        drop(trainer);
        model.rehash();
        let f32_dir = self.dir.with_extension("f32");
        model.save(&f32_dir)?;
        let halved = Placement { precision: Precision::Bf16, ..placement };
        let model = CausalLm::load(&f32_dir, halved)?;
        model.save(&self.dir)?;
        println!("{} {}", self.dir.display(), model.weights_hash());
        Ok(())
    }

    /// What the trained model writes, steered and not, at the pipeline's temperature and at 1, where more of it is
    /// broken; with the true verdicts.
    fn turns(&self) -> Result<Vec<Judged>> {
        let placement = Placement { device: self.device, precision: Precision::F32 };
        let (model, chat) = (CausalLm::load(&self.dir, placement)?, Chat::load(&self.dir)?);
        let mut engine = LocalGenerator::new(model, chat, EngineOptions::default())?;
        let mut turns = Vec::new();
        for plan in [SteeringPlan::default(), SteeringPlan::unsteered()] {
            for (temperature, top_p) in [(0.6, 0.95), (1.0, 1.0)] {
                let sampling =
                    Sampling { temperature, top_p, max_new_tokens: 160, ..Sampling::default() };
                turns.extend(self.sampled(&mut engine, &plan, &sampling)?);
            }
        }
        Ok(turns)
    }

    fn sampled(
        &self,
        engine: &mut LocalGenerator,
        plan: &SteeringPlan,
        sampling: &Sampling,
    ) -> Result<Vec<Judged>> {
        let prompts = pretraining_prompts();
        let mut requests = prompts.iter().enumerate().map(|(id, prompt)| {
            let message = Message::user(plan.apply(prompt));
            let seed = self.seed.sample(&prompt.hash(), 0);
            Request::new(id as u64, Prompt::Messages(vec![message]), sampling.clone(), seed)
        });
        let mut turns = Vec::new();
        engine.generate(&mut requests, &mut |completion| {
            if let Ok(generated) = completion.outcome {
                let prompt = prompts[completion.id as usize].text.clone();
                turns.push(Judged::new(prompt, generated.opening + &generated.text));
            }
            Ok(())
        })?;
        Ok(turns)
    }

    fn config(&self) -> SftConfig {
        SftConfig {
            trainable: Trainable::All,
            duration: Duration::Epochs(1),
            batch: BatchSize::accumulated(BATCH as usize, 1),
            order: Order::AsGiven,
            optimizer: AdamWConfig {
                lr: self.lr,
                betas: (0.9, 0.98),
                weight_decay: 0.05,
                ..AdamWConfig::default()
            },
            schedule: Schedule {
                warmup: Warmup::Steps(100),
                decay: Decay::HoldThenLinear { hold: 0.4, floor: 0.02 },
            },
            seed: self.seed,
            ..SftConfig::default()
        }
    }
}
