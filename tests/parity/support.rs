//! Cases and forward passes that the comparisons share.

use std::path::{Path, PathBuf};

use tch::Tensor;
use thinksafe_runtime::{CausalLm, Mode, PaddedBatch, Placement};
use thinksafe_tests::golden::{self, Tensors};

/// Prompts of each model case.
pub(crate) const PROMPTS: usize = 3;

/// A golden model with what `transformers` computes from it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) expected: Tensors,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        golden::cases("models").into_iter().map(|(name, folder)| Self::of(name, folder)).collect()
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::of(name.to_owned(), golden::path("models").join(name))
    }

    fn of(name: String, folder: PathBuf) -> Self {
        let expected = Tensors::read(&folder.join("expected.safetensors"));
        Self { name, folder, expected }
    }

    pub(crate) fn model(&self) -> CausalLm {
        load(&self.folder)
    }

    pub(crate) fn prompts(&self) -> Vec<Vec<u32>> {
        (0..PROMPTS).map(|i| self.expected.ids(&format!("prompt.{i}"))).collect()
    }
}

/// A model in f32 on the CPU.
pub(crate) fn load(folder: &Path) -> CausalLm {
    CausalLm::load(folder, Placement::CPU_F32).unwrap()
}

/// A right-padded batch.
pub(crate) fn batch(model: &CausalLm, sequences: &[Vec<u32>]) -> PaddedBatch {
    PaddedBatch::new(sequences, 0, model.device()).unwrap()
}

/// The logits `[T, V]` of one sequence.
pub(crate) fn logits(model: &CausalLm, sequence: &[u32]) -> Tensor {
    tch::no_grad(|| {
        let batch = batch(model, &[sequence.to_vec()]);
        model.project(&model.hidden_states(&batch, Mode::Evaluate)).squeeze_dim(0)
    })
}
