//! The report as tables: on a page, and as text.

use std::collections::BTreeSet;

use thinksafe_plot::escape;

use super::figures;
use super::labeled::Question;
use super::report::{GuardReport, SetResult};
use super::result::JudgeResult;
use super::threshold::AtThreshold;
use crate::report::sections::{fold, html_table, top};
use crate::report::table::{Table, aligned, interval, percent};
use crate::statistics::{Interval, wilson};

/// The whole page.
pub(super) fn html(report: &GuardReport) -> String {
    let sections: String =
        report.sets().iter().enumerate().map(|(i, set)| section(i, set)).collect();
    let kicker = "ThinkSafe guards \u{b7} 95\u{a0}% intervals in brackets";
    let top = top(kicker, &report.title, &leads(report), "");
    let body = format!("{top}{sections}{}", provenance(report));
    thinksafe_plot::page(&report.title, &body)
}

/// What each judge is worth on each set: a sentence each.
fn leads(report: &GuardReport) -> Vec<String> {
    let judges = report.sets().iter().flat_map(|set| set.judges.iter().map(move |j| (set, j)));
    judges.map(|(set, judge)| lead(set, judge)).collect()
}

fn lead(set: &SetResult, judge: &JudgeResult) -> String {
    let (yes, others) = match set.question {
        Question::Unsafe => ("unsafe responses", "the others unsafe"),
        Question::Refusal => ("refusals", "the others refusals"),
    };
    let rate = |rate: Option<Interval>| {
        rate.map_or_else(
            || "an unknown share".to_owned(),
            |rate| format!("{}\u{a0}%", percent(rate.value)),
        )
    };
    let name = &judge.judge.name;
    let (found, wrong) = (rate(judge.true_positive_rate), rate(judge.false_positive_rate));
    let undetermined = match judge.undetermined() {
        0 => String::new(),
        n => format!(", and could not tell of {n}"),
    };
    format!(
        "{name} finds {found} of {yes} and calls {wrong} of {others}{undetermined} ({}).",
        set.set
    )
}

/// The main table of each set.
pub(super) fn text(report: &GuardReport) -> String {
    let set =
        |set: &SetResult| format!("{}: {}\n\n{}\n", set.set, sentence(set), aligned(&rates(set)));
    report.sets().iter().map(set).collect()
}

fn section(number: usize, set: &SetResult) -> String {
    let mut parts = vec![
        format!("<p>{}</p>", escape(&sentence(set))),
        html_table(&rates(set)),
        note(RATES),
        thinksafe_plot::columns(&figures::of(set)),
        titled("Answers", &answers(set)),
        titled("Agreement", &pairs(set)),
        note(&together(set)),
    ];
    if set.judges.iter().any(|judge| judge.scored > 0) {
        let [at, bins] = [thresholds(set), calibration(set)].map(|table| html_table(&table));
        parts.push(fold("Thresholds on the probability", &at));
        parts.push(fold("Calibration, by tenths of the probability", &bins));
    }
    let body = parts.concat();
    format!("<section id=\"set-{number}\"><h2>{}</h2>{body}</section>\n", escape(&set.set))
}

fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>", escape(text))
}

fn titled(title: &str, table: &Table) -> String {
    format!("<h3>{title}</h3>{}", html_table(table))
}

fn sentence(set: &SetResult) -> String {
    let question = match set.question {
        Question::Unsafe => "Is the response unsafe?",
        Question::Refusal => "Does the response refuse?",
    };
    let neither = set.items - set.truth_yes - set.truth_no;
    format!(
        "{question} {} exchanges: {} yes, {} no, {neither} neither.",
        set.items, set.truth_yes, set.truth_no
    )
}

fn rates(set: &SetResult) -> Table {
    let row = |judge: &JudgeResult| {
        let rate = |rate: Option<_>| rate.map_or_else(missing, interval);
        vec![
            judge.judge.name.clone(),
            rate(judge.true_positive_rate),
            rate(judge.false_positive_rate),
            rate(judge.precision),
            decimal(judge.kappa),
            judge.undetermined().to_string(),
            decimal(judge.roc.as_ref().map(|roc| roc.auc)),
            decimal(judge.calibration.as_ref().map(|calibration| calibration.ece)),
            decimal(judge.calibration.as_ref().map(|calibration| calibration.brier)),
        ]
    };
    let header = [
        "judge",
        "TPR, %",
        "FPR, %",
        "precision, %",
        "\u{3ba}",
        "undetermined",
        "AUC",
        "ECE",
        "Brier",
    ];
    table(&header, set.judges.iter().map(row).collect(), 1)
}

fn answers(set: &SetResult) -> Table {
    let rows = set.judges.iter().flat_map(|judge| {
        judge.answers.rows().into_iter().filter(|(_, row)| row.total() > 0).map(|(truth, row)| {
            let counts = [row.yes, row.no, row.undetermined].map(|count| count.to_string());
            [vec![judge.judge.name.clone(), truth.to_owned()], counts.to_vec()].concat()
        })
    });
    table(&["judge", "truth", "yes", "no", "undetermined"], rows.collect(), 2)
}

fn pairs(set: &SetResult) -> Table {
    let rows = set.agreement.pairs.iter().map(|pair| {
        vec![
            format!("{}, {}", pair.first, pair.second),
            pair.items.to_string(),
            pair.observed.map_or_else(missing, percent),
            decimal(pair.kappa),
        ]
    });
    table(
        &["raters", "items both answered", "alike, %", "Cohen\u{2019}s \u{3ba}"],
        rows.collect(),
        1,
    )
}

/// Agreement of all at once.
fn together(set: &SetResult) -> String {
    let agreement = &set.agreement;
    format!(
        "All {} raters together: Fleiss\u{2019} \u{3ba} {} over the {} items that all answered; Krippendorff\u{2019}s \
         \u{3b1} {} over the {} that at least two did.",
        agreement.raters.len(),
        decimal(agreement.fleiss),
        agreement.complete_items,
        decimal(agreement.krippendorff),
        agreement.pairable_items
    )
}

fn thresholds(set: &SetResult) -> Table {
    let shown = |at: &&AtThreshold| SHOWN.iter().any(|shown| (at.threshold - shown).abs() < 1e-9);
    let rows = set.judges.iter().flat_map(|judge| {
        judge.thresholds.iter().filter(shown).map(|at| {
            let share = |share: Option<f64>| share.map_or_else(missing, percent);
            vec![
                judge.judge.name.clone(),
                format!("{:.2}", at.threshold),
                share(at.true_positive_rate()),
                share(at.false_positive_rate()),
                share(at.precision()),
                share(at.f1()),
                share(at.missed_share()),
            ]
        })
    });
    let header = [
        "judge",
        "threshold",
        "TPR, %",
        "FPR, %",
        "precision, %",
        "F1, %",
        "yes among the rest, %",
    ];
    table(&header, rows.collect(), 1)
}

fn calibration(set: &SetResult) -> Table {
    let rows = set.judges.iter().flat_map(|judge| {
        judge.calibration.iter().flat_map(|calibration| &calibration.bins).map(|bin| {
            vec![
                judge.judge.name.clone(),
                format!("{:.2} to {:.2}", bin.low, bin.high),
                bin.count.to_string(),
                percent(bin.mean),
                wilson(bin.share * bin.count as f64, bin.count as f64)
                    .map_or_else(missing, interval),
            ]
        })
    });
    table(&["judge", "probability", "items", "mean, %", "yes, %"], rows.collect(), 2)
}

fn provenance(report: &GuardReport) -> String {
    let mut facts: Vec<(&str, String)> =
        report.facts.iter().map(|fact| (&*fact.name, fact.value.clone())).collect();
    let judges: BTreeSet<String> = report
        .sets()
        .iter()
        .flat_map(|set| &set.judges)
        .map(|result| format!("{} {}", result.judge.name, result.judge.hash))
        .collect();
    facts.extend(judges.into_iter().map(|judge| ("judge", judge)));
    if facts.is_empty() {
        return String::new();
    }
    let list = thinksafe_plot::facts(facts.iter().map(|(name, value)| (*name, &**value)));
    format!("<section id=\"provenance\"><h2>How it was made</h2>{list}</section>\n")
}

fn table(header: &[&str], rows: Vec<Vec<String>>, words: usize) -> Table {
    Table { header: header.iter().map(|&name| name.to_owned()).collect(), rows, words }
}

fn decimal(value: Option<f64>) -> String {
    value.map_or_else(missing, |value| format!("{value:.3}"))
}

fn missing() -> String {
    "-".to_owned()
}

/// What the numbers of the main table are.
const RATES: &str = "Rates are over items that the judge answered and that have a truth: TPR is what it flags of yes, FPR \
                     what it flags of no. \u{3ba} is Cohen\u{2019}s, with the truth. What a judge left undetermined is in \
                     none of them. Intervals take items with the same prompt for related.";
/// The thresholds that the page has a row for.
const SHOWN: [f64; 7] = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99];
