//! The engine with a checkpoint, and loads through it.

use std::path::Path;

use anyhow::{Result, ensure};
use thinksafe_chat::Chat;
use thinksafe_core::generate::{Completion, Generate, Generated, Request};
use thinksafe_core::message::Prompt;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;
use thinksafe_runtime::{CausalLm, EngineOptions, LocalGenerator, Placement};

use crate::load::Item;

/// Loads a checkpoint into an engine.
///
/// # Errors
/// If the checkpoint cannot be read or the options are out of range.
pub fn load(dir: &Path, placement: Placement, options: EngineOptions) -> Result<LocalGenerator> {
    let model = CausalLm::load(dir, placement)?;
    Ok(LocalGenerator::new(model, Chat::load(dir)?, options)?)
}

/// Generates greedily what a load asks for; the completions in its order.
///
/// # Errors
/// If the engine fails, or a text has not the length that was asked for.
pub fn serve(engine: &mut LocalGenerator, load: &[Item]) -> Result<Vec<Generated>> {
    let request = |(id, item): (u64, &Item)| {
        let prompt = Prompt::Ids(item.ids.clone());
        Request::new(id, prompt, Sampling::greedy(item.new), SampleSeed(id))
    };
    let mut completions: Vec<Completion> = Vec::with_capacity(load.len());
    engine.generate(&mut (0..).zip(load).map(request), &mut |completion| {
        completions.push(completion);
        Ok(())
    })?;
    ensure!(completions.len() == load.len(), "{} of {}", completions.len(), load.len());
    completions.sort_unstable_by_key(|completion| completion.id);
    let generated = |(completion, item): (Completion, &Item)| {
        let generated = completion.outcome?;
        ensure!(generated.ids.len() == item.new as usize, "a text of {}", generated.ids.len());
        Ok(generated)
    };
    completions.into_iter().zip(load).map(generated).collect()
}
