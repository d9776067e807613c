//! The soft cap of logits and attention scores (Gemma 2): `cap · tanh(x / cap)`.

use crate::elementary::tanh;
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pool::{Pool, SharedSlice};

/// Values that one piece of work caps.
const PIECE: usize = 4096;

/// Brings every value smoothly between `-cap` and `cap`.
pub fn soft_cap(pool: &Pool, values: &mut [f32], cap: f32) {
    let (level, count) = (pool.level(), values.len());
    let values = SharedSlice::new(values);
    pool.split_light(count.div_ceil(PIECE), count, &|pieces| {
        for piece in pieces {
            let start = piece * PIECE;
            let values = values.part(start, PIECE.min(count - start));
            level.run(SoftCap { values, cap });
        }
    });
}

struct SoftCap<'a> {
    values: &'a mut [f32],
    cap: f32,
}

impl Kernel for SoftCap<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        capped(self.values, self.cap);
    }
}

/// Caps values in place.
#[inline(always)]
pub(crate) fn capped(values: &mut [f32], cap: f32) {
    for value in values {
        *value = tanh(*value / cap) * cap;
    }
}
