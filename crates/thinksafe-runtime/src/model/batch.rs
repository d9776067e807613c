//! Batches of whole sequences.

use tch::Tensor;

use crate::{Device, Error};

/// Token sequences padded on the right to the longest.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct PaddedBatch {
    /// `[B, T]`, i64.
    pub ids: Tensor,
    /// The B lengths without padding.
    pub lengths: Vec<i64>,
}

impl PaddedBatch {
    /// Pads sequences to the longest, at least one token. No sequence sees the padding, whatever its id.
    ///
    /// # Errors
    /// [`Error::Backend`] if the device has no room.
    pub fn new(sequences: &[Vec<u32>], pad: u32, device: Device) -> Result<Self, Error> {
        let longest = sequences.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let mut ids = Vec::with_capacity(sequences.len() * longest);
        for sequence in sequences {
            ids.extend(sequence.iter().map(|&id| i64::from(id)));
            ids.resize(ids.len() + longest - sequence.len(), i64::from(pad));
        }
        let shape = [sequences.len() as i64, longest as i64];
        let ids = Tensor::f_from_slice(&ids)
            .and_then(|ids| ids.f_view(shape))
            .and_then(|ids| ids.f_to_device(device.into()))
            .map_err(|source| Error::backend("place a batch", source))?;
        let lengths = sequences.iter().map(|s| s.len() as i64).collect();
        Ok(Self { ids, lengths })
    }
}

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a forward pass is of one of the two kinds")]
pub enum Mode {
    /// A deterministic pass.
    Evaluate,
    /// With LoRA dropout, drawn from libtorch's global generator, which the trainer seeds.
    Train,
}
