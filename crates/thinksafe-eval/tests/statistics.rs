//! The statistics against SciPy, statsmodels and inspect_ai (`golden/gen_statistics.py` says which versions): equal to
//! 1e-9, what is drawn at random within its own error.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

use serde::Deserialize;
use thinksafe_core::seed::Seed;
use thinksafe_eval::statistics::{
    Observation, bootstrap, clustered_error, holm, mcnemar_exact, paired_tests, pass_at_k,
    sign_flip, t_test, wilson,
};

#[derive(Deserialize)]
struct Golden {
    wilson: Vec<Wilson>,
    clustered: Vec<Clustered>,
    pass_at_k: Vec<PassAtK>,
    mcnemar: Vec<McNemar>,
    paired_t: Vec<PairedT>,
    sign_flip: Vec<SignFlip>,
    drawn_sign_flip: DrawnSignFlip,
    bootstrap: Vec<Bootstrap>,
    holm: Vec<Holm>,
}

#[derive(Deserialize)]
struct Holm {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Wilson {
    hits: f64,
    n: f64,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Clustered {
    clusters: Vec<String>,
    values: Vec<f64>,
    error: f64,
}

#[derive(Deserialize)]
struct PassAtK {
    samples: u64,
    correct: u64,
    k: u64,
    value: f64,
}

#[derive(Deserialize)]
struct McNemar {
    rose: u64,
    fell: u64,
    p: f64,
}

#[derive(Deserialize)]
struct PairedT {
    first: Vec<f64>,
    second: Vec<f64>,
    t: f64,
    p: f64,
}

#[derive(Deserialize)]
struct SignFlip {
    differences: Vec<f64>,
    p: f64,
}

#[derive(Deserialize)]
struct DrawnSignFlip {
    differences: Vec<f64>,
    p: f64,
    draws: u32,
}

#[derive(Deserialize)]
struct Bootstrap {
    clusters: Vec<String>,
    values: Vec<f64>,
    low: f64,
    high: f64,
    spread: f64,
    resamples: u32,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/statistics.json")).unwrap()
}

fn observations<'a>(clusters: &'a [String], values: &[f64]) -> Vec<Observation<'a>> {
    let pairs = clusters.iter().zip(values);
    pairs.map(|(cluster, value)| Observation { cluster, value: *value }).collect()
}

/// Pairs of ours and theirs: equal to 1e-9 of their size, the largest difference printed.
#[derive(Default)]
struct Closeness {
    worst: f64,
    pairs: usize,
}

impl Closeness {
    #[track_caller]
    fn pair(&mut self, ours: f64, theirs: f64, what: &str) {
        // What is exactly zero there may be off by the rounding of numbers near one.
        let scale = if theirs == 0.0 { 1.0 } else { theirs.abs() };
        let error = (ours - theirs).abs() / scale;
        assert!(error <= 1e-9, "{what}: {ours} {theirs}");
        self.worst = self.worst.max(error);
        self.pairs += 1;
    }
}

impl Drop for Closeness {
    #[expect(clippy::print_stdout, reason = "the figures of docs/NUMERICS.md")]
    fn drop(&mut self) {
        println!("largest relative error of {} pairs: {:.1e}", self.pairs, self.worst);
    }
}

#[test]
fn wilson_intervals_are_those_of_statsmodels() {
    let cases = golden().wilson;
    assert!(cases.len() > 30);
    let mut close = Closeness::default();
    for Wilson { hits, n, low, high } in cases {
        let ours = wilson(hits, n).unwrap();
        // At 0 hits the lower end is 0; statsmodels' has a rounding error.
        let low = if hits == 0.0 { 0.0 } else { low };
        close.pair(ours.low, low, &format!("{hits} of {n}"));
        close.pair(ours.high, high, &format!("{hits} of {n}"));
    }
}

#[test]
fn clustered_errors_are_those_of_inspect_ai() {
    let mut close = Closeness::default();
    for Clustered { clusters, values, error } in golden().clustered {
        let ours = clustered_error(&observations(&clusters, &values)).unwrap();
        close.pair(ours, error, &format!("{} values", values.len()));
    }
}

#[test]
fn pass_at_k_is_that_of_inspect_ai() {
    let mut close = Closeness::default();
    for PassAtK { samples, correct, k, value } in golden().pass_at_k {
        let what = format!("{correct} of {samples} at {k}");
        close.pair(pass_at_k(samples, correct, k).unwrap(), value, &what);
    }
}

#[test]
fn mcnemars_test_is_that_of_statsmodels() {
    let mut close = Closeness::default();
    for McNemar { rose, fell, p } in golden().mcnemar {
        close.pair(mcnemar_exact(rose, fell), p, &format!("{rose} {fell}"));
    }
}

#[test]
fn adjusted_p_values_are_those_of_statsmodels() {
    let mut close = Closeness::default();
    for Holm { p, adjusted } in golden().holm {
        for (place, ours) in holm(&p).into_iter().enumerate() {
            close.pair(ours, adjusted[place], &format!("{p:?} {place}"));
        }
    }
}

#[test]
fn the_paired_t_test_is_that_of_scipy() {
    let mut close = Closeness::default();
    for PairedT { first, second, t, p } in golden().paired_t {
        let differences: Vec<f64> = second.iter().zip(&first).map(|(y, x)| y - x).collect();
        let ours = t_test(&differences).unwrap();
        let what = format!("{} pairs", first.len());
        close.pair(ours.t, t, &what);
        close.pair(ours.p_value, p, &what);
        // The same through the front door, one cluster a pair.
        let names: Vec<String> = (0..first.len()).map(|i| i.to_string()).collect();
        let pairs: Vec<(&str, f64, f64)> =
            names.iter().zip(first.iter().zip(&second)).map(|(n, (x, y))| (&**n, *x, *y)).collect();
        let tests = paired_tests(&pairs, 10, Seed(1)).unwrap();
        close.pair(tests.t.unwrap().t, t, &what);
        assert_eq!((tests.units, tests.mcnemar), (first.len() as u64, None));
    }
}

#[test]
fn the_sign_flip_test_is_scipys_permutation_test() {
    let mut close = Closeness::default();
    for SignFlip { differences, p } in golden().sign_flip {
        let ours = sign_flip(&differences, 0, Seed(1)).unwrap();
        assert!(ours.exact);
        close.pair(ours.p_value, p, &format!("{} differences", differences.len()));
    }
}

#[test]
fn drawn_signs_agree_with_scipys_within_their_error() {
    let DrawnSignFlip { differences, p, draws } = golden().drawn_sign_flip;
    let ours = sign_flip(&differences, draws, Seed(7)).unwrap();
    // Both are drawn.
    let error = (2.0 * p * (1.0 - p) / f64::from(draws)).sqrt();
    assert!(!ours.exact && (ours.p_value - p).abs() < 4.0 * error, "{ours:?} {p} {error}");
}

#[test]
fn bootstrap_intervals_agree_with_scipys_within_their_error() {
    for Bootstrap { clusters, values, low, high, spread, resamples } in golden().bootstrap {
        let ours = bootstrap(&observations(&clusters, &values), resamples, Seed(3)).unwrap();
        // A 2.5 % quantile of n normal draws is off by √(0.025 · 0.975 / n) / 0.0584 of their spread. Ours and SciPy's
        // both are, and means of whole numbers lie on a grid, which adds its step.
        let drawn = (2.0 * 0.025 * 0.975 / f64::from(resamples)).sqrt() / 0.0584 * spread;
        let tolerance = 4.0 * drawn + 1.0 / values.len() as f64;
        let off = [ours.low - low, ours.high - high].map(f64::abs);
        println!("off by {off:.5?}, allowed {tolerance:.5}, standard error {spread:.5}");
        assert!(off.iter().all(|off| *off < tolerance), "{ours:?} {low} {high} {tolerance}");
        assert!(tolerance < 0.3 * (high - low), "the check would pass anything: {tolerance}");
    }
}
