//! Weights laid out for products with few rows.

mod compact;

pub(crate) use compact::{Compact, CompactStep, Exponents, GROUP, Unpack, unpack};
use half::bf16;

use crate::LANES;
use crate::level::Level;

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
    /// The same in twelve bits a weight.
    Compact(Compact),
}

/// Steps that take 34 MiB: above 32 MiB glibc always takes a block from the system and gives it back. What is behind the last step
/// of a matrix is never touched.
const APART: usize = 17 << 15;

impl PackedMatrix {
    /// Packs row-major weights `[outputs, inputs]` (the layout of a linear layer's `weight`), as bf16 if that loses
    /// nothing.
    ///
    /// # Panics
    /// If `weights` has not `outputs * inputs` values.
    pub fn new(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert_eq!(weights.len(), outputs * inputs, "a matrix of [{outputs}, {inputs}]");
        if weights.iter().all(|w| w.to_bits().trailing_zeros() >= 16) {
            let weights: Vec<bf16> = weights.iter().map(|w| bf16::from_f32(*w)).collect();
            return Self::from_bf16(&weights, outputs, inputs);
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
        let mut packed = Self::zeros(outputs, inputs);
        packed.fill_rows(0, weights);
        packed
    }

    /// A matrix of zeros stored as bf16, to be filled piece by piece.
    pub fn zeros(outputs: usize, inputs: usize) -> Self {
        let panels = vec![[0u32; LANES]; outputs.div_ceil(LANES) * inputs.div_ceil(2)];
        Self { panels: Panels::Bf16(panels), outputs, inputs }
    }

    /// The same in memory of its own, which the system gets back when it is freed: for a matrix that will be made
    /// [`compact`](Self::compact), which would leave a hole otherwise.
    pub fn zeros_apart(outputs: usize, inputs: usize) -> Self {
        let length = outputs.div_ceil(LANES) * inputs.div_ceil(2);
        let mut panels = vec![[0u32; LANES]; length.max(APART)];
        panels.truncate(length);
        Self { panels: Panels::Bf16(panels), outputs, inputs }
    }

    /// Fills the outputs from `from` on with row-major weights `[n, K]`.
    ///
    /// # Panics
    /// If the matrix is not stored as bf16, or the weights are not whole rows within it.
    pub fn fill_rows(&mut self, from: usize, weights: &[bf16]) {
        let (outputs, inputs) = (self.outputs, self.inputs);
        let steps = inputs.div_ceil(2);
        let panels = self.bf16_panels();
        for (row, weights) in (from..).zip(weights.chunks(inputs.max(1))) {
            assert!(
                row < outputs && weights.len() == inputs,
                "whole rows of [{outputs}, {inputs}]"
            );
            let panel = &mut panels[row / LANES * steps..][..steps];
            for (lanes, pair) in panel.iter_mut().zip(weights.chunks(2)) {
                lanes[row % LANES] = bits(pair.first()) | bits(pair.get(1)) << 16;
            }
        }
    }

    /// Fills the inputs from `from` on, an even number, with the transpose `[n, N]` of their weights, row-major.
    ///
    /// # Panics
    /// As [`fill_rows`](Self::fill_rows), and if `from` is odd.
    pub fn fill_columns(&mut self, from: usize, weights: &[bf16]) {
        let (outputs, inputs) = (self.outputs, self.inputs);
        let steps = inputs.div_ceil(2);
        assert!(from.is_multiple_of(2), "whole pairs of inputs");
        assert!(from * outputs + weights.len() <= inputs * outputs, "columns of the matrix");
        assert!(weights.len().is_multiple_of(outputs.max(1)), "whole columns of {outputs}");
        let panels = self.bf16_panels();
        for (step, columns) in (from / 2..).zip(weights.chunks(2 * outputs.max(1))) {
            let (low, high) = columns.split_at(outputs);
            for (output, low) in low.iter().enumerate() {
                let lanes = &mut panels[output / LANES * steps + step];
                lanes[output % LANES] = bits(Some(low)) | bits(high.get(output)) << 16;
            }
        }
    }

    /// Keeps weights of bf16 in twelve bits each, without loss, where nearly all have one of few exponents: a quarter less to read
    /// for some work to unpack them, and the same products to the bit.
    ///
    /// It pays where weights come from memory, and costs nothing where rows are many. For a machine with tiles
    /// ([`Level::Amx`]), which read weights as they lie, they stay as they are.
    #[must_use]
    pub fn compact(mut self, level: Level) -> Self {
        if let Panels::Bf16(panels) = &self.panels
            && level != Level::Amx
            && let Some(compact) = Compact::new(panels, self.inputs.div_ceil(2))
        {
            self.panels = Panels::Compact(compact);
        }
        self
    }

    fn bf16_panels(&mut self) -> &mut [[u32; LANES]] {
        match &mut self.panels {
            Panels::Bf16(panels) => panels,
            Panels::F32(_) | Panels::Compact(_) => panic!("a matrix that is stored as bf16"),
        }
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
        matches!(self.panels, Panels::Bf16(_) | Panels::Compact(_))
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
                    out.copy_from_slice(&widen(lanes[n % LANES])[..out.len()]);
                }
            }
            Panels::Compact(compact) => compact.row(n, out),
        }
    }

    /// Bytes that the weights take.
    pub fn bytes(&self) -> usize {
        match &self.panels {
            Panels::F32(panels) => size_of_val(panels.as_slice()),
            Panels::Bf16(panels) => size_of_val(panels.as_slice()),
            Panels::Compact(compact) => compact.bytes(),
        }
    }

    pub(crate) fn panels(&self) -> &Panels {
        &self.panels
    }
}

/// The bits of a weight; zero where there is none.
fn bits(weight: Option<&bf16>) -> u32 {
    weight.map_or(0, |weight| u32::from(weight.to_bits()))
}

/// The two values of a pair.
#[inline(always)]
pub(crate) fn widen(pair: u32) -> [f32; 2] {
    [f32::from_bits(pair << 16), f32::from_bits(pair & 0xFFFF_0000)]
}
