//! The gate of the feed-forward block.

use crate::elementary::exp;
use crate::inputs::{RowsMut, SharedRows};
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pool::Pool;

/// The activation of a gate: `x · σ(g(x))`, with a `g` for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the activations that kernels exist for")]
pub enum Activation {
    /// `g(x) = x`: SiLU, also called Swish.
    Silu,
    /// `g(x) = √(8/π) (x + 0.044715 x³)`: GELU in its approximation by a hyperbolic tangent.
    GeluTanh,
}

/// `g` of an [`Activation`], known at compile time.
pub(crate) trait Gate {
    /// `g(x)`.
    fn inner(x: f32) -> f32;

    /// `g'(x)`.
    fn inner_slope(x: f32) -> f32;
}

pub(crate) struct Silu;

impl Gate for Silu {
    #[inline(always)]
    fn inner(x: f32) -> f32 {
        x
    }

    #[inline(always)]
    fn inner_slope(_: f32) -> f32 {
        1.0
    }
}

pub(crate) struct GeluTanh;

/// √(8/π), twice the √(2/π) of the usual form `x/2 (1 + tanh(u))`, which is `x σ(2u)`.
const ROOT: f32 = 1.595_769;
const CUBIC: f32 = 0.044_715;

impl Gate for GeluTanh {
    #[inline(always)]
    fn inner(x: f32) -> f32 {
        ROOT * x * (CUBIC * x).mul_add(x, 1.0)
    }

    #[inline(always)]
    fn inner_slope(x: f32) -> f32 {
        ROOT * (3.0 * CUBIC * x).mul_add(x, 1.0)
    }
}

/// `out = activation(gate) · up` for `gate_up` of `[M, 2F]` (gate first) and `out` of `[M, F]`.
///
/// # Panics
/// If the lengths do not fit `rows`.
pub fn gate(
    pool: &Pool,
    activation: Activation,
    (gate_up, rows): (&[f32], usize),
    out: RowsMut<'_>,
) {
    assert!(rows > 0 && gate_up.len().is_multiple_of(2 * rows), "{rows} rows of gate and up");
    let width = gate_up.len() / 2 / rows;
    out.check(rows, width);
    let level = pool.level();
    let out = SharedRows::new(out);
    pool.split_light(rows, gate_up.len(), &|rows| {
        for row in rows {
            let (gate, up) = gate_up[row * 2 * width..][..2 * width].split_at(width);
            out.write(level, (row, width), |out| level.run(Gated { activation, gate, up, out }));
        }
    });
}

/// `out = activation(gate) · up`.
pub(crate) struct Gated<'a> {
    pub(crate) activation: Activation,
    pub(crate) gate: &'a [f32],
    pub(crate) up: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

impl Kernel for Gated<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.activation {
            Activation::Silu => self.by::<Silu>(),
            Activation::GeluTanh => self.by::<GeluTanh>(),
        }
    }
}

impl Gated<'_> {
    #[inline(always)]
    fn by<G: Gate>(self) {
        for ((out, gate), up) in self.out.iter_mut().zip(self.gate).zip(self.up) {
            *out = gate / (1.0 + exp(-G::inner(*gate))) * up;
        }
    }
}
