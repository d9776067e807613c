//! pass@k.

/// The chance that at least one of `k` samples is right, estimated from `correct` right ones of `samples`, without bias.
///
/// 1 − C(n − c, k) / C(n, k) (Chen et al., 2021), as a product, so that nothing overflows. `None` if `k` is 0 or more
/// than `samples`, or `correct` is more than `samples`.
///
/// ```
/// use thinksafe_eval::statistics::pass_at_k;
///
/// assert_eq!(pass_at_k(8, 2, 1), Some(0.25));
/// assert_eq!(pass_at_k(8, 5, 4), Some(1.0));
/// assert_eq!(pass_at_k(8, 2, 9), None);
/// ```
pub fn pass_at_k(samples: u64, correct: u64, k: u64) -> Option<f64> {
    if k == 0 || k > samples || correct > samples {
        return None;
    }
    let wrong = samples - correct;
    if wrong < k {
        return Some(1.0);
    }
    // One factor a right sample or one a drawn sample: the shorter product.
    let none: f64 = if correct <= k {
        (wrong + 1..=samples).map(|i| 1.0 - k as f64 / i as f64).product()
    } else {
        (0..k).map(|i| (wrong - i) as f64 / (samples - i) as f64).product()
    };
    Some(1.0 - none)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_draw_has_no_chance() {
        for (n, c, k) in [(0, 0, 0), (0, 0, 1), (3, 1, 0), (3, 1, 4), (3, 4, 1)] {
            assert_eq!(pass_at_k(n, c, k), None, "{n} {c} {k}");
        }
    }

    proptest! {
        #[test]
        fn it_counts_the_draws(n in 1u64..9, c in 0u64..9, k in 1u64..9) {
            prop_assume!(c <= n && k <= n);
            let masks = (0u32..1 << n).filter(|m| u64::from(m.count_ones()) == k);
            let (mut hits, mut all) = (0u32, 0u32);
            for mask in masks {
                hits += u32::from(mask & ((1 << c) - 1) != 0);
                all += 1;
            }
            let counted = f64::from(hits) / f64::from(all);
            prop_assert!((pass_at_k(n, c, k).unwrap() - counted).abs() < 1e-12);
        }

        #[test]
        fn it_grows_with_k_and_with_right_samples(n in 2u64..2000, c in 0u64..2000, k in 1u64..2000) {
            prop_assume!(c < n && k < n);
            let here = pass_at_k(n, c, k).unwrap();
            prop_assert!((0.0..=1.0).contains(&here));
            prop_assert!(pass_at_k(n, c + 1, k).unwrap() >= here - 1e-12);
            prop_assert!(pass_at_k(n, c, k + 1).unwrap() >= here - 1e-12);
        }
    }
}
