//! A report from end to end, on samples made by hand.

use super::super::sample::tests::{prompt, sample};
use super::super::sample::{Outcome, Sample};
use super::*;
use crate::statistics::wilson;

const SETTINGS: SteeringSettings =
    SteeringSettings { most_draws: 4, noise: 1e-3, permutations: 999, seed: Seed(3) };

/// Prompts of which steering rescues most samples, and whose log-ratio is 2 but for `bend` times the sample's number.
fn prompts(bend: f64) -> Vec<PromptSamples> {
    let accepted = |i: u32, base: f64| sample(base - f64::from(i), 2.0 + bend * f64::from(i));
    let each = |index: u32| {
        let base = -20.0 - f64::from(index);
        let unsafe_ones = vec![Sample::of(Outcome::Unsafe); 3 - (index % 2) as usize];
        let numbers: &[u32] = if index.is_multiple_of(2) { &[1] } else { &[0, 2] };
        let unsteered = numbers.iter().map(|i| accepted(*i, base)).chain(unsafe_ones);
        let steered = (0..3).map(|i| accepted(i, base)).chain([Sample::of(Outcome::Unsafe)]);
        let [unsteered, steered] = [unsteered.collect::<Vec<_>>(), steered.collect()];
        prompt(&format!("<{index}>"), &unsteered, &steered)
    };
    (0..10).map(each).collect()
}

#[test]
fn a_report_reads_back_and_its_page_holds_every_part() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::new(dir.path());
    let mut report = SteeringReport::new("Steering & co", &prompts(0.0), SETTINGS);
    report.fact("model", "<m>");
    report.save(&run).unwrap();
    let read: SteeringReport = fs::read_json(run.steering_json(), "report").unwrap();
    assert_eq!(read, report);
    let html = fs::read_to_string(run.steering_html()).unwrap();
    for part in ["Steering &amp; co", "&lt;m&gt;", "&lt;3&gt;", "Jeffreys", "<svg ", "10 prompts"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("NaN") && !html.contains("<m>"));
}

#[test]
fn what_the_assumption_says_is_found_where_it_holds() {
    let report = SteeringReport::new("s", &prompts(0.0), SETTINGS);
    assert_eq!((report.unsteered.counts.accepted, report.steered.counts.accepted), (15, 30));
    let omega = report.omega.unwrap();
    assert!(omega.low > 1.0 && omega.value > 3.0, "{omega:?}");
    let draws = report.draws.unwrap();
    assert!((draws.ratio.value - draws.predicted.unwrap()).abs() < 0.15, "{draws:?}");
    let text = report.to_text();
    assert!(text.contains("by one factor") && text.contains("No difference was found"), "{text}");
    assert!(!text.contains("does not hold"), "{text}");
    assert_eq!(report.prompts[0].unsteered_rate, wilson(1.0, 4.0));
}

#[test]
fn a_bent_tilt_is_told() {
    let report = SteeringReport::new("s", &prompts(0.7), SETTINGS);
    assert!(report.to_text().contains("does not hold to the letter"), "{}", report.to_text());
    assert!(report.tilt.spread.unwrap().low > 0.4);
}

#[test]
fn nothing_is_said_of_nothing() {
    let report = SteeringReport::new("s", &[], SETTINGS);
    assert_eq!((report.omega, report.draws), (None, None));
    assert!(report.to_text().contains("nothing can be said of Assumption 4.3"));
    assert!(report.to_html().contains("0 prompts"));
    let lone = [prompt("a", &[Sample::of(Outcome::Unsafe)], &[sample(-1.0, 1.0)])];
    let text = SteeringReport::new("s", &lone, SETTINGS).to_text();
    assert!(text.contains("nothing can be said of Corollary 4.4"), "{text}");
}
