//! Batches of whole sequences without padding.

use tch::{Kind, Tensor};

use crate::{Device, Error};

/// Token sequences one behind the other. None sees another, and each begins at position 0.
#[derive(Debug)]
pub struct PackedBatch {
    /// `[N]`, i64.
    pub(super) ids: Tensor,
    /// `[N]`, i64.
    pub(super) positions: Tensor,
    pub(super) runs: Vec<Run>,
}

/// Neighbouring sequences of one length, which attend together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: i64,
    pub(super) sequences: i64,
    pub(super) length: i64,
}

impl PackedBatch {
    /// Packs sequences; empty ones take no room.
    ///
    /// # Errors
    /// [`Error::Backend`] if the device has no room.
    pub fn new(sequences: &[&[u32]], device: Device) -> Result<Self, Error> {
        let ids: Vec<i64> =
            sequences.iter().flat_map(|s| s.iter().map(|id| i64::from(*id))).collect();
        let positions: Vec<i64> = sequences.iter().flat_map(|s| 0..s.len() as i64).collect();
        let place = |values: &[i64]| {
            Tensor::f_from_slice(values)
                .and_then(|tensor| tensor.f_to_device(device.into()))
                .map_err(|source| Error::backend("place a batch", source))
        };
        let runs = runs(sequences.iter().map(|s| s.len() as i64));
        Ok(Self { ids: place(&ids)?, positions: place(&positions)?, runs })
    }

    /// N: the tokens of all sequences.
    pub fn tokens(&self) -> usize {
        self.ids.numel()
    }
}

fn runs(lengths: impl Iterator<Item = i64>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut start = 0;
    for length in lengths.filter(|length| *length > 0) {
        match runs.last_mut() {
            Some(run) if run.length == length => run.sequences += 1,
            _ => runs.push(Run { start, sequences: 1, length }),
        }
        start += length;
    }
    runs
}

impl Run {
    /// The rows of this run as heads: `[N, heads * D]` to `[B, heads, T, D]`, without a copy.
    pub(super) fn heads(self, x: &Tensor, dim: i64) -> Tensor {
        let rows = x.narrow(0, self.start, self.sequences * self.length);
        rows.view([self.sequences, self.length, -1, dim]).transpose(1, 2)
    }

    /// The way back: `[B, heads, T, D]` to `[B * T, heads * D]`.
    pub(super) fn rows(self, heads: &Tensor) -> Tensor {
        heads.transpose(1, 2).reshape([self.sequences * self.length, -1])
    }

    /// 0 where a token sees another within a window, minus infinity elsewhere: `[T, T]`; none if the window holds all.
    pub(super) fn window_mask(self, window: Option<i64>, like: &Tensor) -> Option<Tensor> {
        let window = window.filter(|window| *window < self.length)?;
        let ones = Tensor::ones([self.length, self.length], (Kind::Bool, like.device()));
        let seen = ones.tril(0).logical_and(&ones.triu(1 - window));
        let zeros = Tensor::zeros([self.length, self.length], (like.kind(), like.device()));
        Some(zeros.masked_fill(&seen.logical_not(), f64::NEG_INFINITY))
    }
}
