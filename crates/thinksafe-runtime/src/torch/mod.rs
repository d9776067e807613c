//! Steps through libtorch, on any device, over paged keys and values.
//!
//! ```text
//! segments ─▶ Plan (which attend together) ─▶ Packed ──one upload──▶ Step ─▶ layers ─▶ logits ─▶ draws
//!                                                       Arena (pages) ◀──────┘
//! ```

mod arena;
mod draw;
mod head;
mod packed;
mod plan;
mod sample;
mod step;

use tch::{Device, Kind, Tensor};
use thinksafe_kernels::Pool;

use crate::engine::{Backend, Draw, Drawn, PageId, Segment, TOKENS_PER_PAGE};
use crate::model::decoder::Tokens;
use crate::model::{CausalLm, ModelConfig};
use crate::torch::arena::Arena;
use crate::torch::packed::Packed;
use crate::torch::plan::Plan;
use crate::torch::step::{OverPages, Parts};

/// Keys and values of all pages.
#[derive(Debug)]
pub(crate) struct TorchBackend {
    arena: Arena,
    /// Bytes of a page in one layer.
    layer_bytes: usize,
    layers: usize,
    device: Device,
}

/// A backend: the store and the model whose keys and values it holds.
pub(crate) struct WithModel<'a> {
    store: &'a mut TorchBackend,
    model: &'a CausalLm,
}

impl TorchBackend {
    pub(crate) fn new(model: &CausalLm) -> Self {
        let ModelConfig { layers, kv_heads, head_dim, .. } = *model.config();
        let (precision, device) = (model.placement().precision, model.device().into());
        let slot = 2 * (kv_heads * head_dim) as usize * precision.bytes();
        let arena = Arena::new(layers, [kv_heads, head_dim], (precision.kind(), device));
        Self { arena, layer_bytes: slot * TOKENS_PER_PAGE, layers, device }
    }

    pub(crate) fn page_bytes(&self) -> usize {
        self.layer_bytes * self.layers
    }

    pub(crate) fn with<'a>(&'a mut self, model: &'a CausalLm) -> WithModel<'a> {
        WithModel { store: self, model }
    }
}

impl WithModel<'_> {
    /// The logits of the segments that want them, `[W, V]`, f32, on the device.
    fn logits_on_device(&mut self, segments: &[Segment<'_>]) -> Tensor {
        let TorchBackend { arena, layer_bytes, device, .. } = &mut *self.store;
        let pages = segments.iter().flat_map(|s| s.pages).map(|page| page.index() + 1);
        assert!(arena.hold(pages.max().unwrap_or(0)), "pages that a step uses were held before");
        let mut packed = Packed::default();
        let parts = Parts::new(segments, Plan::new(segments, *layer_bytes), &mut packed);
        let step = parts.on_device(&packed.upload(*device));
        let tokens = Tokens { ids: &step.ids, positions: &step.positions };
        let hidden = self.model.forward_cached(tokens, &mut OverPages { arena, step: &step });
        let hidden = hidden.squeeze_dim(0).index_select(0, &step.wanted);
        tch::no_grad(|| self.model.project(&hidden).to_kind(Kind::Float))
    }
}

impl Backend for WithModel<'_> {
    fn page_bytes(&self) -> usize {
        self.store.page_bytes()
    }

    fn hold(&mut self, page: PageId) -> bool {
        self.store.arena.hold(page.index() + 1)
    }

    fn logits(&mut self, _: &Pool, segments: &[Segment<'_>]) -> Vec<f32> {
        if segments.is_empty() {
            return Vec::new();
        }
        let logits = self.logits_on_device(segments).to_device(Device::Cpu).contiguous();
        let mut values = vec![0f32; logits.numel()];
        logits.copy_data(&mut values, logits.numel());
        values
    }

    fn draw(&mut self, _: &Pool, segments: &[Segment<'_>]) -> Vec<Drawn> {
        if segments.is_empty() {
            return Vec::new();
        }
        let draws: Vec<Draw<'_>> = segments.iter().filter_map(|segment| segment.draw).collect();
        let logits = self.logits_on_device(segments);
        if draws.is_empty() { Vec::new() } else { draw::draw_rows(&logits, &draws) }
    }
}

#[cfg(test)]
mod tests {
    use thinksafe_kernels::Pool;

    use super::TorchBackend;
    use crate::Precision;
    use crate::fixture::{SHAPES, Tables, largest_difference, model, reference};

    #[test]
    fn logits_equal_those_without_pages() {
        for shape in SHAPES {
            let model = model(shape, Precision::F32);
            let reference = reference(&model);
            for chunk in [1, 7, 16, 40] {
                let mut store = TorchBackend::new(&model);
                let (mut backend, pool) = (store.with(&model), Pool::new(1));
                let logits = Tables::new().logits(&mut backend, &pool, &[2, 0, 3, 1], chunk);
                let difference = largest_difference(&logits, &reference);
                assert!(difference < 2e-4, "{shape}, chunks of {chunk}: {difference:e}");
            }
        }
    }
}
