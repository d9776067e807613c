//! One step on the device: where its tokens are, and how they attend over pages.

use std::cell::OnceCell;

use tch::{Kind, Tensor};

use crate::engine::{Segment, TOKENS_PER_PAGE};
use crate::model::attention::{Attend, LayerAttention};
use crate::model::scores::Seen;
use crate::torch::arena::Arena;
use crate::torch::kernel::Kernel;
use crate::torch::packed::{Packed, Part, Uploaded};
use crate::torch::plan::{Group, Plan};

/// The tokens of a step, without padding: N of them.
#[derive(Debug)]
pub(super) struct Step {
    /// `[1, N]`, i32.
    pub(super) ids: Tensor,
    /// `[1, N]`, i32.
    pub(super) positions: Tensor,
    /// The tokens whose logits are wanted, in the order of their segments, i32.
    pub(super) wanted: Tensor,
    /// Where keys and values of each token belong, i64.
    slots: Tensor,
    groups: Vec<Placed>,
}

/// The parts of [`Step`] within what is uploaded.
#[derive(Debug)]
pub(super) struct Parts {
    ids: Part,
    positions: Part,
    wanted: Part,
    slots: Part,
    groups: Vec<(Group, GroupParts)>,
}

#[derive(Debug)]
struct GroupParts {
    tables: Part,
    at: Part,
    /// Which tokens stand in the padded group, and which places of it are tokens; none if it has no padding.
    padding: Option<[Part; 2]>,
}

impl Parts {
    /// Lays out a step's segments.
    pub(super) fn new(segments: &[Segment<'_>], plan: Plan, packed: &mut Packed) -> Self {
        let ordered: Vec<&Segment<'_>> = plan.order.iter().map(|i| &segments[*i]).collect();
        let ids = packed.ints(ordered.iter().flat_map(|s| s.tokens).map(|id| *id as i32));
        let at = |s: &&Segment<'_>| s.start..s.start + s.tokens.len();
        let positions = packed.ints(ordered.iter().flat_map(at).map(|position| position as i32));
        let slots = ordered.iter().flat_map(|s| at(s).map(|position| slot(s, position)));
        let slots = packed.ints(slots);
        let mut last = vec![0; segments.len()];
        let mut end = 0;
        for (index, segment) in plan.order.iter().zip(&ordered) {
            end += segment.tokens.len();
            last[*index] = end as i32 - 1;
        }
        let wanted =
            segments.iter().zip(last).filter(|(s, _)| s.draw.is_some()).map(|(_, last)| last);
        let wanted = packed.ints(wanted);
        let groups = plan.groups.into_iter().map(|group| {
            let parts = GroupParts::new(&ordered[group.members.clone()], &group, packed);
            (group, parts)
        });
        let groups = groups.collect();
        Self { ids, positions, wanted, slots, groups }
    }

    /// The step, once everything is on the device.
    pub(super) fn on_device(&self, uploaded: &Uploaded) -> Step {
        let place = |(group, parts): &(Group, GroupParts)| Placed {
            group: group.clone(),
            tables: uploaded.ints(&parts.tables),
            at: uploaded.ints(&parts.at).view([-1, group.width as i64]),
            padding: parts.padding.as_ref().map(|p| p.each_ref().map(|part| uploaded.ints(part))),
            mask: OnceCell::new(),
            window_mask: OnceCell::new(),
        };
        Step {
            ids: uploaded.ints(&self.ids).unsqueeze(0),
            positions: uploaded.ints(&self.positions).unsqueeze(0),
            wanted: uploaded.ints(&self.wanted),
            slots: uploaded.longs(&self.slots),
            groups: self.groups.iter().map(place).collect(),
        }
    }
}

impl GroupParts {
    /// Padding repeats what the segment has itself: its first page, its last token. No segment ever reads another's.
    fn new(members: &[&Segment<'_>], group: &Group, packed: &mut Packed) -> Self {
        let pages = |s: &&Segment<'_>| {
            let own = (s.start + s.tokens.len()).div_ceil(TOKENS_PER_PAGE);
            let pages: Vec<i32> = s.pages[..own].iter().map(|p| p.index() as i32).collect();
            (0..group.pages).map(move |i| pages.get(i).copied().unwrap_or(pages[0]))
        };
        let tables = packed.ints(members.iter().flat_map(pages));
        let within = |s: &&Segment<'_>| {
            let last = s.tokens.len() - 1;
            (0..group.width).map(move |t| t.min(last))
        };
        let at = members.iter().flat_map(|s| {
            let start = s.start;
            within(s).map(move |t| (start + t) as i32)
        });
        let at = packed.ints(at);
        let padding = (group.tokens.len() < members.len() * group.width).then(|| {
            let mut first = group.tokens.start;
            let rows = members.iter().flat_map(|s| {
                let begin = first;
                first += s.tokens.len();
                within(s).map(move |t| (begin + t) as i32)
            });
            let rows = packed.ints(rows);
            let real = members.iter().enumerate();
            let real =
                real.flat_map(|(i, s)| (0..s.tokens.len()).map(move |t| i * group.width + t));
            [rows, packed.ints(real.map(|place| place as i32))]
        });
        Self { tables, at, padding }
    }
}

fn slot(segment: &Segment<'_>, position: usize) -> i32 {
    let page = segment.pages[position / TOKENS_PER_PAGE];
    (page.index() * TOKENS_PER_PAGE + position % TOKENS_PER_PAGE) as i32
}

/// A group whose facts are on the device; n segments of up to T tokens, S positions of pages.
#[derive(Debug)]
struct Placed {
    group: Group,
    /// The pages of each, `[n * pages]`.
    tables: Tensor,
    /// The position of each token, `[n, T]`.
    at: Tensor,
    padding: Option<[Tensor; 2]>,
    mask: OnceCell<Tensor>,
    window_mask: OnceCell<Tensor>,
}

impl Placed {
    /// Attends for the group's tokens: `[N, H, D]`, `[N, K, D]` of the step to `[tokens, H, D]`.
    fn attend(
        &self,
        layer: LayerAttention,
        [q, k, v]: [&Tensor; 3],
        store: &[Tensor; 2],
        kernel: Option<&Kernel>,
    ) -> Tensor {
        if let Some(kernel) = kernel.filter(|_| self.group.width == 1) {
            let tokens = &self.group.tokens;
            let q = q.narrow(0, tokens.start as i64, tokens.len() as i64);
            let places = [&self.tables, &self.at.view(-1)];
            if let Some(mixed) = kernel.attend(&q, store, places, layer) {
                return mixed;
            }
        }
        let whole = layer.window.is_none_or(|window| window >= self.group.width as i64);
        let q = self.padded(q); // [n, T, H, D]
        let mixed = if self.group.fresh && whole {
            let [q, k, v] = [q, self.padded(k), self.padded(v)].map(|x| x.transpose(1, 2));
            // A token behind the last is seen by none before it.
            layer.scores.attend([&q, &k, &v], Seen::Earlier).transpose(1, 2)
        } else {
            self.over_pages(layer, &q, store)
        };
        let mixed = mixed.flatten(0, 1);
        match &self.padding {
            Some([_, real]) => mixed.index_select(0, real),
            None => mixed,
        }
    }

    /// The group's tokens out of the step's, `[N, heads, D]` to `[n, T, heads, D]`.
    fn padded(&self, x: &Tensor) -> Tensor {
        let (_, heads, dim) = x.size3().expect("heads are [N, heads, D]");
        let tokens = &self.group.tokens;
        let x = match &self.padding {
            Some([rows, _]) => x.index_select(0, rows),
            None => x.narrow(0, tokens.start as i64, tokens.len() as i64),
        };
        x.reshape([-1, self.group.width as i64, heads, dim])
    }

    /// `[n, T, H, D]` over gathered pages. The heads that share keys become rows of one product, so that keys and
    /// values are not repeated.
    fn over_pages(&self, layer: LayerAttention, q: &Tensor, store: &[Tensor; 2]) -> Tensor {
        let (n, width, heads, dim) = q.size4().expect("queries are [n, T, H, D]");
        let [keys, values] = store.each_ref().map(|store| self.gather(store)); // [n, K, S, D]
        let kv_heads = keys.size()[1];
        let groups = heads / kv_heads;
        let rows = q.view([n, width, kv_heads, groups, dim]).permute([0, 2, 3, 1, 4]);
        let rows = rows.reshape([n, kv_heads, groups * width, dim]);
        let mask = self.mask(layer.window, groups, q.kind());
        let mixed = layer.scores.attend([&rows, &keys, &values], Seen::Masked(mask));
        let mixed = mixed.view([n, kv_heads, groups, width, dim]).permute([0, 3, 1, 2, 4]);
        mixed.reshape([n, width, heads, dim])
    }

    /// The pages of each segment one behind the other: `[n, K, S, D]`.
    fn gather(&self, store: &Tensor) -> Tensor {
        let (_, heads, dim) = store.size3().expect("the store is [slots, K, D]");
        let pages = store.view([-1, TOKENS_PER_PAGE as i64, heads, dim]);
        let pages = pages.index_select(0, &self.tables);
        let length = (self.group.pages * TOKENS_PER_PAGE) as i64;
        pages.view([-1, length, heads, dim]).transpose(1, 2)
    }

    /// 0 where a row sees a position, minus infinity elsewhere: `[n, 1, groups * T, S]`, made once a step. All windowed
    /// layers of a model share one window.
    fn mask(&self, window: Option<i64>, groups: i64, kind: Kind) -> &Tensor {
        let cell = if window.is_some() { &self.window_mask } else { &self.mask };
        cell.get_or_init(|| {
            let length = (self.group.pages * TOKENS_PER_PAGE) as i64;
            let keys = Tensor::arange(length, (Kind::Int, self.at.device()));
            let at = self.at.unsqueeze(-1);
            let mut unseen = keys.gt_tensor(&at); // [n, T, S]
            if let Some(window) = window {
                unseen = unseen.logical_or(&keys.le_tensor(&(at - window)));
            }
            let mask = Tensor::zeros(unseen.size(), (kind, unseen.device()));
            let mask = mask.masked_fill(&unseen, f64::NEG_INFINITY);
            let (n, width, _) = mask.size3().expect("the mask is [n, T, S]");
            let mask = mask.view([n, 1, 1, width, length]);
            let mask = mask.expand([n, 1, groups, width, length], false);
            mask.reshape([n, 1, groups * width, length])
        })
    }
}

/// Attention of a step over an arena.
#[derive(Debug)]
pub(super) struct OverPages<'a> {
    pub(super) arena: &'a mut Arena,
    pub(super) step: &'a Step,
    pub(super) kernel: Option<&'a Kernel>,
}

impl Attend for OverPages<'_> {
    fn attend(&mut self, layer: LayerAttention, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
        let [q, k, v] = [q, k, v].map(|x| x.squeeze_dim(0).transpose(0, 1)); // [N, heads, D]
        let store = self.arena.layer(layer.index);
        for (store, new) in store.iter_mut().zip([&k, &v]) {
            let _ = store.index_copy_(0, &self.step.slots, new);
        }
        let attend = |group: &Placed| group.attend(layer, [&q, &k, &v], store, self.kernel);
        let mixed: Vec<Tensor> = self.step.groups.iter().map(attend).collect();
        let mixed =
            if let [one] = &mixed[..] { one.shallow_clone() } else { Tensor::cat(&mixed, 0) };
        mixed.transpose(0, 1).unsqueeze(0) // [1, H, N, D]
    }
}
