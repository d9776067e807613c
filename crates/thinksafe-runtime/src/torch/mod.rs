//! Steps through libtorch, on any device, over paged keys and values.
//!
//! ```text
//! segments ─▶ Plan (which attend together) ─▶ Packed ──one upload──▶ Step ─▶ layers ─▶ logits ─▶ draws
//!                                                       Arena (pages) ◀──────┘
//! ```

mod arena;
mod draw;
mod graphs;
mod head;
mod kernel;
mod options;
mod packed;
mod plan;
mod replay;
mod sample;
mod step;
mod stream;

pub use options::{CudaAttention, CudaLaunch, CudaOptions};
use tch::{Device, Kind, Tensor};
use thinksafe_kernels::Pool;

use crate::engine::{Backend, Draw, Drawn, PageId, Segment, TOKENS_PER_PAGE};
use crate::model::decoder::Tokens;
use crate::model::{CausalLm, ModelConfig};
#[cfg(test)]
pub(crate) use crate::torch::arena::Allocate;
use crate::torch::arena::Arena;
use crate::torch::graphs::CudaGraphs;
use crate::torch::kernel::{Kernel, Shape};
use crate::torch::packed::Packed;
use crate::torch::plan::{GATHER_BYTES, Gathering, Plan};
pub(crate) use crate::torch::replay::Bucket;
#[cfg(test)]
pub(crate) use crate::torch::replay::Replay;
use crate::torch::replay::Replayed;
use crate::torch::step::{OverPages, Parts, Step};
use crate::torch::stream::Stream;

/// Keys and values of all pages.
#[derive(Debug)]
pub(crate) struct TorchBackend {
    arena: Arena,
    /// Bytes of a page in one layer.
    layer_bytes: usize,
    layers: usize,
    device: Device,
    /// What single tokens attend with, if not with copies of pages.
    kernel: Option<Kernel>,
    /// Whether a sequence had values that are not finite. What is masked is multiplied by 0, which such values
    /// survive, so from then on pages are cleared before another sequence begins them.
    tainted: bool,
    /// What repeats steps of single tokens.
    replayed: Option<Replayed>,
}

/// A backend: the store and the model whose keys and values it holds.
pub(crate) struct WithModel<'a> {
    store: &'a mut TorchBackend,
    model: &'a CausalLm,
}

impl TorchBackend {
    pub(crate) fn new(model: &CausalLm, options: CudaOptions) -> Self {
        let ModelConfig { layers, heads, kv_heads, head_dim, .. } = *model.config();
        let (precision, device) = (model.placement().precision, model.device().into());
        let slot = 2 * (kv_heads * head_dim) as usize * precision.bytes();
        let arena = Arena::new(layers, [kv_heads, head_dim], (precision.kind(), device));
        let stream = Stream::default();
        let absent = |what: &str, error: String| tracing::warn!(%error, "{what} cannot be used");
        let kernel = (options.attention == CudaAttention::Kernel).then(|| {
            let shape = Shape { heads, kv_heads, dim: head_dim, kind: precision.kind() };
            Kernel::new(device, shape, stream.clone())
        });
        let graphs =
            (options.launch == CudaLaunch::Graphs).then(|| CudaGraphs::new(device, stream));
        let kernel = kernel.and_then(|k| k.map_err(|e| absent("the attention kernel", e)).ok());
        let graphs = graphs.and_then(|g| g.map_err(|e| absent("CUDA graphs", e)).ok());
        let replayed = graphs.map(|graphs| Replayed::new(Box::new(graphs)));
        let layer_bytes = slot * TOKENS_PER_PAGE;
        Self { arena, layer_bytes, layers, device, kernel, tainted: false, replayed }
    }

    /// Takes memory as tests have it.
    #[cfg(test)]
    pub(crate) fn with_allocate(self, allocate: Allocate) -> Self {
        Self { arena: self.arena.with_allocate(allocate), ..self }
    }

    /// Repeats steps as tests have it.
    #[cfg(test)]
    pub(crate) fn with_replay(self, replay: Box<dyn Replay>) -> Self {
        Self { replayed: Some(Replayed::new(replay)), ..self }
    }

    /// Whether kernel and graphs are there and have not failed.
    #[cfg(test)]
    pub(crate) fn works(&self) -> [bool; 2] {
        [
            self.kernel.as_ref().is_some_and(Kernel::works),
            self.replayed.as_ref().is_some_and(Replayed::works),
        ]
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
        let TorchBackend { arena, layer_bytes, device, kernel, tainted, replayed, .. } =
            &mut *self.store;
        let (model, device, kernel) = (self.model, *device, kernel.as_ref());
        let pages = segments.iter().flat_map(|s| s.pages).map(|page| page.index() + 1);
        assert!(arena.hold(pages.max().unwrap_or(0)), "pages that a step uses were held before");
        if *tainted {
            arena.clear(&begun(segments));
        }
        let held = arena.pages();
        let mut compute = |step: &Step| {
            let tokens = Tokens { ids: &step.ids, positions: &step.positions };
            let hidden = model.forward_cached(tokens, &mut OverPages { arena, step, kernel });
            let hidden = hidden.squeeze_dim(0).index_select(0, &step.wanted);
            tch::no_grad(|| model.project(&hidden).to_kind(Kind::Float))
        };
        if let Some((replayed, bucket)) = replayed.as_mut().zip(Bucket::of(segments))
            && (kernel.is_some() || bucket.gathers(*layer_bytes) <= GATHER_BYTES)
        {
            return replayed.run(bucket, segments, (held, device), &mut compute);
        }
        let mut packed = Packed::default();
        let singles = if kernel.is_some() { Gathering::None } else { Gathering::Copies };
        let plan = Plan::new(segments, singles, *layer_bytes);
        let parts = Parts::new(segments, plan, &mut packed);
        compute(&parts.on_device(&packed.upload(device)))
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
        let drawn = if draws.is_empty() { Vec::new() } else { draw::draw_rows(&logits, &draws) };
        self.store.tainted |= drawn.contains(&Drawn::NotFinite);
        drawn
    }
}

/// The pages whose first position a step computes.
fn begun(segments: &[Segment<'_>]) -> Vec<i64> {
    let of = |segment: &Segment<'_>| {
        let first = segment.start.div_ceil(TOKENS_PER_PAGE);
        let end = (segment.start + segment.tokens.len()).div_ceil(TOKENS_PER_PAGE);
        segment.pages[first..end].iter().map(|page| page.index() as i64).collect::<Vec<_>>()
    };
    segments.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use thinksafe_kernels::Pool;

    use super::{CudaOptions, TorchBackend, kernel};
    use crate::Precision;
    use crate::fixture::{SHAPES, Tables, largest_difference, model, reference};

    #[test]
    fn logits_equal_those_without_pages() {
        for shape in SHAPES {
            let model = model(shape, Precision::F32);
            let reference = reference(&model);
            for chunk in [1, 7, 16, 40] {
                let mut store = TorchBackend::new(&model, CudaOptions::default());
                let (mut backend, pool) = (store.with(&model), Pool::new(1));
                let logits = Tables::new().logits(&mut backend, &pool, &[2, 0, 3, 1], chunk);
                let difference = largest_difference(&logits, &reference);
                assert!(difference < 2e-4, "{shape}, chunks of {chunk}: {difference:e}");
            }
        }
    }

    #[test]
    fn logits_with_the_kernel_equal_those_without_pages() {
        // Heads of whole sixteen bytes.
        for shape in [SHAPES[1], SHAPES[2], SHAPES[4]] {
            let model = model(shape, Precision::F32);
            let reference = reference(&model);
            let mut store = TorchBackend::new(&model, CudaOptions::default());
            let config = model.config();
            let shape_of = kernel::Shape {
                heads: config.heads,
                kv_heads: config.kv_heads,
                dim: config.head_dim,
                kind: tch::Kind::Float,
            };
            store.kernel = Some(kernel::tests::compiled(shape_of, ["", ""]));
            let (mut backend, pool) = (store.with(&model), Pool::new(1));
            let logits = Tables::new().logits(&mut backend, &pool, &[2, 0, 3, 1], 1);
            let difference = largest_difference(&logits, &reference);
            assert!(difference < 2e-4, "{shape}: {difference:e}");
            assert!(store.kernel.is_some_and(|kernel| kernel.attended() > 0), "{shape}");
        }
    }
}
