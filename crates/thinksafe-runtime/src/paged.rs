//! Steps through libtorch, on any device, over paged keys and values.
//!
//! The segments of a step become the rows of a padded batch; each layer writes their keys and values to the pages'
//! slots and gathers what each segment attends to. It is right everywhere and fast nowhere: no kernel of libtorch
//! attends over pages.

use tch::{Device, Kind, Tensor};
use thinksafe_kernels::Pool;

use crate::engine::{Backend, PageId, Segment, TOKENS_PER_PAGE};
use crate::model::attention::{Attend, LayerAttention, repeat_heads};
use crate::model::decoder::Tokens;
use crate::model::{CausalLm, ModelConfig};

/// Keys and values of all pages.
#[derive(Debug)]
pub(crate) struct TorchBackend {
    /// For each layer keys and values, `[slots, K, D]`.
    layers: Vec<(Tensor, Tensor)>,
    slots: i64,
    page_bytes: usize,
    heads: [i64; 2],
    kind: (Kind, Device),
}

/// A backend: the store and the model whose keys and values it holds.
pub(crate) struct WithModel<'a> {
    store: &'a mut TorchBackend,
    model: &'a CausalLm,
}

impl TorchBackend {
    pub(crate) fn new(model: &CausalLm) -> Self {
        let ModelConfig { layers, kv_heads, head_dim, .. } = *model.config();
        let (precision, device) = (model.placement().precision, model.device());
        let slot = 2 * layers * (kv_heads * head_dim) as usize * precision.bytes();
        let kind = (precision.kind(), device.into());
        let empty = || {
            (
                Tensor::zeros([0, kv_heads, head_dim], kind),
                Tensor::zeros([0, kv_heads, head_dim], kind),
            )
        };
        Self {
            layers: (0..layers).map(|_| empty()).collect(),
            slots: 0,
            page_bytes: slot * TOKENS_PER_PAGE,
            heads: [kv_heads, head_dim],
            kind,
        }
    }

    pub(crate) fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    pub(crate) fn with<'a>(&'a mut self, model: &'a CausalLm) -> WithModel<'a> {
        WithModel { store: self, model }
    }

    /// Makes room for pages up to `page`, doubling what there is.
    fn hold(&mut self, page: PageId) {
        let needed = ((page.index() + 1) * TOKENS_PER_PAGE) as i64;
        if needed <= self.slots {
            return;
        }
        let slots = needed.max(2 * self.slots).max(64 * TOKENS_PER_PAGE as i64);
        let [heads, dim] = self.heads;
        let grow = |old: &Tensor| {
            let new = Tensor::zeros([slots, heads, dim], self.kind);
            new.narrow(0, 0, self.slots).copy_(old);
            new
        };
        for (keys, values) in &mut self.layers {
            (*keys, *values) = (grow(keys), grow(values));
        }
        self.slots = slots;
    }
}

impl Backend for WithModel<'_> {
    fn page_bytes(&self) -> usize {
        self.store.page_bytes
    }

    fn logits(&mut self, _: &Pool, segments: &[Segment<'_>]) -> Vec<f32> {
        if segments.is_empty() {
            return Vec::new();
        }
        for page in segments.iter().flat_map(|s| s.pages) {
            self.store.hold(*page);
        }
        let device = self.store.kind.1;
        let plan = Plan::new(segments, device);
        let (ids, positions) = plan.tokens(segments, device);
        let mut paged = Paged { store: self.store, plan: &plan };
        let tokens = Tokens { ids: &ids, positions: &positions };
        let hidden = self.model.forward_cached(tokens, &mut paged);
        let wanted: Vec<i64> = (0..)
            .zip(segments)
            .filter(|(_, s)| s.draw.is_some())
            .map(|(i, s)| i * plan.width + s.tokens.len() as i64 - 1)
            .collect();
        let wanted = Tensor::from_slice(&wanted).to_device(device);
        let hidden = hidden.flatten(0, 1).index_select(0, &wanted);
        let logits = tch::no_grad(|| self.model.project(&hidden).to_kind(Kind::Float));
        let logits = logits.to_device(Device::Cpu).contiguous();
        let mut values = vec![0f32; logits.numel()];
        logits.copy_data(&mut values, logits.numel());
        values
    }
}

/// Where the tokens of a step are, in the padded batch and in the slots.
struct Plan {
    /// T: the most tokens of a segment.
    width: i64,
    /// For each real token its place in the flattened batch `[B * T]`.
    places: Tensor,
    /// For each real token its slot.
    slots: Tensor,
    /// For each segment the slots of all its positions, `[B, S]`, 0 behind the last.
    read: Tensor,
    /// The position of each token of the batch, `[B, T, 1]`.
    at: Tensor,
}

impl Plan {
    fn new(segments: &[Segment<'_>], device: Device) -> Self {
        let width = segments.iter().map(|s| s.tokens.len()).max().unwrap_or(0);
        let length = segments.iter().map(|s| s.start + s.tokens.len()).max().unwrap_or(0);
        let (mut places, mut slots, mut read, mut at) = (vec![], vec![], vec![], vec![]);
        for (i, segment) in segments.iter().enumerate() {
            let end = segment.start + segment.tokens.len();
            places.extend((0..segment.tokens.len()).map(|t| (i * width + t) as i64));
            slots.extend((segment.start..end).map(|position| slot(segment, position)));
            read.extend((0..length).map(|p| if p < end { slot(segment, p) } else { 0 }));
            at.extend((0..width).map(|t| (segment.start + t) as i64));
        }
        let tensor = |values: &[i64]| Tensor::from_slice(values).to_device(device);
        let batch = segments.len() as i64;
        Self {
            width: width as i64,
            places: tensor(&places),
            slots: tensor(&slots),
            read: tensor(&read).view([batch, -1]),
            at: tensor(&at).view([batch, -1, 1]),
        }
    }

    /// Ids and positions, `[B, T]`; places behind a segment's tokens repeat id 0 and mean nothing.
    fn tokens(&self, segments: &[Segment<'_>], device: Device) -> (Tensor, Tensor) {
        let mut ids = Vec::new();
        for segment in segments {
            ids.extend(segment.tokens.iter().map(|id| i64::from(*id)));
            ids.resize(ids.len() + self.width as usize - segment.tokens.len(), 0);
        }
        let ids = Tensor::from_slice(&ids).to_device(device).view([-1, self.width]);
        (ids, self.at.squeeze_dim(-1))
    }

    /// Which positions each token sees, `[B, 1, T, S]`.
    fn seen(&self, window: Option<i64>) -> Tensor {
        let length = self.read.size()[1];
        let keys = Tensor::arange(length, (Kind::Int64, self.read.device())).view([1, 1, -1]);
        let seen = keys.le_tensor(&self.at);
        let seen = match window {
            None => seen,
            Some(window) => seen.logical_and(&keys.gt_tensor(&(&self.at - window))),
        };
        seen.unsqueeze(1)
    }
}

fn slot(segment: &Segment<'_>, position: usize) -> i64 {
    let page = segment.pages[position / TOKENS_PER_PAGE];
    (page.index() * TOKENS_PER_PAGE + position % TOKENS_PER_PAGE) as i64
}

struct Paged<'a> {
    store: &'a mut TorchBackend,
    plan: &'a Plan,
}

impl Attend for Paged<'_> {
    fn attend(&mut self, layer: LayerAttention, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
        let plan = self.plan;
        let (keys, values) = &mut self.store.layers[layer.index];
        for (store, new) in [(&mut *keys, k), (&mut *values, v)] {
            let new = new.transpose(1, 2).flatten(0, 1).index_select(0, &plan.places);
            let _ = store.index_copy_(0, &plan.slots, &new);
        }
        let [batch, length] = [plan.read.size()[0], plan.read.size()[1]];
        let gather = |store: &Tensor| {
            let rows = store.index_select(0, &plan.read.flatten(0, 1));
            let [_, heads, dim] = [0, rows.size()[1], rows.size()[2]];
            rows.view([batch, length, heads, dim]).transpose(1, 2) // [B, K, S, D]
        };
        let groups = q.size()[1] / k.size()[1];
        let (k, v) = (repeat_heads(&gather(keys), groups), repeat_heads(&gather(values), groups));
        let seen = plan.seen(layer.window);
        Tensor::scaled_dot_product_attention(q, &k, &v, Some(&seen), 0.0, false, None, false)
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
            for chunk in [1, 7, 40] {
                let mut store = TorchBackend::new(&model);
                let (mut backend, pool) = (store.with(&model), Pool::new(1));
                let logits = Tables::new().logits(&mut backend, &pool, &[2, 0, 3, 1], chunk);
                let difference = largest_difference(&logits, &reference);
                assert!(difference < 2e-4, "{shape}, chunks of {chunk}: {difference:e}");
            }
        }
    }
}
