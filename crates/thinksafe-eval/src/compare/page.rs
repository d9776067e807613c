//! A comparison as a page: its sections in their order.

use thinksafe_plot::escape;

use super::remarks::{leads, remarks};
use super::{Comparison, figures, table};
use crate::report::browser;
use crate::report::headline::{Headline, HeadlineRun, shown};
use crate::report::sections::{class, engines, fold, html_table, minus, tiles, top, wish};
use crate::report::table::{change, percent};

/// The whole page.
pub(super) fn html(comparison: &Comparison) -> String {
    let items = |benchmark: &str| {
        let compared = comparison.benchmarks.iter().find(|b| b.benchmark == benchmark);
        compared.map_or(0, |b| b.items as usize)
    };
    let body: String = [
        header(comparison),
        warnings(comparison),
        thinksafe_plot::figures(&figures::all(comparison)),
        section("changes", "Changes", &table::changes(comparison), table::CHANGES),
        section("coverage", "What is compared", &table::coverage(comparison), table::COVERAGE),
        categories(comparison),
        browser::section(&comparison.samples, items),
        provenance(comparison),
    ]
    .concat();
    thinksafe_plot::page(&comparison.title, &body)
}

fn header(comparison: &Comparison) -> String {
    let headlines = comparison.headlines();
    let first = comparison.runs.first().map(String::as_str).unwrap_or_default();
    let kicker = format!(
        "ThinkSafe comparison \u{b7} {} runs on the same items, against {} \u{b7} 95\u{a0}% intervals in brackets",
        comparison.runs.len(),
        escape(first)
    );
    let below = match comparison.runs.as_slice() {
        [_, _] => tiles(&headlines),
        runs => summary(&headlines, runs),
    };
    top(&kicker, &comparison.title, &leads(comparison), &below)
}

/// Runs down, aspects across.
fn summary(headlines: &[Headline], runs: &[String]) -> String {
    let name = |h: &Headline| {
        format!("<th scope=\"col\" class=\"number\">{}, %<br>{}</th>", h.name, wish(h.aspect))
    };
    let names: String = shown(headlines).map(name).collect();
    let row = |run: &String| {
        let cells: String = shown(headlines).map(|h| cell(h, h.of(run))).collect();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(run))
    };
    let rows: String = runs.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table class=\"summary\"><thead><tr><th scope=\"col\">run</th>{names}</tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}

fn cell(headline: &Headline, run: Option<&HeadlineRun>) -> String {
    let Some(run) = run else { return "<td class=\"number\">-</td>".to_owned() };
    let verdict = class(run.verdict(headline.aspect));
    let changed = run.change.map_or(String::new(), |interval| {
        format!("<br><span class=\"range\">{}</span>", minus(&change(interval)))
    });
    format!(
        "<td class=\"number {verdict}\"><b class=\"to\">{}</b>{changed}</td>",
        percent(run.rate.value)
    )
}

fn warnings(comparison: &Comparison) -> String {
    let remarks = remarks(comparison);
    let nothing = comparison.benchmarks.is_empty().then_some("There is nothing to compare.");
    let line = |text: &str| format!("<p>{}</p>", escape(text));
    let lines: String =
        nothing.into_iter().chain(remarks.iter().map(String::as_str)).map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "<section id=\"remarks\" class=\"warning\"><h2>Before you quote this</h2>{lines}</section>\n"
    )
}

fn section(id: &str, title: &str, table: &crate::report::table::Table, note: &str) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let (table, note) = (html_table(table), escape(note));
    format!("<section id=\"{id}\"><h2>{title}</h2>{table}<p class=\"note\">{note}</p></section>\n")
}

fn categories(comparison: &Comparison) -> String {
    let table = table::categories(comparison);
    if table.rows.is_empty() {
        return String::new();
    }
    let figures = thinksafe_plot::columns(&figures::categories(comparison));
    let table = fold("Rates, changes and tests by category", &html_table(&table));
    format!("<section id=\"categories\"><h2>By category</h2>{figures}{table}</section>\n")
}

fn provenance(comparison: &Comparison) -> String {
    let asked = comparison.benchmarks.iter().flat_map(|b| &b.asked);
    let asked = asked.map(|asked| (asked.run.as_str(), &asked.generator, &asked.settings));
    let metrics = comparison.benchmarks.iter().flat_map(|b| &b.metrics);
    let mut facts = engines(asked, metrics.filter_map(|m| m.judge.as_ref()));
    let drawn = format!("{} draws, seed {}", comparison.draws, comparison.seed.0);
    facts.push(("tests".to_owned(), drawn));
    let list = thinksafe_plot::facts(facts.iter().map(|(name, value)| (&**name, &**value)));
    format!("<section id=\"provenance\"><h2>How it was made</h2>{list}</section>\n")
}
