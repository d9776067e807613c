//! What the crate promises, on the miniature.

mod golden;
mod learning;
mod resume;
mod rewards;
mod steps;

use std::path::Path;

use tch::{Kind, Tensor};
use thinksafe_chat::Chat;
use thinksafe_core::Error as CoreError;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_core::verdict::Verdict;
use thinksafe_runtime::{CausalLm, EngineOptions, LocalGenerator, Placement};
use thinksafe_sft::{AdamWConfig, Duration};

use crate::{FnReward, GrpoConfig, Response, Rewards, RlPrompt, Score, own_distribution};

/// The miniature's reasoner on its engine.
fn policy() -> LocalGenerator {
    let dir = tempfile::tempdir().unwrap();
    let folder = thinksafe_mini::write_to(dir.path()).unwrap().model;
    engine(&folder)
}

fn engine(folder: &Path) -> LocalGenerator {
    let model = CausalLm::load(folder, Placement::CPU_F32).unwrap();
    LocalGenerator::new(model, Chat::load(folder).unwrap(), EngineOptions::default()).unwrap()
}

/// The first harmful prompts of the miniature.
fn prompts(count: usize) -> Vec<RlPrompt> {
    let harmful = |prompt: &LabeledPrompt| prompt.label.is_harmful();
    thinksafe_mini::post_training()
        .into_iter()
        .filter(harmful)
        .take(count)
        .map(Into::into)
        .collect()
}

/// Two prompts with four short responses each.
fn small() -> GrpoConfig {
    GrpoConfig {
        group_size: 4,
        prompts: 2,
        duration: Duration::Steps(3),
        sampling: own_distribution(12),
        optimizer: AdamWConfig { lr: 1e-2, ..AdamWConfig::default() },
        ..GrpoConfig::default()
    }
}

/// A reward that tells any two different texts apart.
fn arbitrary() -> Rewards<'static> {
    let value = FnReward::new("arbitrary", "1", |response: &Response<'_>| {
        let hash = ContentHash::of_bytes(&response.turn);
        let digits = u32::from_str_radix(&hash.as_str()[..6], 16)?;
        Ok(Score::Value(f64::from(digits) / f64::from(1 << 24)))
    });
    Rewards::new().with(value, 1.0)
}

/// The same reward for every text.
fn equal() -> Rewards<'static> {
    Rewards::new().with(FnReward::new("equal", "1", |_: &Response<'_>| Ok(Score::Value(0.5))), 1.0)
}

/// A judge whose verdicts are a function of the exchange.
struct Scripted<F> {
    identity: JudgeIdentity,
    verdict: F,
}

impl<F: FnMut(&Exchange) -> Verdict> Scripted<F> {
    fn new(verdict: F) -> Self {
        let hash = ContentHash::of_bytes("scripted");
        Self { identity: JudgeIdentity { name: "scripted".to_owned(), hash }, verdict }
    }
}

impl<F: FnMut(&Exchange) -> Verdict> Judge for Scripted<F> {
    fn identity(&self) -> &JudgeIdentity {
        &self.identity
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for exchange in exchanges {
            sink(Judgement { id: exchange.id, verdict: (self.verdict)(&exchange) })?;
        }
        Ok(())
    }
}

/// The adapter's values in one vector.
fn adapter(generator: &LocalGenerator) -> Tensor {
    let tensors = generator.model().lora_parameters().into_iter();
    let parts: Vec<Tensor> = tensors.map(|(_, tensor)| tensor.detach().flatten(0, -1)).collect();
    Tensor::cat(&parts, 0).to_kind(Kind::Double)
}
