//! Chance-corrected agreement between raters on nominal values.
//!
//! All three statistics are 1 for perfect agreement and 0 for what chance would give. They are absent where chance alone
//! agrees perfectly, that is where only one value occurs: nothing can be said then.

use std::collections::BTreeMap;

/// Cohen's κ of two raters (Cohen, 1960), over the items that both rated: (pₒ − pₑ) / (1 − pₑ).
///
/// ```
/// use thinksafe_eval::guards::cohen_kappa;
///
/// let pairs = [(true, true), (true, false), (false, false), (false, false)];
/// assert_eq!(cohen_kappa(&pairs), Some(0.5));
/// ```
pub fn cohen_kappa<T: Ord + Copy>(pairs: &[(T, T)]) -> Option<f64> {
    let n = pairs.len() as f64;
    let observed = pairs.iter().filter(|(a, b)| a == b).count() as f64 / n;
    let mut totals: BTreeMap<T, (f64, f64)> = BTreeMap::new();
    for (a, b) in pairs {
        totals.entry(*a).or_default().0 += 1.0;
        totals.entry(*b).or_default().1 += 1.0;
    }
    let expected: f64 = totals.values().map(|(a, b)| a / n * b / n).sum();
    corrected(1.0 - observed, 1.0 - expected)
}

/// Fleiss' κ (Fleiss, 1971). Each item has the values that its raters gave it, as many for every item: those that not
/// all rated are to be left out, and it is absent if the numbers differ.
pub fn fleiss_kappa<T: Ord + Copy>(items: &[Vec<T>]) -> Option<f64> {
    let raters = items.first()?.len();
    if raters < 2 || items.iter().any(|values| values.len() != raters) {
        return None;
    }
    let (n, m) = (items.len() as f64, raters as f64);
    let mut totals: BTreeMap<T, f64> = BTreeMap::new();
    let mut agreeing = 0.0;
    for values in items {
        for (value, count) in counts(values) {
            *totals.entry(value).or_default() += count;
            agreeing += count * (count - 1.0);
        }
    }
    let observed = agreeing / (n * m * (m - 1.0));
    let expected: f64 = totals.values().map(|total| (total / (n * m)).powi(2)).sum();
    corrected(1.0 - observed, 1.0 - expected)
}

/// Krippendorff's α for nominal values (Krippendorff, 2011). Each item has the values that it was given; those that were
/// not given are simply not there, and items with fewer than two values have no say.
///
/// α = 1 − Dₒ / Dₑ, the disagreement observed within items over that expected among all values.
pub fn krippendorff_alpha<T: Ord + Copy>(items: &[Vec<T>]) -> Option<f64> {
    let mut totals: BTreeMap<T, f64> = BTreeMap::new();
    let (mut n, mut disagreeing) = (0.0, 0.0);
    for values in items.iter().filter(|values| values.len() > 1) {
        let m = values.len() as f64;
        n += m;
        for (value, count) in counts(values) {
            *totals.entry(value).or_default() += count;
            disagreeing += count * (m - count) / (m - 1.0);
        }
    }
    let expected: f64 = totals.values().map(|total| total * (n - total)).sum();
    corrected(disagreeing / n, expected / (n * (n - 1.0)))
}

/// One minus the ratio of observed to expected disagreement.
fn corrected(observed: f64, expected: f64) -> Option<f64> {
    // Of no items, shares are no numbers; and sums of shares miss 0 by a few ulps.
    let defined = observed.is_finite() && expected > 1e-12;
    defined.then(|| 1.0 - observed / expected)
}

/// How often each value occurs.
fn counts<T: Ord + Copy>(values: &[T]) -> BTreeMap<T, f64> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(*value).or_default() += 1.0;
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_variation_nothing_can_be_said() {
        assert_eq!(cohen_kappa::<bool>(&[]), None);
        assert_eq!(cohen_kappa(&[(true, true), (true, true)]), None);
        assert_eq!(fleiss_kappa(&[vec![1, 1], vec![1, 1]]), None);
        assert_eq!(fleiss_kappa(&[vec![1, 2], vec![1]]), None);
        assert_eq!(krippendorff_alpha(&[vec![1], vec![2]]), None);
        assert_eq!(krippendorff_alpha::<bool>(&[]), None);
    }

    #[test]
    fn opposites_agree_less_than_chance() {
        assert_eq!(cohen_kappa(&[(true, false), (false, true)]), Some(-1.0));
        assert!(krippendorff_alpha(&[vec![0, 1], vec![1, 0]]).unwrap() < 0.0);
    }

    proptest! {
        #[test]
        fn agreement_is_at_most_one_and_one_only_if_perfect(
            pairs in prop::collection::vec((0u8..3, 0u8..3), 1..30),
        ) {
            let items: Vec<_> = pairs.iter().map(|(a, b)| vec![*a, *b]).collect();
            let perfect = pairs.iter().all(|(a, b)| a == b);
            let statistics = [cohen_kappa(&pairs), fleiss_kappa(&items), krippendorff_alpha(&items)];
            for value in statistics.into_iter().flatten() {
                prop_assert!(value <= 1.0 + 1e-12);
                prop_assert_eq!(perfect, value > 1.0 - 1e-9, "{}", value);
            }
        }

        /// Neither which rater is which, nor the order of the items, nor what the values are called matters.
        #[test]
        fn names_and_orders_do_not_matter(pairs in prop::collection::vec((0u8..3, 0u8..3), 2..30)) {
            let swapped: Vec<_> = pairs.iter().rev().map(|(a, b)| (9 - b, 9 - a)).collect();
            match (cohen_kappa(&pairs), cohen_kappa(&swapped)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
