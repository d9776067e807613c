//! Comparing runs of several reports: what is matched, what is left out and said, what is tested, and that the page is
//! inert.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

mod page;
mod tables;

use thinksafe_core::Error as CoreError;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::message::Prompt;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_eval::Error;
use thinksafe_eval::answer::ExtractedAnswer;
use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
use thinksafe_eval::compare::{Comparison, LeftOut, Reason, Run, compare};
use thinksafe_eval::evaluate::evaluate;
use thinksafe_eval::report::Report;
use thinksafe_eval::score::{Aspect, Scorer, Unscored};
use thinksafe_eval::scorer::{AnswerAccuracy, HarmfulRate};

const HOSTILE: &str = "</pre><script src=\"https://x.example/a.js\"></script>|&%_#$\\";

/// Finds `bad` unsafe, and cannot tell of `hm`.
struct Words(JudgeIdentity);

impl Words {
    fn new(name: &str) -> Self {
        Self(JudgeIdentity { name: name.to_owned(), hash: ContentHash::of_bytes(name) })
    }
}

impl Judge for Words {
    fn identity(&self) -> &JudgeIdentity {
        &self.0
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for Exchange { id, response, .. } in exchanges {
            let safety = match (response.contains("bad"), response.contains("hm")) {
                (true, _) => Safety::Unsafe,
                (_, true) => Safety::Undetermined,
                _ => Safety::Safe,
            };
            sink(Judgement { id, verdict: Verdict::of(safety) })?;
        }
        Ok(())
    }
}

/// What is asked of a run, and how it answers.
struct Asked {
    /// Which sums and requests.
    items: std::ops::Range<usize>,
    /// The sum whose right answer is another one here.
    changed: Option<usize>,
    samples: u32,
    judge: &'static str,
    /// How many of the first items are answered rightly, and as many harmless.
    right: usize,
}

impl Default for Asked {
    fn default() -> Self {
        Self { items: 0..20, changed: None, samples: 1, judge: "words", right: 20 }
    }
}

fn settings(samples: u32) -> Settings {
    Settings { samples, ..Settings::new(Sampling::greedy(50), Seed(7)) }
}

/// A report with one run, `only`, on sums and on harmful requests.
fn report(asked: &Asked) -> Report {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let sums = asked.items.clone().map(|i| Item {
        category: Some(if i % 2 == 0 { "even" } else { HOSTILE }.to_owned()),
        ..Item::new(format!("sum-{i}"), format!("{i} + 0?"))
            .with_reference((i + usize::from(asked.changed == Some(i)) * 100).to_string())
    });
    let requests = asked.items.clone().map(|i| Item {
        label: Some(PromptLabel::VanillaHarmful),
        ..Item::new(format!("{HOSTILE}-{i}"), format!("{HOSTILE} secret {i}"))
    });
    let sums = Benchmark::new("sums", sums.collect(), settings(asked.samples)).unwrap();
    let requests = Benchmark::new("requests", requests.collect(), settings(asked.samples)).unwrap();

    let right = asked.right;
    let mut report = Report::new("Report");
    let mut model = ScriptedGenerator::new("model", move |request| {
        let Prompt::Messages(messages) = &request.prompt else { unreachable!() };
        let text = messages[0].content.trim_end_matches(" + 0?");
        // An item is known by its number, whichever others are asked.
        let i: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
        Ok(match (text.contains("secret"), i) {
            (_, 19) => "on and on ".repeat(50),
            (true, 18) => "hm".to_owned(),
            (true, _) => if i < right { "no" } else { "bad" }.to_owned(),
            (false, _) => format!("\\boxed{{{}}}", if i < right { i } else { 1000 }),
        })
    });
    let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
    let mut harm = HarmfulRate::new(Words::new(asked.judge), dir.evaluation("verdicts"));
    let scored: [(&Benchmark, &mut dyn Scorer); 2] =
        [(&sums, &mut accuracy), (&requests, &mut harm)];
    for (benchmark, scorer) in scored {
        let result = evaluate(&dir, benchmark, &mut model, &mut [scorer], &mut |_| {}).unwrap();
        report.add("only", &result).unwrap();
    }
    report
}

fn compared(runs: &[(&str, &Report)]) -> Comparison {
    let runs: Vec<Run<'_>> =
        runs.iter().map(|(name, report)| Run::new(*name, report, "only").unwrap()).collect();
    compare("Title", &runs, 500, Seed(3)).unwrap()
}

/// Ten of the twenty are right and harmless, then all.
fn two() -> Comparison {
    let (base, tuned) =
        (report(&Asked { right: 10, ..Asked::default() }), report(&Asked::default()));
    compared(&[("base", &base), ("tuned", &tuned)])
}

#[test]
fn runs_of_two_reports_are_paired_by_item() {
    let comparison = two();
    let [sums, requests] = comparison.benchmarks() else { panic!("{comparison:?}") };
    assert_eq!((sums.items, sums.samples, comparison.not_compared().len()), (20, 1, 0));
    assert!(sums.asked.iter().chain(&requests.asked).all(|asked| asked.left_out.is_nothing()));

    let [base, tuned] = sums.metrics[0].runs.as_slice() else { panic!() };
    assert_eq!(base.change, None);
    let change = tuned.change.unwrap();
    assert_eq!(
        (change.difference.pairs, change.difference.rose, change.difference.fell),
        (19, 9, 0)
    );
    assert!((change.difference.difference.value - 9.0 / 19.0).abs() < 1e-12);
    // Nine changed, all one way: 2 / 2^9.
    assert_eq!(
        (change.p_value, change.difference.p_value),
        (Some(0.003_906_25), Some(0.003_906_25))
    );

    let [_, tuned] = requests.metrics[0].runs.as_slice() else { panic!() };
    let change = tuned.change.unwrap();
    // The last but one is undetermined in the second run, harmful in the first.
    assert_eq!((change.difference.pairs, change.difference.fell), (18, 8));
    // The smaller of the two p-values counts twice; the other is not below it.
    assert!((change.adjusted_p_value.unwrap() - 0.007_812_5).abs() < 1e-12, "{change:?}");
}

#[test]
fn categories_are_compared_and_adjusted_apart() {
    let comparison = two();
    let tuned = &comparison.benchmarks()[0].metrics[0].runs[1];
    assert_eq!(tuned.categories.keys().collect::<Vec<_>>(), [HOSTILE, "even"]);
    let even = tuned.categories["even"].change.unwrap();
    assert_eq!((even.difference.pairs, even.difference.rose), (10, 5));
    let odd = tuned.categories[HOSTILE].change.unwrap();
    assert_eq!((odd.difference.pairs, odd.difference.rose), (9, 4));
    assert_eq!((even.p_value, even.adjusted_p_value), (Some(0.0625), Some(0.125)));
    assert_eq!((odd.p_value, odd.adjusted_p_value), (Some(0.125), Some(0.125)));
}

#[test]
fn items_of_one_run_are_left_out_counted_and_named() {
    let base = report(&Asked { items: 0..15, right: 10, ..Asked::default() });
    let tuned = report(&Asked { items: 5..20, changed: Some(7), samples: 2, ..Asked::default() });
    let comparison = compared(&[("base", &base), ("tuned", &tuned)]);
    let sums = &comparison.benchmarks()[0];
    assert_eq!((sums.items, sums.samples), (9, 1));
    let left_out = |of: &LeftOut| (of.items, of.changed, of.samples, of.ids.len());
    assert_eq!(left_out(&sums.asked[0].left_out), (5, 1, 0, 6));
    assert_eq!(left_out(&sums.asked[1].left_out), (5, 1, 1, 6));
    assert!(sums.asked[1].left_out.ids.contains(&"sum-7".to_owned()));

    // Rates are over what is shared: items 5, 6 and 8 to 14, of which the first run knows four.
    let [base, tuned] = sums.metrics[0].runs.as_slice() else { panic!() };
    assert_eq!((base.estimate.scored, tuned.estimate.scored), (9, 9));
    assert!((base.estimate.rate.unwrap().value - 4.0 / 9.0).abs() < 1e-12);
    assert_eq!(tuned.change.unwrap().difference.pairs, 9);

    let (first, second) = (
        "sums: left out of base, items that another run lacks: 5; items with another text or answer in another run: 1.",
        "in another run: 1; samples of each item that another run lacks: 1.",
    );
    let not_alike = "sums: not asked alike, with samples 1 and 2.";
    for text in [
        comparison.to_text(),
        comparison.to_markdown(),
        comparison.to_latex(),
        comparison.to_html(),
    ] {
        for remark in [first, second, not_alike] {
            assert!(text.contains(remark), "{remark} in {text}");
        }
    }
}

#[test]
fn what_a_run_lacks_and_what_another_judge_says_is_not_compared() {
    let base = report(&Asked::default());
    let other = report(&Asked { judge: "others", ..Asked::default() });
    let comparison = compared(&[("base", &base), ("other", &other)]);
    assert!(comparison.benchmarks()[1].metrics.is_empty());
    let [judged] = comparison.not_compared() else { panic!("{comparison:?}") };
    assert!(matches!(&judged.reason, Reason::OtherJudges(judges) if judges.len() == 2));
    assert!(
        comparison.to_html().contains("requests, harmful responses: not compared, judged by words")
    );

    let empty = Report::new("empty");
    assert!(matches!(Run::new("x", &empty, "only"), Err(Error::UnknownRun { .. })));
    let elsewhere = report(&Asked { items: 30..33, ..Asked::default() });
    let comparison = compared(&[("base", &base), ("elsewhere", &elsewhere)]);
    assert!(comparison.benchmarks().is_empty());
    assert!(comparison.not_compared().iter().all(|what| what.reason == Reason::NoSharedItem));
    let page = comparison.to_html();
    assert!(
        page.contains("There is nothing to compare.") && page.contains("no item is in all runs")
    );
}

#[test]
fn fewer_than_two_runs_and_two_of_one_name_are_refused() {
    let report = report(&Asked { items: 0..2, ..Asked::default() });
    let run = |name: &str| Run::new(name, &report, "only").unwrap();
    let refused = |runs: &[Run<'_>]| compare("t", runs, 10, Seed(1)).unwrap_err();
    assert!(matches!(refused(&[run("a")]), Error::TooFewRuns { found: 1 }));
    assert!(matches!(refused(&[run("a"), run("b"), run("a")]), Error::DuplicateRun { .. }));
}

#[test]
fn truncated_and_undetermined_are_columns_of_their_own() {
    let comparison = two();
    let tuned = &comparison.benchmarks()[1].metrics[0].runs[1];
    assert_eq!(tuned.estimate.unscored[&Unscored::Truncated], 1);
    assert_eq!(tuned.estimate.unscored[&Unscored::Undetermined], 1);
    let text = comparison.to_text();
    let header = text.lines().find(|line| line.contains("truncated")).unwrap();
    let is_average = |line: &str| line.starts_with("harmful responses  tuned");
    assert!(text.lines().any(is_average), "{text}");
    let is_row = |line: &&str| line.starts_with("requests") && line.contains("tuned");
    let row = text.lines().rfind(is_row).unwrap();
    for column in ["truncated", "undetermined"] {
        let end = header.find(column).unwrap() + column.len();
        assert_eq!(&row[end - 2..end], " 1", "{column}: {row}");
    }
    for table in [comparison.to_markdown(), comparison.to_latex()] {
        assert!(table.contains("truncated") && table.contains("undetermined"), "{table}");
    }
    assert!(comparison.to_html().contains("undetermined</th>"));
    // One of twenty is not worth a word, two are.
    let remark = "requests, harmful responses: tuned has no score for 2 of 20 responses, which its rate leaves out.";
    assert!(text.contains(remark) && !text.contains("sums, answer accuracy: tuned"), "{text}");
}

#[test]
fn tables_survive_hostile_names() {
    let (base, tuned) =
        (report(&Asked { right: 10, ..Asked::default() }), report(&Asked::default()));
    let comparison = compared(&[(HOSTILE, &base), ("tuned", &tuned)]);
    tables::assert_latex(&comparison.to_latex());
    tables::assert_markdown(&comparison.to_markdown());
}

#[test]
fn the_page_is_inert_leads_with_the_result_and_hides_requests() {
    let (base, tuned) =
        (report(&Asked { right: 10, ..Asked::default() }), report(&Asked::default()));
    let comparison = compared(&[("base", &base), (HOSTILE, &tuned), ("again", &tuned)]);
    let page = comparison.to_html();
    page::assert_inert(&page);
    page::assert_well_formed(&page);
    let header = page.split("</header>").next().unwrap();
    assert!(
        header.contains("against base: harmful responses fell from 44.4\u{a0}% to 0.0\u{a0}%"),
        "{header}"
    );
    assert!(header.contains("answer accuracy rose from 52.6\u{a0}% to 100.0\u{a0}%"), "{header}");
    assert_eq!(header.matches("class=\"lead\"").count(), 2);
    for title in ["Safety against reasoning", "Change by benchmark", "sums: answer accuracy"] {
        assert!(page.contains(&format!("<b>{title}</b>")), "{title}");
    }
    assert!(page.contains("secret 3") && !page::visible(&page).contains("secret"));
    assert!(!page.contains("class=\"arrow\""), "runs have no order");
}

#[test]
fn averages_are_over_benchmarks_and_a_comparison_reads_back() {
    let comparison = two();
    let headlines = comparison.headlines();
    assert_eq!(
        headlines.iter().map(|h| h.aspect).collect::<Vec<_>>(),
        [Aspect::Harm, Aspect::Reasoning]
    );
    let change = headlines[1].runs[1].change.unwrap();
    assert!((change.value - 9.0 / 19.0).abs() < 1e-12 && change.low > 0.0);

    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    comparison.save(&dir).unwrap();
    assert_eq!(Comparison::read(&dir.comparison_json()).unwrap(), comparison);
    let json = std::fs::read_to_string(dir.comparison_json()).unwrap();
    std::fs::write(dir.comparison_json(), json.replacen("\"version\": 1", "\"version\": 9", 1))
        .unwrap();
    let error = Comparison::read(&dir.comparison_json()).unwrap_err();
    assert!(matches!(error, Error::ReportFormat { version: 1, .. }), "{error}");
    assert!(
        std::fs::read_to_string(dir.comparison_html()).unwrap().contains("Change by benchmark")
    );
}
