//! The permutation test of paired differences.

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::Seed;

/// Up to this many differences that are not zero, every choice of signs is looked at.
const EXACT_UP_TO: usize = 20;

/// The two-sided p-value of no difference, by flipping signs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignFlip {
    /// The share of sign choices whose sum is at least as far from zero as the one observed.
    pub p_value: f64,
    /// Whether every choice was counted; else they were drawn.
    pub exact: bool,
}

/// Tests that paired differences are symmetric about zero: if the two runs do not differ, the sign of each difference is
/// a coin toss.
///
/// Each difference is one independent unit. Up to 20 that are not zero, all sign choices are counted; beyond, `draws`
/// of them are drawn, and p = (1 + hits) / (1 + draws), which keeps the level of the test. `None` without
/// differences, or if one is not finite.
pub fn sign_flip(differences: &[f64], draws: u32, seed: Seed) -> Option<SignFlip> {
    if differences.is_empty() || !differences.iter().all(|d| d.is_finite()) {
        return None;
    }
    // A difference of zero has no sign.
    let signed: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let observed = signed.iter().sum::<f64>().abs();
    // Sums of the same numbers in another order differ by rounding; those are ties.
    let scale: f64 = signed.iter().map(|d| d.abs()).sum();
    let threshold = observed - 1e-12 * scale;
    if signed.len() <= EXACT_UP_TO {
        return Some(SignFlip { p_value: counted(&signed, threshold), exact: true });
    }
    let stream = seed.purpose("thinksafe.sign-flip").stream();
    let words = signed.len().div_ceil(64) as u64;
    let is_hit = |draw: u64| {
        let sign = |(i, d): (usize, &f64)| {
            let word = stream.bits(draw * words + i as u64 / 64);
            if word >> (i % 64) & 1 == 0 { *d } else { -d }
        };
        signed.iter().enumerate().map(sign).sum::<f64>().abs() >= threshold
    };
    let hits = (0..u64::from(draws)).filter(|draw| is_hit(*draw)).count();
    let p_value = (1 + hits) as f64 / (1.0 + f64::from(draws));
    Some(SignFlip { p_value, exact: false })
}

/// The share of all sign choices whose sum reaches the threshold. Each half's sums are made once.
fn counted(signed: &[f64], threshold: f64) -> f64 {
    let (left, right) = signed.split_at(signed.len() / 2);
    let (left, right) = (sums(left), sums(right));
    let hits: usize =
        left.iter().map(|a| right.iter().filter(|b| (a + *b).abs() >= threshold).count()).sum();
    hits as f64 / (left.len() * right.len()) as f64
}

/// The sum for every choice of signs.
fn sums(values: &[f64]) -> Vec<f64> {
    values.iter().fold(vec![0.0], |sums, value| {
        sums.iter().flat_map(|sum| [sum + value, sum - value]).collect()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mcnemar_exact;
    use super::*;

    #[test]
    fn nothing_to_flip() {
        assert_eq!(sign_flip(&[], 10, Seed(1)), None);
        assert_eq!(sign_flip(&[f64::NAN], 10, Seed(1)), None);
        assert_eq!(
            sign_flip(&[0.0; 30], 10, Seed(1)),
            Some(SignFlip { p_value: 1.0, exact: true })
        );
    }

    #[test]
    fn drawn_signs_come_near_the_counted_ones() {
        let twenty: Vec<f64> = (0..20).map(|i| f64::from(i % 7) - 1.5).collect();
        let counted = sign_flip(&twenty, 0, Seed(1)).unwrap();
        // Two differences that hardly matter make it one of those that are drawn.
        let more: Vec<f64> = twenty.iter().copied().chain([1e-13, -1e-13]).collect();
        let drawn = sign_flip(&more, 40_000, Seed(1)).unwrap();
        assert!(counted.exact && !drawn.exact);
        let error = (counted.p_value * (1.0 - counted.p_value) / 40_000.0).sqrt();
        assert!((counted.p_value - drawn.p_value).abs() < 5.0 * error, "{counted:?} {drawn:?}");
    }

    proptest! {
        #[test]
        fn on_yes_and_no_it_is_mcnemars_test(rose in 0u64..10, fell in 0u64..10, same in 0u64..5) {
            let repeat = |value: f64, n: u64| std::iter::repeat_n(value, n as usize);
            let differences: Vec<f64> =
                repeat(1.0, rose).chain(repeat(-1.0, fell)).chain(repeat(0.0, same)).collect();
            prop_assume!(!differences.is_empty());
            let ours = sign_flip(&differences, 0, Seed(1)).unwrap().p_value;
            prop_assert!((ours - mcnemar_exact(rose, fell)).abs() < 1e-12);
        }
    }
}
