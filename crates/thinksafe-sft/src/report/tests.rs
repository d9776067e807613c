//! Pages of ordinary, small and hostile runs.

use thinksafe_core::hash::ContentHash;

use super::*;
use crate::fit::Ending;
use crate::record::TermValue;

const HOSTILE: &str = "</title><script>alert(1)</script>";

fn step(step: u64, terms: &[&str]) -> StepRecord {
    let value = 3.0 / step as f64;
    let terms = terms.iter().map(|loss| TermValue { loss: (*loss).to_owned(), value }).collect();
    StepRecord {
        key: ContentHash::of_bytes("step"),
        step,
        epoch: step as f64 / 10.0,
        loss: value,
        terms,
        lr: 1e-5,
        grad_norm: 0.5,
        tokens: 600,
        supervised_tokens: 150,
    }
}

fn evaluation(step: u64, loss: f64) -> EvaluationRecord {
    let key = ContentHash::of_bytes("evaluation");
    EvaluationRecord { key, step, loss, terms: Vec::new(), supervised_tokens: 10 }
}

fn report(steps: u64, terms: &[&str]) -> TrainingReport {
    TrainingReport {
        title: HOSTILE.to_owned(),
        steps: (1..=steps).map(|n| step(n, terms)).collect(),
        evaluations: Vec::new(),
        outcome: None,
        data: Vec::new(),
        settings: Vec::new(),
    }
}

#[test]
fn a_page_shows_each_curve_and_what_came_of_it() {
    let mut report = report(40, &["cross_entropy", "forward_kl"]);
    report.evaluations = vec![evaluation(20, 1.5), evaluation(30, 1.25), evaluation(40, 1.375)];
    report.outcome = Some(Outcome {
        ending: Ending::OutOfPatience,
        steps: 40,
        resumed_from: None,
        last: None,
        best: None,
    });
    let examples = [Example::from_mask("e", vec![1; 1500], &[true; 1500])];
    report.describe("training", &examples);
    report.settings.push(("optimizer.lr".to_owned(), "1e-5".to_owned()));
    let html = report.to_html();
    for expected in [
        "ended early",
        "<span class=\"from\">1.500</span>",
        "<span class=\"to\">1.250</span>",
        "lowest after step 30, of 3 evaluations",
        "24k",
        "25 % of them supervised",
        "4.00 epochs",
        "forward kl",
        "1 examples, 1,500 tokens, 1,499 of them supervised; the longest has 1,500",
        "optimizer.lr",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert_eq!(html.matches("<figure>").count(), 4);
    assert!(!html.contains("<script"), "{html}");
}

#[test]
fn runs_that_have_hardly_begun_have_a_page() {
    for (steps, figures) in [(0, 0), (1, 0), (2, 3)] {
        let html = report(steps, &["cross_entropy"]).to_html();
        assert_eq!(html.matches("<figure>").count(), figures);
        assert!(!html.contains("NaN"), "{html}");
    }
}

#[test]
fn settings_are_listed_by_path() {
    let value = serde_json::json!({"a": {"b": 1, "c": [1, 2]}, "d": [{"e": "x"}], "f": null});
    let mut leaves = Vec::new();
    flatten("", &value, &mut leaves);
    let leaves: Vec<String> = leaves.iter().map(|(path, leaf)| format!("{path}={leaf}")).collect();
    assert_eq!(leaves, ["a.b=1", "a.c=1, 2", "d[0].e=x", "f=none"]);
}
