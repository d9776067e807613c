//! The statistics over strata against statsmodels and SciPy (`golden/gen_strata.py` says which versions): equal to 1e-9.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

use serde::Deserialize;
use thinksafe_core::seed::Seed;
use thinksafe_eval::statistics::{Stratum, TwoByTwo, mantel_haenszel, stratified_permutation};

#[derive(Deserialize)]
struct Golden {
    mantel_haenszel: Vec<Tables>,
    permutation: Vec<Groups>,
}

#[derive(Deserialize)]
struct Tables {
    /// First yes, first no, second yes, second no.
    tables: Vec<[u64; 4]>,
    ratio: f64,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Groups {
    /// First and second group.
    strata: Vec<[Vec<f64>; 2]>,
    difference: f64,
    p: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/strata.json")).unwrap()
}

/// The largest relative difference of pairs of ours and theirs.
#[track_caller]
fn error(pairs: &[(f64, f64)]) -> f64 {
    let errors = pairs.iter().map(|(ours, theirs)| (ours / theirs - 1.0).abs());
    let largest = errors.fold(0.0, f64::max);
    assert!(largest < 1e-9, "{pairs:?}");
    largest
}

#[test]
fn the_common_odds_ratio_is_that_of_statsmodels() {
    let table = |[first_yes, first_no, second_yes, second_no]: [u64; 4]| TwoByTwo {
        first_yes,
        first_no,
        second_yes,
        second_no,
    };
    let mut largest = 0.0f64;
    for Tables { tables, ratio, low, high } in golden().mantel_haenszel {
        let strata: Vec<TwoByTwo> = tables.into_iter().map(table).collect();
        let ours = mantel_haenszel(&strata).unwrap();
        largest = largest.max(error(&[(ours.value, ratio), (ours.low, low), (ours.high, high)]));
    }
    println!("largest relative error: {largest:.1e}");
}

#[test]
fn the_permutation_test_is_scipys_and_that_of_going_through_all() {
    let mut largest = 0.0f64;
    for Groups { strata, difference, p } in golden().permutation {
        let stratum = |[first, second]: [Vec<f64>; 2]| Stratum { first, second };
        let strata: Vec<Stratum> = strata.into_iter().map(stratum).collect();
        let ours = stratified_permutation(&strata, 0, Seed(1)).unwrap();
        assert!(ours.exact);
        largest = largest.max(error(&[(ours.difference, difference), (ours.p_value, p)]));
    }
    println!("largest relative error: {largest:.1e}");
}
