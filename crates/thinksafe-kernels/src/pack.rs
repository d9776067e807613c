//! Weights laid out for products with few rows.

use half::bf16;

use crate::LANES;

/// A weight matrix `[N, K]` packed into panels of sixteen outputs, zeros behind the last.
///
/// A step reads each panel once from front to back, whatever the number of rows. Weights that bf16 can hold without
/// loss, as those of nearly all checkpoints, are stored as bf16 whatever they came as: half the memory to read, and
/// the same products.
#[derive(Debug, Clone)]
pub struct PackedMatrix {
    panels: Panels,
    outputs: usize,
    inputs: usize,
}

/// The panels, one after the other.
#[derive(Debug, Clone)]
pub(crate) enum Panels {
    /// `[ceil(N / 16), K, 16]`.
    F32(Vec<[f32; LANES]>),
    /// `[ceil(N / 16), ceil(K / 2), 16]` pairs of bf16: input `2k` in the low half, `2k + 1` in the high one.
    Bf16(Vec<[u32; LANES]>),
}

impl PackedMatrix {
    /// Packs row-major weights `[outputs, inputs]` (the layout of a linear layer's `weight`), as bf16 if that loses
    /// nothing.
    ///
    /// # Panics
    /// If `weights` has not `outputs * inputs` values.
    pub fn new(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert_eq!(weights.len(), outputs * inputs, "a matrix of [{outputs}, {inputs}]");
        if weights.iter().all(|w| w.to_bits().trailing_zeros() >= 16) {
            return Self::pairs(outputs, inputs, |at| weights[at].to_bits() >> 16);
        }
        let mut panels = vec![[0f32; LANES]; outputs.div_ceil(LANES) * inputs];
        for (row, values) in weights.chunks_exact(inputs.max(1)).enumerate() {
            let panel = &mut panels[row / LANES * inputs..][..inputs];
            for (lanes, value) in panel.iter_mut().zip(values) {
                lanes[row % LANES] = *value;
            }
        }
        Self { panels: Panels::F32(panels), outputs, inputs }
    }

    /// Packs row-major bf16 weights `[outputs, inputs]`.
    ///
    /// # Panics
    /// If `weights` has not `outputs * inputs` values.
    pub fn from_bf16(weights: &[bf16], outputs: usize, inputs: usize) -> Self {
        assert_eq!(weights.len(), outputs * inputs, "a matrix of [{outputs}, {inputs}]");
        Self::pairs(outputs, inputs, |at| u32::from(weights[at].to_bits()))
    }

    /// Packs bf16 bits, `bits(n * K + k)` for output `n` and input `k`.
    fn pairs(outputs: usize, inputs: usize, bits: impl Fn(usize) -> u32) -> Self {
        let steps = inputs.div_ceil(2);
        let mut panels = vec![[0u32; LANES]; outputs.div_ceil(LANES) * steps];
        for row in 0..outputs {
            let panel = &mut panels[row / LANES * steps..][..steps];
            for (step, lanes) in panel.iter_mut().enumerate() {
                let at = row * inputs + 2 * step;
                let high = if 2 * step + 1 < inputs { bits(at + 1) } else { 0 };
                lanes[row % LANES] = bits(at) | high << 16;
            }
        }
        Self { panels: Panels::Bf16(panels), outputs, inputs }
    }

    /// `N`, the length of an output row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `K`, the length of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Whether the weights are stored as bf16.
    pub fn is_bf16(&self) -> bool {
        matches!(self.panels, Panels::Bf16(_))
    }

    /// Row `n` as `f32`, into `out` of length `K`: an embedding that shares the head's weights.
    ///
    /// # Panics
    /// If `n` is not below `N` or `out` has another length than `K`.
    pub fn row(&self, n: usize, out: &mut [f32]) {
        assert!(n < self.outputs && out.len() == self.inputs, "a row of the matrix");
        match &self.panels {
            Panels::F32(panels) => {
                let panel = &panels[n / LANES * self.inputs..];
                for (out, lanes) in out.iter_mut().zip(panel) {
                    *out = lanes[n % LANES];
                }
            }
            Panels::Bf16(panels) => {
                let panel = &panels[n / LANES * self.inputs.div_ceil(2)..];
                for (out, lanes) in out.chunks_mut(2).zip(panel) {
                    let [low, high] = widen(lanes[n % LANES]);
                    out[0] = low;
                    if let Some(out) = out.get_mut(1) {
                        *out = high;
                    }
                }
            }
        }
    }

    /// Bytes that the weights take.
    pub fn bytes(&self) -> usize {
        match &self.panels {
            Panels::F32(panels) => size_of_val(panels.as_slice()),
            Panels::Bf16(panels) => size_of_val(panels.as_slice()),
        }
    }

    pub(crate) fn panels(&self) -> &Panels {
        &self.panels
    }
}

/// The two values of a pair.
#[inline(always)]
pub(crate) fn widen(pair: u32) -> [f32; 2] {
    [f32::from_bits(pair << 16), f32::from_bits(pair & 0xFFFF_0000)]
}
