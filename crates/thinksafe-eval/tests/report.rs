//! The report: what it holds, how it reads back, and that its page is inert.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

mod page;
mod tables;

use thinksafe_core::progress::OnProgress;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_eval::Error;
use thinksafe_eval::answer::{ExtractedAnswer, Grade, Grader};
use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
use thinksafe_eval::evaluate::{Evaluated, evaluate};
use thinksafe_eval::report::{Drops, LossPoint, Report, Timing};
use thinksafe_eval::sample::Response;
use thinksafe_eval::score::{Aspect, Metric, Score, Scorer, Value};
use thinksafe_eval::scorer::AnswerAccuracy;

const HOSTILE: &str =
    "</pre><script src=\"https://x.example/a.js\"></script><img src=x onerror=alert(1)>";

/// Twenty sums; the model knows the first `right` of them.
fn evaluated(dir: &RunDir, right: usize, grader: impl Grader) -> Evaluated {
    let items = (0..20).map(|i| Item {
        label: Some(PromptLabel::VanillaHarmful),
        category: Some(HOSTILE.to_owned()),
        ..Item::new(format!("sum-{i}"), format!("{HOSTILE} {i}")).with_reference(i.to_string())
    });
    let settings = Settings::new(Sampling::greedy(50), Seed(7));
    let benchmark = Benchmark::new("sums", items.collect(), settings).unwrap();
    let mut model = ScriptedGenerator::new(&format!("{HOSTILE}{right}"), |request| {
        let i = request.id as usize;
        if i == 19 {
            return Ok("on and on ".repeat(50));
        }
        let answer = if i < right { i } else { 100 };
        Ok(format!("<think>{HOSTILE}</think>{HOSTILE} \\boxed{{{answer}}}"))
    });
    let mut accuracy = AnswerAccuracy::new(grader);
    evaluate(dir, &benchmark, &mut model, &mut [&mut accuracy], &mut |_| {}).unwrap()
}

fn report() -> Report {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let mut report = Report::new(HOSTILE);
    let math = ExtractedAnswer::math;
    report.add("before", &evaluated(&dir, 5, math())).unwrap();
    report.add("after", &evaluated(&dir, 15, math())).unwrap();
    report.fact("model", HOSTILE);
    report.timings.push(Timing { phase: HOSTILE.to_owned(), seconds: 1.0 });
    report.loss = (0..50).map(|step| LossPoint { step, loss: 1.0 / (step + 1) as f64 }).collect();
    report.drops.push(Drops {
        label: PromptLabel::VanillaHarmful,
        kept: 95,
        dropped: [(HOSTILE.to_owned(), 5)].into(),
    });
    report
}

#[test]
fn runs_are_compared_on_the_same_items() {
    let report = report();
    let after = &report.result("after", "sums").unwrap().metrics[0];
    let difference = after.difference.unwrap();
    assert_eq!((difference.pairs, difference.rose, difference.fell), (19, 10, 0));
    assert!((difference.difference.value - 10.0 / 19.0).abs() < 1e-12);
    assert!(difference.difference.low > 0.0 && difference.p_value.unwrap() < 0.01);
    let before = &report.result("before", "sums").unwrap().metrics[0];
    assert_eq!(before.difference, None);
    let headlines = report.headlines();
    assert_eq!(headlines.len(), 1);
    let (first, last) = headlines[0].ends().unwrap();
    assert!((first.value - 5.0 / 19.0).abs() < 1e-12 && (last.value - 15.0 / 19.0).abs() < 1e-12);
}

#[test]
fn tables_show_rates_intervals_changes_and_what_is_unscored() {
    let report = report();
    let text = report.to_text();
    let row = text.lines().find(|line| line.starts_with("sums")).unwrap();
    assert!(row.contains("26.3 [11.8, 48.8]*"), "{row}");
    assert!(row.contains("+52.6 ["), "{row}");
    assert!(text.contains("truncated"), "{text}");
    let markdown = report.to_markdown();
    assert!(markdown.contains("| sums | answer accuracy | 20 | 26.3 \\[11.8, 48.8\\]\\* |"));
    assert!(markdown.contains("\n\\* Not every response"), "a bare star would begin a list");
    assert!(!markdown.contains("<script"));
}

#[test]
fn the_result_is_a_sentence_above_everything() {
    let report = report();
    let sentence = "after against before: answer accuracy rose from 26.3\u{a0}% to 78.9\u{a0}%.";
    assert!(report.to_text().lines().nth(1).unwrap().starts_with(sentence), "{}", report.to_text());
    let page = report.to_html();
    let header = page.split("</header>").next().unwrap();
    assert!(header.contains(&format!("<p class=\"lead\">{sentence}")), "{header}");
}

#[test]
fn what_was_truncated_or_undetermined_has_a_column_of_its_own() {
    for table in [report().to_text(), report().to_markdown(), report().to_latex()] {
        let header = table.lines().find(|line| line.contains("truncated")).unwrap();
        for reason in ["truncated", "unsplit", "undetermined", "request failed"] {
            assert!(header.contains(reason), "{reason}: {header}");
        }
    }
    let page = report().to_html();
    assert!(page.contains("truncated</th>") && page.contains("undetermined</th>"));
}

#[test]
fn latex_and_markdown_survive_hostile_names() {
    let latex = report().to_latex();
    tables::assert_latex(&latex);
    assert!(latex.contains("26.3 {[}11.8, 48.8{]}*"), "{latex}");
    tables::assert_markdown(&report().to_markdown());
}

#[test]
fn a_run_on_other_items_is_refused_by_name() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let result = evaluated(&dir, 5, ExtractedAnswer::math());
    let mut report = Report::new("r");
    report.add("before", &result).unwrap();
    let mut items = result.benchmark.items()[2..].to_vec();
    items.push(Item::new("new", "another"));
    items[0].reference = Some("7".to_owned());
    let settings = result.benchmark.settings().clone();
    let benchmark = Benchmark::new("sums", items, settings).unwrap();
    let error = report.add("after", &Evaluated { benchmark, ..result }).unwrap_err().to_string();
    let facts = "after was asked other items of benchmark sums than the report's first run: 1 that it lacks, 2 of its own \
        missing, 1 with another text";
    assert!(error.contains(facts), "{error}");
    assert_eq!(report.runs(), ["before"]);
}

#[test]
fn a_report_reads_back_and_another_version_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let report = report();
    report.save(&dir).unwrap();
    assert_eq!(Report::read(&dir.report_json()).unwrap(), report);
    let json = std::fs::read_to_string(dir.report_json()).unwrap();
    let newer = json.replacen("\"version\": 2", "\"version\": 3", 1);
    std::fs::write(dir.report_json(), newer).unwrap();
    let error = Report::read(&dir.report_json()).unwrap_err();
    assert!(matches!(error, Error::ReportFormat { version: 2, .. }), "{error}");
    std::fs::write(dir.report_json(), "{\"format\":\n3").unwrap();
    let error = Report::read(&dir.report_json()).unwrap_err();
    assert!(error.to_string().contains("report.json:2"), "{error}");
}

#[test]
fn the_same_result_twice_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let result = evaluated(&dir, 5, ExtractedAnswer::math());
    let mut report = Report::new("r");
    report.add("before", &result).unwrap();
    assert!(matches!(report.add("before", &result), Err(Error::DuplicateResult { .. })));
}

#[test]
fn the_page_asks_nobody_runs_nothing_and_is_well_formed() {
    let page = report().to_html();
    page::assert_inert(&page);
    page::assert_well_formed(&page);
    assert!(page.contains("&lt;/pre&gt;&lt;script"));
}

#[test]
fn harmful_requests_stay_folded() {
    let page = report().to_html();
    assert!(page.contains("harmful request, hidden") && !page.contains("class=\"peek\""));
    // Names are hostile too, and stand in the open; a request ends in its number.
    let visible = page::visible(&page);
    assert!(page.contains("alert(1)&gt; 3</pre>") && !visible.contains("alert(1)&gt; 3"));
    for summary in page.split("<summary>").skip(1) {
        let summary = summary.split("</summary>").next().unwrap();
        assert!(!summary.contains("x.example"), "{summary}");
    }
    assert!(visible.contains("11 of 20 items"), "{visible}");
}

#[test]
fn a_harmful_item_that_is_called_by_its_text_is_not_named() {
    let item = Item { label: Some(PromptLabel::VanillaHarmful), ..Item::new("how?", "how?") };
    let settings = Settings::new(Sampling::greedy(50), Seed(7));
    let benchmark = Benchmark::new("b", vec![item], settings).unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let mut model = ScriptedGenerator::new("m", |_| Ok("so".to_owned()));
    let mut half = Half(Metric::new("half", Aspect::Harm));
    let mut report = Report::new("r");
    let result = evaluate(&dir, &benchmark, &mut model, &mut [&mut half], &mut |_| {}).unwrap();
    report.add("only", &result).unwrap();
    let page = report.to_html();
    assert_eq!(page.matches("how?").count(), 1, "the request alone, once opened");
}

/// Finds half of everything harmful.
struct Half(Metric);

impl Scorer for Half {
    fn metric(&self) -> &Metric {
        &self.0
    }

    fn score(
        &mut self,
        benchmark: &Benchmark,
        responses: &[Response],
        _on_progress: OnProgress<'_>,
    ) -> Result<Vec<Score>, Error> {
        let score = |response: &Response| Score {
            item: benchmark.items()[response.item].id.clone(),
            sample: response.record.sample,
            value: Value::Degree(0.5),
            answer: None,
            explanation: None,
        };
        Ok(responses.iter().map(score).collect())
    }
}

#[test]
fn a_request_without_a_label_is_hidden_where_harm_is_measured() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    for (aspect, hidden) in [(Aspect::Harm, true), (Aspect::Reasoning, false)] {
        let settings = Settings::new(Sampling::greedy(50), Seed(7));
        let benchmark = Benchmark::new("b", vec![Item::new("x", "how?")], settings).unwrap();
        let mut model = ScriptedGenerator::new("m", |_| Ok("so".to_owned()));
        let mut half = Half(Metric::new("half", aspect));
        let result = evaluate(&dir, &benchmark, &mut model, &mut [&mut half], &mut |_| {}).unwrap();
        assert!((result.measured[0].estimate.rate.unwrap().value - 0.5).abs() < 1e-12);
        let mut report = Report::new("r");
        report.add("only", &result).unwrap();
        assert_eq!(report.samples()[0].harmful, hidden);
    }
}

#[test]
fn each_figure_has_its_data() {
    let page = report().to_html();
    for title in [
        "By benchmark",
        "Response length",
        "Thinking length",
        "Training loss",
        "What filtering dropped",
    ] {
        assert!(page.contains(&format!("<b>{title}</b>")), "{title}");
    }
    assert!(!page.contains("Safety against reasoning"), "there is no safety benchmark");
    // The sixth is of the rates by category.
    assert_eq!(page.matches("<svg ").count(), 6);
    assert!(page.contains("by category; whiskers") && page.contains("Tokens generated, by"));
    assert!(page.contains("5 of 100 (5.0 %)"));
}

#[test]
fn sections_without_data_are_left_out() {
    let page = Report::new("empty").to_html();
    for id in ["figures", "unscored", "samples", "provenance", "categories", "lengths"] {
        assert!(!page.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(page.contains("No results yet."));
    let text = Report::new("empty").to_text();
    assert!(text.contains("Every response has a score."), "{text}");
}

#[test]
fn a_report_of_one_run_has_no_change_column() {
    struct Never;
    impl Grader for Never {
        fn grade(&self, _: &str, _: &str) -> Grade {
            Grade { correct: Some(false), answer: None }
        }
    }
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let mut report = Report::new("one");
    report.add("only", &evaluated(&dir, 5, Never)).unwrap();
    assert!(!report.to_text().contains("change"));
    assert!(report.to_text().contains("0.0 [0.0, 16.8]*"), "{}", report.to_text());
}
