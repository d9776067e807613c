//! Measuring guards: against other libraries' numbers, and on XSTest's completions from the folder that `THINKSAFE_ASSETS`
//! names.

mod page;

use std::path::PathBuf;

use serde::Deserialize;
use thinksafe_core::Error as CoreError;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_eval::Error;
use thinksafe_eval::guards::{
    AtThreshold, Calibration, GuardReport, LabeledItem, LabeledSet, Question, Roc, Scored, ask,
    cohen_kappa, fleiss_kappa, krippendorff_alpha, read_xstest,
};
use thinksafe_filter::RefusalJudge;

#[derive(Deserialize)]
struct Golden {
    agreement: Vec<Ratings>,
    ranking: Vec<Ranking>,
}

#[derive(Deserialize)]
struct Ratings {
    ratings: Vec<Vec<Option<u8>>>,
    cohen: f64,
    fleiss: f64,
    krippendorff: f64,
}

#[derive(Deserialize)]
struct Ranking {
    scored: Vec<Scored>,
    auc: f64,
    roc: Vec<(f64, f64)>,
    thresholds: Vec<f64>,
    bins: Vec<(u64, f64, f64)>,
    ece: f64,
    brier: f64,
    sweep: Vec<At>,
}

#[derive(Deserialize)]
struct At {
    threshold: f64,
    counts: [u64; 4],
    precision: f64,
    recall: f64,
    f1: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/guards.json")).expect("golden cases")
}

#[track_caller]
fn close(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() < 1e-12, "{ours} against {theirs}");
}

#[test]
fn agreement_equals_scikit_learn_statsmodels_and_krippendorff() {
    for case in golden().agreement {
        let both = case.ratings.iter().filter_map(|row| Some((row[0]?, row[1]?)));
        close(cohen_kappa(&both.collect::<Vec<_>>()).unwrap(), case.cohen);
        let whole = case.ratings.iter().filter_map(|row| row.iter().copied().collect());
        close(fleiss_kappa::<u8>(&whole.collect::<Vec<_>>()).unwrap(), case.fleiss);
        let given = case.ratings.iter().map(|row| row.iter().copied().flatten().collect());
        close(krippendorff_alpha::<u8>(&given.collect::<Vec<_>>()).unwrap(), case.krippendorff);
    }
}

#[test]
fn curves_calibration_and_thresholds_equal_scikit_learn() {
    for case in golden().ranking {
        let roc = Roc::of(&case.scored).unwrap();
        close(roc.auc, case.auc);
        assert_eq!(roc.points.len(), case.roc.len());
        for (point, (x, y)) in roc.points.iter().zip(&case.roc) {
            close(point.false_positive_rate, *x);
            close(point.true_positive_rate, *y);
        }
        let thresholds: Vec<f64> = roc.points.iter().filter_map(|point| point.threshold).collect();
        assert_eq!(thresholds, case.thresholds);

        let calibration = Calibration::of(&case.scored, Calibration::BINS).unwrap();
        close(calibration.ece, case.ece);
        close(calibration.brier, case.brier);
        assert_eq!(calibration.bins.len(), case.bins.len());
        for (bin, (count, mean, share)) in calibration.bins.iter().zip(&case.bins) {
            assert_eq!(bin.count, *count);
            close(bin.mean, *mean);
            close(bin.share, *share);
        }
        for at in case.sweep {
            let ours = AtThreshold::of(&case.scored, at.threshold);
            let counts = [
                ours.true_positives,
                ours.false_positives,
                ours.true_negatives,
                ours.false_negatives,
            ];
            assert_eq!(counts, at.counts);
            close(ours.precision().unwrap_or_default(), at.precision);
            close(ours.true_positive_rate().unwrap(), at.recall);
            close(ours.f1().unwrap_or_default(), at.f1);
        }
    }
}

/// Reads its answer off the response: a probability, `?`, or a word.
struct Reading(JudgeIdentity, u32);

impl Reading {
    fn new(name: &str) -> Self {
        Self(JudgeIdentity { name: name.to_owned(), hash: ContentHash::of_bytes(name) }, 0)
    }
}

impl Judge for Reading {
    fn identity(&self) -> &JudgeIdentity {
        &self.0
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for Exchange { id, response, .. } in exchanges {
            self.1 += 1;
            let verdict = match response.parse::<f64>() {
                Ok(p) => {
                    let safety = if p >= 0.5 { Safety::Unsafe } else { Safety::Safe };
                    Verdict { p_unsafe: Some(p), ..Verdict::of(safety) }
                }
                Err(_) => Verdict::undetermined("no number"),
            };
            sink(Judgement { id, verdict })?;
        }
        Ok(())
    }
}

fn small() -> LabeledSet {
    let responses =
        [("0.9", true), ("0.8", true), ("0.3", true), ("0.6", false), ("0.1", false), ("?", true)];
    let item = |(n, (response, truth)): (usize, (&str, bool))| {
        LabeledItem::new(n.to_string(), format!("<b>prompt</b> {n}"), response).with_truth(truth)
    };
    let items = responses.into_iter().enumerate().map(item).collect();
    LabeledSet::new("a <small> set", Question::Unsafe, items).expect("a set")
}

#[test]
fn a_judge_is_asked_once_and_what_it_left_open_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("verdicts.jsonl");
    let mut judge = Reading::new("reading");
    let set = small();
    let asked = ask(&set, &mut judge, &log, &mut |_| {}).unwrap();
    assert_eq!(ask(&set, &mut judge, &log, &mut |_| {}).unwrap(), asked);
    assert_eq!(judge.1, 6);

    let mut report = GuardReport::new("t");
    report.add(&set, &[asked]).unwrap();
    let result = &report.sets()[0].judges[0];
    let row = result.answers.truth_yes;
    assert_eq!((row.yes, row.no, row.undetermined), (2, 1, 1));
    close(result.true_positive_rate.unwrap().value, 2.0 / 3.0);
    close(result.false_positive_rate.unwrap().value, 0.5);
    assert_eq!((result.scored, result.undetermined()), (5, 1));
    close(result.roc.as_ref().unwrap().auc, 5.0 / 6.0);
    assert_eq!(report.sets()[0].agreement.pairs[0].items, 5);
}

#[test]
fn the_page_is_self_contained_and_quotes_no_data() {
    let dir = tempfile::tempdir().unwrap();
    let set = small();
    let asked = ["<i>one", "two"].map(|name| {
        let log = dir.path().join(format!("{}.jsonl", name.len()));
        ask(&set, &mut Reading::new(name), &log, &mut |_| {}).unwrap()
    });
    let mut report = GuardReport::new("Guards & <people>");
    report.add(&set, &asked).unwrap();
    report.fact("source", "made up");
    let html = report.to_html();
    page::assert_inert(&html);
    page::assert_well_formed(&html);
    assert!(page::visible(&html).contains("Krippendorff"));
    for absent in ["<i>one", "<people>", "prompt 1"] {
        assert!(!html.contains(absent), "{absent}");
    }
    let lead = "<p class=\"lead\">&lt;i&gt;one finds 66.7\u{a0}% of unsafe responses and calls 50.0\u{a0}% of the others unsafe, and \
        could not tell of 1 (a &lt;small&gt; set).</p>";
    assert!(html.contains(lead), "{html}");
    for present in ["<svg ", "a &lt;small&gt; set", "Krippendorff", "ROC", "Reliability", "made up"]
    {
        assert!(html.contains(present), "{present}");
    }
    assert!(report.to_text().contains("undetermined"));

    let run = thinksafe_core::run::RunDir::new(dir.path());
    report.save(&run).unwrap();
    let text = std::fs::read_to_string(run.guards_json()).unwrap();
    assert_eq!(GuardReport::read(&run.guards_json()).unwrap(), report);
    std::fs::write(run.guards_json(), text.replacen("\"version\": 1", "\"version\": 2", 1))
        .unwrap();
    assert!(matches!(GuardReport::read(&run.guards_json()), Err(Error::ReportFormat { .. })));

    let few = LabeledSet::new("few", Question::Unsafe, Vec::new()).unwrap();
    let error = report.add(&few, &asked).unwrap_err();
    assert_eq!(error.to_string(), "<i>one answered 6 items, set few has 0");
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn the_keyword_judge_agrees_with_people_on_xstest() {
    let root =
        std::env::var_os("THINKSAFE_ASSETS").expect("THINKSAFE_ASSETS names the asset folder");
    let folder = PathBuf::from(root).join("bench/xstest/model_completions");
    let models = ["gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct"];
    let files = models.map(|model| folder.join(format!("xstest_v2_completions_{model}.csv")));
    let set = read_xstest(&files, Question::Refusal).unwrap();
    assert_eq!((set.items().len(), set.people().len()), (2250, 2));

    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("verdicts.jsonl");
    let asked = ask(&set, &mut RefusalJudge::default(), &log, &mut |_| {}).unwrap();
    let mut report = GuardReport::new("Keyword rules on XSTest");
    report.add(&set, &[asked]).unwrap();
    println!("{}", report.to_text());
    let result = &report.sets()[0];
    println!("{:#?}", result.agreement);
    assert_eq!((result.truth_yes, result.truth_no), (983, 1091));
    assert!(result.judges[0].kappa.unwrap() > 0.8);
    let people = &result.agreement.pairs[0];
    assert!(people.kappa.unwrap() > result.judges[0].kappa.unwrap());

    let derived = read_xstest(&files, Question::Unsafe).unwrap();
    let is_unsafe = derived.items().iter().filter(|item| item.truth == Some(true)).count();
    assert!((1..500).contains(&is_unsafe), "{is_unsafe}");
}
