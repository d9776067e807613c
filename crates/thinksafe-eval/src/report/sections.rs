//! The page's sections. One without data is left out.

use thinksafe_plot::escape;

use super::table::{self, Table, interval, percent, signed};
use super::{Headline, Report};
use crate::score::Aspect;

/// Title, result in a sentence, and a tile an aspect.
pub(super) fn header(report: &Report) -> String {
    let headlines = report.headlines();
    let tiles: String = headlines.iter().filter(|h| is_shown(h, &headlines)).map(tile).collect();
    let runs = match report.runs.as_slice() {
        [] => String::new(),
        [only] => format!(" \u{b7} {}", escape(only)),
        [first, .., last] => {
            format!(
                " \u{b7} {} \u{2192} {} \u{b7} 95\u{a0}% intervals in brackets",
                escape(first),
                escape(last)
            )
        }
    };
    format!(
        "<header><p class=\"kicker\">ThinkSafe evaluation{runs}</p><h1>{}</h1><div class=\"tiles\">{tiles}</div>\
         </header>\n",
        escape(&report.title)
    )
}

/// Refusal of harmful requests is the mirror of harm; one of the two is enough above the table.
fn is_shown(headline: &Headline, all: &[Headline]) -> bool {
    headline.aspect != Aspect::Refusal || all.iter().all(|h| h.aspect != Aspect::Harm)
}

fn tile(headline: &Headline) -> String {
    let Some((first, last)) = headline.ends() else { return String::new() };
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
    let lower_is_better = matches!(headline.aspect, Aspect::Harm | Aspect::OverRefusal);
    let wish = if lower_is_better { "lower is better" } else { "higher is better" };
    let verdict = verdict(headline, lower_is_better);
    format!(
        "<div class=\"tile {verdict}\"><h2>{}</h2><p class=\"numbers\">{numbers}</p><p class=\"ranges\">{ranges}</p>\
         <p class=\"note\">{over}, {wish}</p></div>",
        headline.name
    )
}

/// Better or worse only where the two intervals do not overlap.
fn verdict(headline: &Headline, lower_is_better: bool) -> &'static str {
    let Some((first, last)) = headline.ends() else { return "same" };
    if last.high < first.low {
        if lower_is_better { "better" } else { "worse" }
    } else if last.low > first.high {
        if lower_is_better { "worse" } else { "better" }
    } else {
        "same"
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
            " Change is {} minus {} on the same items, in percentage points, with Newcombe's paired interval.",
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
        let results: Vec<_> =
            report.runs.iter().map(|run| report.metric(run, benchmark, metric)).collect();
        let names: std::collections::BTreeSet<&String> =
            results.iter().flatten().flat_map(|m| m.categories.keys()).collect();
        for name in names {
            let rate = |m: Option<&super::MetricResult>| {
                m.and_then(|m| m.categories.get(name)?.rate).map_or("-".to_owned(), interval)
            };
            let mut row = vec![benchmark.to_owned(), metric.name.clone(), name.clone()];
            row.extend(results.iter().copied().map(rate));
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let table = html_table(&Table { header, rows, words: 3 });
    format!("<section id=\"categories\"><h2>By category</h2>{table}</section>\n")
}

/// Facts, timings, settings and identities.
pub(super) fn provenance(report: &Report) -> String {
    let mut facts: Vec<(String, String)> =
        report.facts.iter().map(|f| (f.name.clone(), f.value.clone())).collect();
    let time = |t: &super::Timing| (format!("time: {}", t.phase), format!("{:.1} s", t.seconds));
    facts.extend(report.timings.iter().map(time));
    facts.extend(engines(report));
    if facts.is_empty() {
        return String::new();
    }
    let list = thinksafe_plot::facts(facts.iter().map(|(name, value)| (&**name, &**value)));
    format!("<section id=\"provenance\"><h2>How it was made</h2>{list}</section>\n")
}

/// What answered, what judged and how it was asked, each said once.
fn engines(report: &Report) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut once = |name: String, value: String| {
        if !facts.iter().any(|(n, v)| *n == name && *v == value) {
            facts.push((name, value));
        }
    };
    for result in &report.results {
        let g = &result.generator;
        let adapter = g.adapter.as_ref().map_or(String::new(), |a| format!(", adapter {a}"));
        let model = format!("{} on {}, weights {}{adapter}", g.model, g.engine, g.weights);
        once(format!("model: {}", result.run), model);
        let settings = &result.settings;
        let (s, n, seed) = (&settings.sampling, settings.samples, settings.seed.0);
        let asked = format!(
            "temperature {}, top-p {}, top-k {}, at most {} tokens, {n} a prompt, seed {seed}",
            s.temperature, s.top_p, s.top_k, s.max_new_tokens
        );
        once("sampling".to_owned(), asked);
        for judge in result.metrics.iter().filter_map(|m| m.judge.as_ref()) {
            once("judge".to_owned(), format!("{} {}", judge.name, judge.hash));
        }
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
        // A true minus sign, as wide as the plus.
        let text = if column < table.words { text } else { text.replace('-', "\u{2212}") };
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

/// Sets the bracketed part of an escaped number cell back a little.
fn with_faint_interval(cell: &str) -> String {
    match cell.split_once(" [") {
        Some((value, rest)) if rest.contains(']') => {
            format!("{value} <span class=\"range\">[{rest}</span>")
        }
        _ => cell.to_owned(),
    }
}

/// The result in a sentence, as the caption of the scatter has it.
pub(super) fn sentence(headlines: &[Headline]) -> String {
    let change = |h: &Headline| {
        let (first, last) = h.ends()?;
        let points = signed(last.value - first.value);
        (h.runs.len() > 1).then(|| format!("{}: {points} points", h.name))
    };
    headlines.iter().filter_map(change).collect::<Vec<_>>().join("; ")
}
