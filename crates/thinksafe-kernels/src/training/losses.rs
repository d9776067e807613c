//! Losses on rows of logits. The gradient takes the place of the logits: a vocabulary is too large to hold both.

use super::values::{total, widen};
use crate::LANES;
use crate::element::Element;
use crate::elementary::exp;
use crate::lanes::Lanes;
use crate::level::Kernel;

/// Values whose exponentials are added in f32 before the sum goes on in f64.
const BLOCK: usize = 64 * LANES;

/// Cross-entropy with one target a row.
///
/// `losses[row] = -ln softmax(logits[row])[target]`, and the row becomes `coefficient (softmax - onehot(target))`.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct CrossEntropyRows<'a, T> {
    /// `[rows, V]`: logits, then their gradient.
    pub logits: &'a mut [T],
    /// V.
    pub vocabulary: usize,
    /// `[rows]`, each below V.
    pub targets: &'a [i64],
    /// `[rows]`: the factor of each row's loss in the sum.
    pub coefficients: &'a [f32],
    /// `[rows]`.
    pub losses: &'a mut [f32],
}

/// A Kullback-Leibler divergence over the full vocabulary between a model and a reference.
///
/// With p the model's distribution and q the reference's, forward is `KL(q || p)`, whose gradient by the logits is
/// `p - q`; reverse is `KL(p || q)`, whose gradient is `p (ln p - ln q - KL)`.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct KlRows<'a, T> {
    /// `[rows, V]`: the model's logits, then their gradient times the coefficient.
    pub logits: &'a mut [T],
    /// `[rows, V]`: the reference's logits.
    pub reference: &'a [T],
    /// V.
    pub vocabulary: usize,
    /// Whether it is the reverse divergence.
    pub reverse: bool,
    /// `[rows]`: the factor of each row's loss in the sum.
    pub coefficients: &'a [f32],
    /// `[rows]`.
    pub losses: &'a mut [f32],
}

impl<T: Element> Kernel for CrossEntropyRows<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let rows = self.logits.chunks_exact_mut(self.vocabulary).zip(self.targets);
        let factors = self.coefficients.iter().zip(self.losses);
        for ((row, target), (coefficient, loss)) in rows.zip(factors) {
            let normaliser = log_sum_exp(row);
            let target = *target as usize;
            let chosen = row[target].to_f32();
            for value in row.iter_mut() {
                *value = T::from_f32(coefficient * exp(value.to_f32() - normaliser));
            }
            // From the exponent and not from the rounded probability, which may be 1 in a low precision.
            row[target] = T::from_f32(coefficient * ((chosen - normaliser).exp_m1()));
            *loss = normaliser - chosen;
        }
    }
}

impl<T: Element> Kernel for KlRows<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let rows = self.logits.chunks_exact_mut(self.vocabulary);
        let rows = rows.zip(self.reference.chunks_exact(self.vocabulary));
        let factors = self.coefficients.iter().zip(self.losses);
        for ((row, reference), (coefficient, loss)) in rows.zip(factors) {
            let (p, q) = (log_sum_exp(row), log_sum_exp(reference));
            if self.reverse {
                *loss = divergence(row, p, reference, q);
                for (value, other) in row.iter_mut().zip(reference) {
                    let log_p = value.to_f32() - p;
                    let ratio = log_p - (other.to_f32() - q);
                    *value = T::from_f32(coefficient * exp(log_p) * (ratio - *loss));
                }
            } else {
                *loss = divergence(reference, q, row, p);
                for (value, other) in row.iter_mut().zip(reference) {
                    let difference = exp(value.to_f32() - p) - exp(other.to_f32() - q);
                    *value = T::from_f32(coefficient * difference);
                }
            }
        }
    }
}

/// `ln Σ exp(x)`.
#[inline(always)]
fn log_sum_exp<T: Element>(row: &[T]) -> f32 {
    let most = largest(row);
    let mut sum = 0f64;
    for block in row.chunks(BLOCK) {
        let (chunks, rest) = block.as_chunks::<LANES>();
        let mut sums = [0f32; LANES];
        for chunk in chunks {
            let x = widen(chunk);
            for lane in 0..LANES {
                sums[lane] += exp(x[lane] - most);
            }
        }
        let rest: f32 = rest.iter().map(|x| exp(x.to_f32() - most)).sum();
        sum += f64::from(total(&sums) + rest);
    }
    // A NaN among the logits is in none of the comparisons that found the largest, but in the sum.
    most + sum.ln() as f32
}

/// `Σ exp(a - a_sum) (a - a_sum - b + b_sum)`: the divergence of the first distribution from the second.
#[inline(always)]
fn divergence<T: Element>(a: &[T], a_sum: f32, b: &[T], b_sum: f32) -> f32 {
    let mut sum = 0f64;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        let mut sums = [0f32; LANES];
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (widen(a), widen(b));
            for lane in 0..LANES {
                let log = a[lane] - a_sum;
                sums[lane] += exp(log) * (log - (b[lane] - b_sum));
            }
        }
        let mut rest = 0f32;
        for (a, b) in a_rest.iter().zip(b_rest) {
            let log = a.to_f32() - a_sum;
            rest += exp(log) * (log - (b.to_f32() - b_sum));
        }
        sum += f64::from(total(&sums) + rest);
    }
    sum as f32
}

#[inline(always)]
fn largest<T: Element>(row: &[T]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut most = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        let x = widen(chunk);
        for lane in 0..LANES {
            most[lane] = if x[lane] > most[lane] { x[lane] } else { most[lane] };
        }
    }
    let rest = rest.iter().map(|x| x.to_f32());
    most.into_iter().chain(rest).fold(f32::NEG_INFINITY, f32::max)
}
