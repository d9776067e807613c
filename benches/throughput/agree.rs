//! Whether a device gives the CPU's greedy tokens, in f32.

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use thinksafe_benches::{engine, load};
use thinksafe_core::generate::{Generate, Generated, Logprobs, Request};
use thinksafe_core::message::Prompt;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;
use thinksafe_runtime::{Device, LocalGenerator};

use crate::setting::Setting;

/// Where the CPU's first choice leads by less, in logits, another summation order can choose the second.
const NEAR: f64 = 1e-3;

#[derive(Debug, Args)]
pub(crate) struct Agree {
    #[command(flatten)]
    setting: Setting,
    /// Texts.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Tokens of each.
    #[arg(long, default_value_t = 32)]
    new: u32,
}

impl Agree {
    /// A text may leave the CPU's only where the CPU's own choice was nearly a tie.
    pub(crate) fn compare(&self) -> Result<Value> {
        let Self { setting, batch, new } = self;
        let setting = setting.in_f32_on(setting.device);
        let load = load::ragged(0, *batch, *new, setting.shape.config().vocab_size);
        let mut reference = setting.in_f32_on(Device::CPU).engine(*batch)?;
        let expected = with_rivals(&mut reference, &load)?;
        drop(reference);
        let found = engine::serve(&mut setting.engine(*batch)?, &load)?;
        let mut near_ties = 0;
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let mut pairs = found.ids.iter().zip(&expected.ids);
            let Some(at) = pairs.position(|(found, expected)| found != expected) else { continue };
            let lead = lead(expected, at);
            let device = setting.device;
            ensure!(lead < NEAR, "text {index}: {device} leaves a lead of {lead} at token {at}");
            near_ties += 1;
        }
        Ok(setting.line("agree", json!({"texts": batch, "new": new, "near_ties": near_ties})))
    }
}

/// The texts with the two most likely tokens of each position.
fn with_rivals(engine: &mut LocalGenerator, load: &[load::Item]) -> Result<Vec<Generated>> {
    let request = |(id, item): (u64, &load::Item)| {
        let prompt = Prompt::Ids(item.ids.clone());
        let logprobs = Some(Logprobs { top: 2, of: Vec::new() });
        let sampling = Sampling::greedy(item.new);
        Request { logprobs, ..Request::new(id, prompt, sampling, SampleSeed(id)) }
    };
    let mut completions = Vec::new();
    engine.generate(&mut (0..).zip(load).map(request), &mut |completion| {
        completions.push(completion);
        Ok(())
    })?;
    completions.sort_unstable_by_key(|completion| completion.id);
    completions.into_iter().map(|completion| Ok(completion.outcome?)).collect()
}

/// By how much the first choice led at a position.
fn lead(text: &Generated, at: usize) -> f64 {
    let positions = text.logprobs.as_deref().unwrap_or_default();
    match positions.get(at).map(|position| position.top.as_slice()) {
        Some([first, second, ..]) => first.2 - second.2,
        _ => f64::INFINITY,
    }
}
