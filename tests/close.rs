//! Closeness of tensors, with a message that shows where and by how much they differ.

use tch::{Kind, Tensor};

/// How far a value may lie from the expected one: `atol + rtol * |expected|`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The share of the expected value.
    pub rtol: f64,
    /// The absolute part.
    pub atol: f64,
}

impl Tolerance {
    /// For f32 hidden states and logits against another implementation: 1e-4, whatever the size of the value.
    pub const F32: Self = Self { rtol: 0.0, atol: 1e-4 };
    /// For losses and gradient norms over training steps: 1e-4 of the value.
    pub const STEPS: Self = Self { rtol: 1e-4, atol: 0.0 };
    /// For what must be the same number.
    pub const EXACT: Self = Self { rtol: 0.0, atol: 0.0 };

    /// Whether `actual` is close enough to `expected`; a value that is not finite never is.
    pub fn holds(self, actual: f64, expected: f64) -> bool {
        (actual - expected).abs() <= self.atol + self.rtol * expected.abs()
    }
}

/// How many mismatches a message shows.
const SHOWN: usize = 5;

/// Checks that two tensors agree in shape, dtype and value, and returns the largest absolute difference.
///
/// # Panics
/// If they do not, with the count of mismatches, the largest, and the first of them by index.
#[track_caller]
pub fn assert_close(what: &str, actual: &Tensor, expected: &Tensor, tolerance: Tolerance) -> f64 {
    assert_eq!(actual.size(), expected.size(), "{what}: shapes differ (ours left)");
    assert_eq!(actual.kind(), expected.kind(), "{what}: dtypes differ (ours left)");
    let (ours, theirs) = (values(actual), values(expected));
    let mismatches: Vec<usize> =
        (0..ours.len()).filter(|i| !tolerance.holds(ours[*i], theirs[*i])).collect();
    let largest = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(
        mismatches.is_empty(),
        "{what}: {}",
        description(&mismatches, &ours, &theirs, &actual.size(), tolerance)
    );
    largest
}

fn values(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.detach().to_kind(Kind::Double).reshape([-1]);
    Vec::try_from(&flat).expect("a flat tensor of doubles is a vector")
}

fn description(
    mismatches: &[usize],
    ours: &[f64],
    theirs: &[f64],
    shape: &[i64],
    tolerance: Tolerance,
) -> String {
    let difference = |i: usize| (ours[i] - theirs[i]).abs();
    let line = |i: usize| {
        let (index, a, b) = (index(i, shape), ours[i], theirs[i]);
        format!("{index:?}: {a:e}, expected {b:e}, difference {:.2e}", difference(i))
    };
    let worst = mismatches.iter().copied().max_by(|a, b| difference(*a).total_cmp(&difference(*b)));
    let mut lines = vec![format!(
        "{} of {} values beyond rtol {:e} atol {:e}; worst {}",
        mismatches.len(),
        ours.len(),
        tolerance.rtol,
        tolerance.atol,
        worst.map(line).unwrap_or_default(),
    )];
    lines.extend(mismatches.iter().take(SHOWN).map(|i| line(*i)));
    if mismatches.len() > SHOWN {
        lines.push(format!("and {} more", mismatches.len() - SHOWN));
    }
    lines.join("\n  ")
}

/// The multi-dimensional index of the n-th value.
fn index(mut n: usize, shape: &[i64]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|size| {
            let i = n % *size as usize;
            n /= *size as usize;
            i
        })
        .collect();
    index.reverse();
    index
}
