//! Passes over a row of logits: its largest value, whether all are finite, and sums of exponentials.
//!
//! A vocabulary is large and what matters of it small: the pass that finds the maximum also notes the largest value of
//! each block, and what follows skips the blocks in which nothing can matter.

use crate::LANES;
use crate::lanes::Lanes;
use crate::level::{Kernel, Level};

/// Values of one block of a [`Scan`].
pub const SCAN_BLOCK: usize = 64;

/// Below this exponent a whole vocabulary adds less to a sum that is at least 1 than the sum's rounding.
const NOTHING: f64 = -50.0;

/// What one pass over a row finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    most: f32,
    finite: bool,
    blocks: Vec<f32>,
}

impl Scan {
    /// Looks at every value of a row.
    pub fn new(level: Level, row: &[f32]) -> Self {
        let mut blocks = vec![f32::NEG_INFINITY; row.len().div_ceil(SCAN_BLOCK)];
        let (mut most, mut magnitude) = (f32::NEG_INFINITY, 0);
        level.run(Look { row, blocks: &mut blocks, most: &mut most, magnitude: &mut magnitude });
        Self { most, finite: magnitude < f32::INFINITY.to_bits(), blocks }
    }

    /// The largest value; negative infinity for an empty row.
    pub fn most(&self) -> f32 {
        self.most
    }

    /// Whether no value is a NaN or an infinity.
    pub fn is_finite(&self) -> bool {
        self.finite
    }

    /// The largest value of each [`SCAN_BLOCK`] consecutive values.
    pub fn blocks(&self) -> &[f32] {
        &self.blocks
    }

    /// `Σ exp((x - most) · scale)` over the row that was scanned, in f64; `scale` is positive.
    ///
    /// # Panics
    /// If the row is not as long as the one scanned.
    pub fn sum_exp(&self, level: Level, row: &[f32], scale: f64) -> f64 {
        assert_eq!(row.len().div_ceil(SCAN_BLOCK), self.blocks.len(), "the row that was scanned");
        let mut sum = 0.0;
        let shift = Shift { most: self.most, scale };
        level.run(Sum { row, blocks: Some(&self.blocks), shift, sum: &mut sum });
        sum
    }
}

/// `Σ exp((x - most) · scale)` over any values that are at most `most`, in f64; `scale` is positive.
pub fn sum_exp(level: Level, values: &[f32], most: f32, scale: f64) -> f64 {
    let mut sum = 0.0;
    level.run(Sum { row: values, blocks: None, shift: Shift { most, scale }, sum: &mut sum });
    sum
}

struct Look<'a> {
    row: &'a [f32],
    blocks: &'a mut [f32],
    most: &'a mut f32,
    magnitude: &'a mut u32,
}

impl Kernel for Look<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let mut magnitudes = [0u32; LANES];
        for (block, largest) in self.row.chunks(SCAN_BLOCK).zip(self.blocks) {
            let mut lanes = [f32::NEG_INFINITY; LANES];
            let (vectors, rest) = block.as_chunks::<LANES>();
            for vector in vectors {
                for lane in 0..LANES {
                    lanes[lane] = larger(vector[lane], lanes[lane]);
                    magnitudes[lane] = magnitudes[lane].max(magnitude(vector[lane]));
                }
            }
            for (lane, value) in rest.iter().enumerate() {
                lanes[lane] = larger(*value, lanes[lane]);
                magnitudes[lane] = magnitudes[lane].max(magnitude(*value));
            }
            for half in [8, 4, 2, 1] {
                for lane in 0..half {
                    lanes[lane] = larger(lanes[lane], lanes[lane + half]);
                }
            }
            *largest = lanes[0];
            *self.most = larger(lanes[0], *self.most);
        }
        *self.magnitude = magnitudes.into_iter().fold(0, u32::max);
    }
}

/// One instruction, where `f32::max` needs several for what it does with a NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Without its sign the pattern of an infinity is above those of all numbers, and a NaN's above that.
#[inline(always)]
fn magnitude(value: f32) -> u32 {
    value.to_bits() & !(1 << 31)
}

/// What is done to a value before the exponential.
#[derive(Clone, Copy)]
struct Shift {
    most: f32,
    scale: f64,
}

impl Shift {
    #[inline(always)]
    fn exponent(self, value: f32) -> f64 {
        (f64::from(value) - f64::from(self.most)) * self.scale
    }
}

struct Sum<'a> {
    row: &'a [f32],
    blocks: Option<&'a [f32]>,
    shift: Shift,
    sum: &'a mut f64,
}

impl Kernel for Sum<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let mut lanes = [0f64; LANES];
        for (index, block) in self.row.chunks(SCAN_BLOCK).enumerate() {
            let largest = self.blocks.map_or(self.shift.most, |blocks| blocks[index]);
            if self.shift.exponent(largest) < NOTHING {
                continue;
            }
            let (vectors, rest) = block.as_chunks::<LANES>();
            for vector in vectors {
                for lane in 0..LANES {
                    lanes[lane] += exp(self.shift.exponent(vector[lane]));
                }
            }
            for (lane, value) in rest.iter().enumerate() {
                lanes[lane] += exp(self.shift.exponent(*value));
            }
        }
        *self.sum = lanes.iter().sum();
    }
}

/// e^x for x of at most 0, within a few units in the last place of f64, by the usual reduction x = n · ln 2 + r.
///
/// Written so that a loop over it becomes vectors on every machine: n is had by adding a number so large that what is
/// left of the sum's fraction is n itself, in its low bits.
#[inline(always)]
fn exp(x: f64) -> f64 {
    const TO_INTEGER: f64 = 6_755_399_441_055_744.0; // 1.5 · 2^52
    const LN2_REST: f64 = 2.319_046_813_846_299_6e-17;
    let x = if x > -708.0 { x } else { -708.0 };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, TO_INTEGER);
    let n = shifted - TO_INTEGER;
    let r = n.mul_add(-std::f64::consts::LN_2, x);
    let r = n.mul_add(-LN2_REST, r);
    let mut p = INVERSE_FACTORIALS[0];
    for coefficient in &INVERSE_FACTORIALS[1..] {
        p = p.mul_add(r, *coefficient);
    }
    p * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

/// 1/13! down to 1/0!.
const INVERSE_FACTORIALS: [f64; 14] = {
    let mut all = [1.0; 14];
    let (mut n, mut factorial) = (1, 1.0);
    while n < 14 {
        factorial *= n as f64;
        all[13 - n] = 1.0 / factorial;
        n += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    fn row(length: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * 7919) % 1009) as f32 * 0.05 - 20.0).collect()
    }

    #[test]
    fn exp_is_within_units_of_the_true_value() {
        let worst = (0..708_000)
            .map(|i| {
                let x = f64::from(i) * -1e-3;
                (exp(x) - x.exp()).abs() / x.exp()
            })
            .fold(0f64, f64::max);
        assert!(worst < 5e-16, "{worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f64::NEG_INFINITY) < 1e-307 && exp(f64::NAN) < 1e-307);
    }

    #[test]
    fn maxima_and_sums_are_those_of_plain_loops_at_every_level() {
        for length in [1, 15, 16, 63, 64, 65, 1000, 4097] {
            let row = row(length);
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let blocks: Vec<f32> = row
                .chunks(SCAN_BLOCK)
                .map(|block| block.iter().copied().fold(f32::NEG_INFINITY, f32::max))
                .collect();
            for scale in [1.0, 1.0 / 0.6, 1000.0, f64::MAX] {
                let truth: f64 = row.iter().map(|x| (f64::from(x - most) * scale).exp()).sum();
                let mut sums = Vec::new();
                for level in Level::available() {
                    let scan = Scan::new(level, &row);
                    assert_eq!((scan.most(), scan.blocks()), (most, blocks.as_slice()));
                    sums.push(scan.sum_exp(level, &row, scale));
                    sums.push(sum_exp(level, &row, most, scale));
                }
                assert!((sums[0] - truth).abs() < 1e-6 * truth, "{} and {truth}", sums[0]);
                assert!(sums.iter().step_by(2).all(|sum| sum.to_bits() == sums[0].to_bits()));
                assert!(sums.iter().all(|sum| (sum - sums[0]).abs() < 1e-14 * truth));
            }
        }
    }

    #[test]
    fn a_value_that_is_not_finite_is_seen_anywhere() {
        for level in Level::available() {
            for at in [0, 5, 63, 64, 99] {
                for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN] {
                    let mut row = row(100);
                    assert!(Scan::new(level, &row).is_finite());
                    row[at] = bad;
                    assert!(!Scan::new(level, &row).is_finite());
                }
            }
            assert!(Scan::new(level, &[f32::MAX, f32::MIN, -0.0]).is_finite());
        }
    }
}
