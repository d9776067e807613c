//! Causal attention within sequences that lie one behind the other.

use std::ops::Range;

use tch::{Kind, Tensor};
use thinksafe_kernels::training::{AttentionBackward, AttentionForward, AttentionShape, HeadRows};

use super::{in_format, level, native};
use crate::host::{Format, Values, split, values};

/// What attention is computed over.
///
/// # Shapes
/// N tokens of all sequences, H query heads, K key-value heads, D head dim
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sequences<'a> {
    /// The rows of each sequence.
    pub(crate) rows: &'a [Range<usize>],
    /// D.
    pub(crate) head_dim: usize,
    /// What scores are multiplied by.
    pub(crate) scale: f32,
    /// The soft cap of the scaled scores, if they have one.
    pub(crate) cap: Option<f32>,
    /// How many tokens a query sees, its own included; none: all before it.
    pub(crate) window: Option<usize>,
}

/// Queries `[N, H * D]`, and keys and values `[N, K * D]`.
pub(crate) type Operands<'a> = [&'a Tensor; 3];

/// The result `[N, H * D]` and the logarithms of its sums `[N * H]` in an order of their own; none where our kernels
/// cannot take the tensors.
pub(crate) fn attention(operands: Operands<'_>, over: Sequences<'_>) -> Option<(Tensor, Tensor)> {
    let kind = native(&operands)?;
    let mut out = operands[0].empty_like();
    let heads = operands[0].numel() / over.head_dim;
    let mut log_sums = Tensor::empty([heads as i64], (Kind::Float, out.device()));
    in_format!(kind, forward(operands, over, &mut out, &mut log_sums));
    Some((out, log_sums))
}

/// The gradients of the operands from that of the result.
///
/// # Panics
/// If our kernels cannot take the tensors, of which [`attention`] took the operands.
pub(crate) fn attention_backward(
    operands: Operands<'_>,
    (out, log_sums): (&Tensor, &Tensor),
    dout: &Tensor,
    over: Sequences<'_>,
) -> [Tensor; 3] {
    let dout = dout.contiguous();
    let mut gradients = operands.map(Tensor::empty_like);
    in_format!(dout.kind(), backward(operands, (out, log_sums, &dout), over, &mut gradients));
    gradients
}

fn forward<T: Format>(
    operands: Operands<'_>,
    over: Sequences<'_>,
    out: &mut Tensor,
    log_sums: &mut Tensor,
) {
    let heads = Heads::new(operands, over);
    let [q, k, v] = operands.map(values::<T>);
    let (out, log_sums) = (Values::<T>::of(out), Values::<f32>::of(log_sums));
    heads.each(&|head| {
        let mut dense = vec![T::default(); head.rows.len() * heads.wide];
        let forward = AttentionForward {
            shape: heads.shape(head),
            q: heads.wide(q, head),
            k: heads.narrow(k, head),
            v: heads.narrow(v, head),
            out: &mut dense,
            log_sums: log_sums.part(heads.log_sums(head)),
        };
        T::attention(level(), forward);
        heads.scatter(&dense, heads.wide, head, &out);
    });
}

fn backward<T: Format>(
    operands: Operands<'_>,
    (out, log_sums, dout): (&Tensor, &Tensor, &Tensor),
    over: Sequences<'_>,
    gradients: &mut [Tensor; 3],
) {
    let heads = Heads::new(operands, over);
    let [q, k, v] = operands.map(values::<T>);
    let [out, dout] = [out, dout].map(values::<T>);
    let log_sums = values::<f32>(log_sums);
    let [dq, dk, dv] = gradients.each_mut().map(|gradient| Values::<T>::of(gradient));
    heads.each(&|head| {
        let length = head.rows.len();
        let zeros = |width| vec![T::default(); length * width];
        let (mut wide, mut keys, mut narrow) =
            (zeros(heads.wide), zeros(heads.dim), zeros(heads.dim));
        let backward = AttentionBackward {
            shape: heads.shape(head),
            q: heads.wide(q, head),
            k: heads.narrow(k, head),
            v: heads.narrow(v, head),
            out: heads.wide(out, head),
            log_sums: &log_sums[heads.log_sums(head)],
            dout: heads.wide(dout, head),
            dq: &mut wide,
            dk: &mut keys,
            dv: &mut narrow,
        };
        T::attention_backward(level(), backward);
        heads.scatter(&wide, heads.wide, head, &dq);
        heads.scatter(&keys, heads.dim, head, &dk);
        heads.scatter(&narrow, heads.dim, head, &dv);
    });
}

/// The groups of heads of all sequences.
struct Heads<'a> {
    over: Sequences<'a>,
    /// K.
    kv_heads: usize,
    dim: usize,
    /// The values of a group's queries.
    wide: usize,
}

/// One group of heads of one sequence.
struct Head<'a> {
    rows: &'a Range<usize>,
    index: usize,
}

impl<'a> Heads<'a> {
    fn new([q, k, _]: Operands<'_>, over: Sequences<'a>) -> Self {
        let dim = over.head_dim;
        let [all, kv_heads] = [q, k].map(|x| x.size()[1] as usize / dim);
        Self { over, kv_heads, dim, wide: all / kv_heads * dim }
    }

    /// Runs `work` on each group once, on libtorch's threads.
    fn each(&self, work: &(dyn Fn(&Head<'_>) + Sync)) {
        split(self.over.rows.len() * self.kv_heads, 1, &|groups| {
            for group in groups {
                let rows = &self.over.rows[group / self.kv_heads];
                work(&Head { rows, index: group % self.kv_heads });
            }
        });
    }

    fn shape(&self, head: &Head<'_>) -> AttentionShape {
        AttentionShape {
            length: head.rows.len(),
            group: self.wide / self.dim,
            head_dim: self.dim,
            scale: self.over.scale,
            cap: self.over.cap,
            window: self.over.window,
        }
    }

    fn wide<'v, T>(&self, values: &'v [T], head: &Head<'_>) -> HeadRows<'v, T> {
        self.rows(values, self.wide, head)
    }

    fn narrow<'v, T>(&self, values: &'v [T], head: &Head<'_>) -> HeadRows<'v, T> {
        self.rows(values, self.dim, head)
    }

    fn rows<'v, T>(&self, values: &'v [T], width: usize, head: &Head<'_>) -> HeadRows<'v, T> {
        let stride = self.kv_heads * width;
        HeadRows { values: &values[head.rows.start * stride + head.index * width..], stride, width }
    }

    /// Where a group's logarithms are: sequence by sequence, and group by group.
    fn log_sums(&self, head: &Head<'_>) -> Range<usize> {
        let group = self.wide / self.dim;
        let from = (head.rows.start * self.kv_heads + head.index * head.rows.len()) * group;
        from..from + head.rows.len() * group
    }

    /// Puts a group's dense rows in their places.
    fn scatter<T: Format>(&self, dense: &[T], width: usize, head: &Head<'_>, out: &Values<'_, T>) {
        let stride = self.kv_heads * width;
        for (row, values) in head.rows.clone().zip(dense.chunks_exact(width)) {
            let from = row * stride + head.index * width;
            out.part(from..from + width).copy_from_slice(values);
        }
    }
}
