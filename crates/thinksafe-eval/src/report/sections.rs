//! The page's sections. One without data is left out.

use thinksafe_core::generate::Identity;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_plot::escape;

use super::headline::{Headline, Verdict, shown};
use super::table::{self, Table, change, interval, percent};
use super::{Report, figures, sentence};
use crate::benchmark::Settings;
use crate::score::Aspect;

/// Title, result in a sentence, and a tile an aspect.
pub(super) fn header(report: &Report) -> String {
    let headlines = report.headlines();
    let runs = match report.runs.as_slice() {
        [] => String::new(),
        [only] => format!(" \u{b7} {}", escape(only)),
        [first, .., last] => format!(" \u{b7} {} \u{2192} {}", escape(first), escape(last)),
    };
    let kicker = format!("ThinkSafe evaluation{runs} \u{b7} 95\u{a0}% intervals in brackets");
    let lead = sentence::lead(&headlines);
    top(&kicker, &report.title, &[lead], &tiles(&headlines))
}

/// What stands above everything: `kicker` and `below` are HTML, the rest is text.
pub(crate) fn top(kicker: &str, title: &str, leads: &[String], below: &str) -> String {
    let lead = |text: &&String| format!("<p class=\"lead\">{}</p>", escape(text));
    let leads: String =
        leads.iter().filter(|text| !text.is_empty()).take(LEADS).map(|t| lead(&t)).collect();
    format!(
        "<header><p class=\"kicker\">{kicker}</p><h1>{}</h1>{leads}{below}</header>\n",
        escape(title)
    )
}

/// A tile an aspect, from the first run to the last.
pub(crate) fn tiles(headlines: &[Headline]) -> String {
    let tiles: String = shown(headlines).map(tile).collect();
    format!("<div class=\"tiles\">{tiles}</div>")
}

fn tile(headline: &Headline) -> String {
    let (Some((first, last)), Some(run)) = (headline.ends(), headline.runs.last()) else {
        return String::new();
    };
    let over = match headline.benchmarks {
        1 => "one benchmark".to_owned(),
        n => format!("average of {n} benchmarks"),
    };
    let (numbers, ranges) = if headline.runs.len() > 1 {
        (
            format!(
                "<span class=\"from\">{}</span><span class=\"to-arrow\">\u{2192}</span><span class=\"to\">{}<small>%\
                 </small></span>",
                percent(first.value),
                percent(last.value)
            ),
            format!("{} \u{2192} {}", range(first), range(last)),
        )
    } else {
        (format!("<span class=\"to\">{}<small>%</small></span>", percent(last.value)), range(last))
    };
    let wish = wish(headline.aspect);
    let changed = run.change.map_or(String::new(), |interval| {
        format!("<p class=\"ranges\">{} points</p>", minus(&change(interval)))
    });
    let verdict = class(run.verdict(headline.aspect));
    format!(
        "<div class=\"tile {verdict}\"><h2>{}</h2><p class=\"numbers\">{numbers}</p><p class=\"ranges\">{ranges}</p>\
         {changed}<p class=\"note\">{over}, {wish}</p></div>",
        headline.name
    )
}

/// Which way is good.
pub(crate) fn wish(aspect: Aspect) -> &'static str {
    if aspect.lower_is_better() { "lower is better" } else { "higher is better" }
}

/// The class of what is better, worse or neither.
pub(crate) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Unclear => "same",
    }
}

fn range(rate: crate::statistics::Interval) -> String {
    format!("[{}, {}]", percent(rate.low), percent(rate.high))
}

/// The table of results.
pub(super) fn results(report: &Report) -> String {
    let table = table::results(report);
    if table.rows.is_empty() {
        return "<p>No results yet.</p>\n".to_owned();
    }
    let compared = match report.runs.as_slice() {
        [first, .., last] => format!(
            " Change is {} minus {} over the responses that both have a score for, in percentage points, with \
             Newcombe's paired interval.",
            escape(last),
            escape(first)
        ),
        _ => String::new(),
    };
    let star = match table::unscored(report) {
        Some(_) => " * Some responses have no score, see <i>Not scored</i> below.",
        None => "",
    };
    format!(
        "<section id=\"results\"><h2>Results</h2>{}<p class=\"note\">{} Wilson intervals; repeated or related items \
         count as what they are worth.{compared}{star}</p></section>\n",
        html_table(&table),
        table::UNITS
    )
}

/// What was not scored.
pub(super) fn unscored(report: &Report) -> String {
    if report.results.is_empty() {
        return String::new();
    }
    let body = match table::unscored(report) {
        Some(table) => format!(
            "<p>These responses count neither for nor against. The last column says what the rate would be if all of \
             them fell on one side.</p>{}",
            html_table(&table)
        ),
        None => format!("<p>{}</p>", table::ALL_SCORED),
    };
    format!("<section id=\"unscored\"><h2>Not scored</h2>{body}</section>\n")
}

/// Rates by category, where items have one.
pub(super) fn categories(report: &Report) -> String {
    let mut header = vec!["benchmark".to_owned(), "metric".to_owned(), "category".to_owned()];
    header.extend(report.runs.iter().cloned());
    let mut rows = Vec::new();
    for (benchmark, metric) in report.rows() {
        let rate = |run: &String, name: &String| {
            let rate = report.metric(run, benchmark, metric)?.categories.get(name)?.rate?;
            Some(interval(rate))
        };
        for name in report.categories(benchmark, metric) {
            let mut row = vec![benchmark.to_owned(), metric.name.clone(), name.clone()];
            row.extend(report.runs.iter().map(|run| rate(run, name).unwrap_or("-".to_owned())));
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let (bars, table) = (
        thinksafe_plot::columns(&figures::categories(report)),
        html_table(&Table { header, rows, words: 3 }),
    );
    format!(
        "<section id=\"categories\"><h2>By category</h2>{bars}{}</section>\n",
        fold("The same as a table", &table)
    )
}

/// Something to look at when asked.
pub(crate) fn fold(title: &str, html: &str) -> String {
    format!("<details><summary>{title}</summary><div class=\"request\">{html}</div></details>")
}

/// Facts, timings, settings and identities.
pub(super) fn provenance(report: &Report) -> String {
    let mut facts: Vec<(String, String)> =
        report.facts.iter().map(|f| (f.name.clone(), f.value.clone())).collect();
    let time = |t: &super::Timing| (format!("time: {}", t.phase), format!("{:.1} s", t.seconds));
    facts.extend(report.timings.iter().map(time));
    let asked = report.results.iter().map(|r| (r.run.as_str(), &r.generator, &r.settings));
    let metrics = report.results.iter().flat_map(|r| &r.metrics);
    facts.extend(engines(asked, metrics.filter_map(|m| m.judge.as_ref())));
    if facts.is_empty() {
        return String::new();
    }
    let list = thinksafe_plot::facts(facts.iter().map(|(name, value)| (&**name, &**value)));
    format!("<section id=\"provenance\"><h2>How it was made</h2>{list}</section>\n")
}

/// What answered, what judged and how it was asked, each said once.
pub(crate) fn engines<'a>(
    asked: impl Iterator<Item = (&'a str, &'a Identity, &'a Settings)>,
    judges: impl Iterator<Item = &'a JudgeIdentity>,
) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut once = |name: String, value: String| {
        if !facts.iter().any(|(n, v)| *n == name && *v == value) {
            facts.push((name, value));
        }
    };
    for (run, g, Settings { sampling: s, samples, seed, .. }) in asked {
        let adapter = g.adapter.as_ref().map_or(String::new(), |a| format!(", adapter {a}"));
        let model = format!("{} on {}, weights {}{adapter}", g.model, g.engine, g.weights);
        once(format!("model: {run}"), model);
        let asked = format!(
            "temperature {}, top-p {}, top-k {}, at most {} tokens, {samples} a prompt, seed {}",
            s.temperature, s.top_p, s.top_k, s.max_new_tokens, seed.0
        );
        once("sampling".to_owned(), asked);
    }
    for judge in judges {
        once("judge".to_owned(), format!("{} {}", judge.name, judge.hash));
    }
    facts
}

pub(crate) fn html_table(table: &Table) -> String {
    let class = |column: usize| if column < table.words { "" } else { " class=\"number\"" };
    let head = table
        .header
        .iter()
        .enumerate()
        .map(|(i, cell)| format!("<th scope=\"col\"{}>{}</th>", class(i), escape(cell)))
        .collect::<Vec<_>>()
        .concat();
    let cell = |(column, text): (usize, &String)| {
        let text = escape(text);
        let text = if column < table.words { text } else { minus(&text) };
        format!("<td{}>{}</td>", class(column), with_faint_interval(&text))
    };
    let row = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(cell).collect::<Vec<_>>().concat();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = table.rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
}

/// Numbers with true minus signs, as wide as the plus.
pub(crate) fn minus(numbers: &str) -> String {
    numbers.replace('-', "\u{2212}")
}

/// Sets the bracketed part of an escaped number cell back a little.
pub(crate) fn with_faint_interval(cell: &str) -> String {
    match cell.split_once(" [") {
        Some((value, rest)) if rest.contains(']') => {
            format!("{value} <span class=\"range\">[{rest}</span>")
        }
        _ => cell.to_owned(),
    }
}

/// How many sentences stand above everything.
const LEADS: usize = 4;
