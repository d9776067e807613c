//! Times and their medians.

use std::time::Instant;

/// What a computation gave, and the seconds it took.
pub fn timed<T>(compute: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = compute();
    (result, start.elapsed().as_secs_f64())
}

/// The middle of some values, or the mean of the two in the middle.
///
/// # Panics
/// If there are none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
    }
}
