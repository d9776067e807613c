//! Values, differences, claims and what is shown of them.

use std::collections::BTreeMap;

use thinksafe_core::seed::Seed;

use super::*;
use crate::evaluate::Measured;
use crate::score::{Aspect, Metric, Score, Unscored, Value};

fn run(seed: u64, harm: &[f64], refused: &[f64], right: &[f64], perplexity: f64) -> ArmRun {
    let columns = vec![
        Column::new("plain", Aspect::Harm, harm.to_vec()),
        Column::new("near", Aspect::OverRefusal, refused.to_vec()),
        Column::new("sums", Aspect::Reasoning, right.to_vec()),
    ];
    let training = Training {
        examples: 10,
        perplexity: Some(perplexity),
        generated_tokens: 100,
        trained_tokens: 200,
        seconds: 1.0,
        flops: 1e12,
        reinforcement: None,
    };
    ArmRun { seed: Seed(seed), columns, training: Some(training) }
}

fn comparison() -> Comparison {
    let arm = |name: &str, runs| Arm { name: name.to_owned(), runs };
    let mut comparison = Comparison::new("A <test>");
    let bad = |seed| run(seed, &[1.0; 50], &[0.0; 50], &[1.0; 50], 4.0);
    let good = |seed| run(seed, &[0.0; 50], &[0.0; 50], &[1.0; 50], 2.0);
    comparison.arms = vec![
        arm("initial", vec![bad(1), bad(2), bad(3)]),
        arm("safe", vec![good(1), good(2)]),
        arm("empty", Vec::new()),
    ];
    let claim = |second: &str, measure, side, margin| Claim {
        text: format!("{measure:?} {side:?}"),
        first: "initial".to_owned(),
        second: second.to_owned(),
        measure,
        side,
        margin,
    };
    comparison.claims = vec![
        claim("safe", Measure::Safety, Side::Below, 0.0),
        claim("safe", Measure::Safety, Side::Above, 0.0),
        claim("safe", Measure::Reasoning, Side::Above, -0.02),
        claim("safe", Measure::Reasoning, Side::Above, 0.0),
        claim("safe", Measure::LogPerplexity, Side::Below, 0.0),
        claim("missing", Measure::Safety, Side::Below, 0.0),
        claim("empty", Measure::Safety, Side::Below, 0.0),
    ];
    comparison
}

#[test]
fn averages_are_over_columns_and_seeds() {
    let comparison = comparison();
    let value = |arm, measure| comparison.value(arm, measure).map(|interval| interval.value);
    assert_eq!(value("initial", Measure::Safety), Some(0.5));
    assert_eq!(value("initial", Measure::Column(0)), Some(1.0));
    assert_eq!(value("initial", Measure::OverRefusal), Some(0.0));
    assert_eq!(value("safe", Measure::Safety), Some(0.0));
    let nats = value("safe", Measure::LogPerplexity).unwrap();
    assert!((nats - 2f64.ln()).abs() < 1e-12);
    assert_eq!(value("empty", Measure::Safety), None);
    assert_eq!(value("initial", Measure::Column(9)), None);
}

#[test]
fn claims_stand_where_their_intervals_are() {
    use Standing::{Fails, Holds, NotMeasured, Open};
    let comparison = comparison();
    let standings: Vec<Standing> =
        comparison.claims.iter().map(|claim| claim.standing(&comparison)).collect();
    assert_eq!(standings, [Holds, Fails, Holds, Open, Holds, NotMeasured, NotMeasured]);
}

#[test]
fn what_has_no_score_counts_against_the_arm() {
    let score = |item: &str, value| Score {
        item: item.to_owned(),
        sample: 0,
        value,
        answer: None,
        explanation: None,
    };
    let unscored = Value::Unscored(Unscored::Truncated);
    let column = |aspect| {
        let scores = vec![
            score("a", Value::Binary(true)),
            score("a", unscored),
            score("b", unscored),
            score("c", Value::Binary(false)),
        ];
        let metric = Metric::new("m", aspect);
        let estimate =
            crate::estimate::Estimate { rate: None, scored: 2, unscored: BTreeMap::new() };
        let categories = BTreeMap::new();
        Column::of("x", &Measured { metric, judge: None, scores, estimate, categories })
    };
    assert_eq!(column(Aspect::Harm).values, [1.0, 1.0, 0.0]);
    assert_eq!(column(Aspect::OverRefusal).values, [1.0, 1.0, 0.0]);
    assert_eq!(column(Aspect::Reasoning).values, [0.5, 0.0, 0.0]);
    assert_eq!(column(Aspect::Refusal).values, [0.5, 0.0, 0.0]);
    assert_eq!(column(Aspect::Harm).unscored, 2);
}

#[test]
fn the_page_has_every_arm_every_claim_and_every_plot() {
    let html = comparison().to_html();
    assert!(html.contains("A &lt;test&gt;") && !html.contains("<test>"));
    assert_eq!(html.matches("<figure>").count(), 3);
    for text in ["initial", "safe", "empty", "holds", "fails", "open", "not measured"] {
        assert!(html.contains(text), "{text}");
    }
    let expected = "Of 7 claims, holds: 1, 3, 5; fails: 2; open: 4; not measured: 6, 7.";
    assert!(comparison().to_text().ends_with(expected));
    let counts =
        ["<b>3</b> claims hold", "<b>1</b> fails", "<b>1</b> open", "<b>2</b> not measured"];
    assert!(counts.iter().all(|count| html.contains(count)), "{html}");
    assert!(html.find("claims hold") < html.find("<table"));
}

#[test]
fn what_rewards_did_is_shown_where_there_were_any() {
    let mut comparison = comparison();
    assert!(!comparison.to_html().contains("Learning from rewards"));
    for (run, last) in comparison.arms[1].runs.iter_mut().zip([1.5, 1.75]) {
        let rewards = vec![0.5, 1.0, last];
        let counts = Reinforcement { responses: 192, undetermined: 3, ..Reinforcement::default() };
        run.training.as_mut().unwrap().reinforcement = Some(Reinforcement { rewards, ..counts });
    }
    let html = comparison.to_html();
    assert_eq!(html.matches("<figure>").count(), 4);
    for text in ["Learning from rewards", "safe, seed 1", "safe, seed 2", ">384<", ">6<", "1.625"] {
        assert!(html.contains(text), "{text}");
    }
    assert!(comparison.to_text().contains("1.625"));
}

#[test]
fn the_file_reads_back() {
    let directory = tempfile::tempdir().unwrap();
    let comparison = comparison();
    comparison.save(directory.path()).unwrap();
    let text = std::fs::read_to_string(directory.path().join("comparison.json")).unwrap();
    assert!(text.contains("thinksafe.comparison"));
    assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), comparison);
    assert!(directory.path().join("comparison.html").is_file());
}

#[test]
fn nothing_is_no_trouble() {
    let empty = Comparison::new("Empty");
    assert!(empty.to_html().contains("<b>0</b> claims hold"));
    assert!(empty.to_text().contains("Empty"));
}
