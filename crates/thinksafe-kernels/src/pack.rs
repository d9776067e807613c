//! Weights laid out for few rows.

use crate::LANES;
use crate::element::Element;

/// A weight matrix `[N, K]` packed into panels of sixteen outputs: `[ceil(N / 16), K, 16]`, zeros behind the last.
///
/// A step reads each panel once from front to back, whatever the number of rows.
#[derive(Debug, Clone)]
pub struct PackedMatrix<W> {
    panels: Vec<W>,
    outputs: usize,
    inputs: usize,
}

impl<W: Element> PackedMatrix<W> {
    /// Packs row-major weights `[outputs, inputs]` (the layout of a linear layer's `weight`).
    ///
    /// # Panics
    /// If `weights` has not `outputs * inputs` values.
    pub fn new(weights: &[W], outputs: usize, inputs: usize) -> Self {
        assert_eq!(weights.len(), outputs * inputs, "a matrix of [{outputs}, {inputs}]");
        let mut panels = vec![W::default(); outputs.div_ceil(LANES) * inputs * LANES];
        for (row, values) in weights.chunks_exact(inputs.max(1)).enumerate() {
            let panel = &mut panels[row / LANES * inputs * LANES..];
            for (k, value) in values.iter().enumerate() {
                panel[k * LANES + row % LANES] = *value;
            }
        }
        Self { panels, outputs, inputs }
    }

    /// `N`, the length of an output row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `K`, the length of an input row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Row `n` as `f32`, into `out` of length `K`: an embedding that shares the head's weights.
    ///
    /// # Panics
    /// If `n` is not below `N` or `out` has another length than `K`.
    pub fn row(&self, n: usize, out: &mut [f32]) {
        assert!(n < self.outputs && out.len() == self.inputs, "a row of the matrix");
        let panel = self.panel(n / LANES);
        for (value, lanes) in out.iter_mut().zip(panel) {
            *value = lanes[n % LANES].to_f32();
        }
    }

    /// Bytes that the weights take.
    pub fn bytes(&self) -> usize {
        size_of_val(self.panels.as_slice())
    }

    pub(crate) fn panel_count(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// One panel: `K` groups of sixteen.
    #[inline(always)]
    pub(crate) fn panel(&self, index: usize) -> &[[W; LANES]] {
        let length = self.inputs * LANES;
        self.panels[index * length..(index + 1) * length].as_chunks().0
    }
}
