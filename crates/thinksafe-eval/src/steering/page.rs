//! The report as tables: on a page, and as text.

use thinksafe_plot::escape;

use super::acceptance::Acceptance;
use super::distribution::DistributionTest;
use super::figures;
use super::report::{NamedPerplexity, PromptResult, SteeringReport};
use crate::likelihood::PartPerplexity;
use crate::report::sections::html_table;
use crate::report::table::{Table, aligned, interval};
use crate::statistics::Interval;
use crate::statistics::paired_tests::shown;

/// The whole page.
pub(super) fn html(report: &SteeringReport) -> String {
    let readings = [tilt_reading(report), distribution_reading(report)];
    let readings = readings.map(|reading| format!("<p>{}</p>", escape(&reading))).concat();
    let sections = [
        section("Acceptance", &acceptance(report), ACCEPTANCE, &figures::acceptance(report)),
        section("What \u{3c9} says", &omega(report), OMEGA, &[]),
        section("One factor a prompt?", &tilt(report), TILT, &figures::tilt(report)),
        section("One distribution?", &distribution(report), DISTRIBUTION, &[]),
        section("Perplexity without steering", &perplexity(report), PERPLEXITY, &[]),
        folded(report),
        provenance(report),
    ];
    let body = format!(
        "<header><p class=\"kicker\">ThinkSafe steering \u{b7} 95\u{a0}% intervals in brackets</p><h1>{}</h1>{readings}\
         </header>\n{}",
        escape(&report.title),
        sections.concat()
    );
    thinksafe_plot::page(&report.title, &body)
}

/// The main tables and what they say.
pub(super) fn text(report: &SteeringReport) -> String {
    let tables = [acceptance, omega, tilt, distribution, perplexity];
    let tables =
        tables.map(|table| table(report)).into_iter().filter(|table| !table.rows.is_empty());
    let tables: Vec<String> = tables.map(|table| aligned(&table)).collect();
    let readings = [tilt_reading(report), distribution_reading(report)].join("\n");
    format!("{}\n\n{}\n{readings}\n", report.title, tables.join("\n"))
}

fn section(title: &str, table: &Table, note: &str, figures: &[thinksafe_plot::Figure]) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let (table, figures) = (html_table(table), thinksafe_plot::columns(figures));
    let note = escape(note);
    format!("<section><h2>{title}</h2>{table}<p class=\"note\">{note}</p>{figures}</section>\n")
}

fn acceptance(report: &SteeringReport) -> Table {
    let row = |name: &str, acceptance: &Acceptance| {
        let counts = &acceptance.counts;
        let rates =
            [acceptance.rate, acceptance.of_judged].map(|rate| rate.map_or_else(missing, interval));
        let columns = [
            counts.drawn(),
            counts.accepted,
            counts.found_unsafe,
            counts.controversial,
            counts.undetermined,
            counts.truncated,
            counts.unsplit,
            counts.failed,
        ];
        let columns = columns.map(|count| count.to_string());
        [&[name.to_owned()][..], &rates, &columns].concat()
    };
    let header = [
        "samples",
        "accepted, %",
        "of judged, %",
        "drawn",
        "accepted",
        "unsafe",
        "controversial",
        "undetermined",
        "truncated",
        "unsplit",
        "failed",
    ];
    let rows = vec![row("unsteered", &report.unsteered), row("steered", &report.steered)];
    table(&header, rows)
}

fn omega(report: &SteeringReport) -> Table {
    let mut rows = Vec::new();
    let mut add = |name: String, value: String| rows.push(vec![name, value]);
    let omega = report.omega.map_or_else(missing, |omega| digits(omega, 2));
    add("\u{3c9}, all prompts".to_owned(), omega);
    if let Some(draws) = &report.draws {
        let most = draws.most;
        let mean = |side: &str| format!("draws to the first accepted, at most {most}: {side}");
        add(mean("unsteered"), format!("{:.2}", draws.unsteered));
        add(mean("steered"), format!("{:.2}", draws.steered));
        add("steered over unsteered, seen".to_owned(), digits(draws.ratio, 3));
        add("steered over unsteered, by \u{3c9}".to_owned(), decimal(draws.predicted, 3));
        add("a + (1 \u{2212} a)/\u{3c9} at the mean rate".to_owned(), decimal(draws.formula, 3));
    }
    table(&["quantity", "value"], rows)
}

fn tilt(report: &SteeringReport) -> Table {
    let tilt = &report.tilt;
    let row = vec![
        "ln p(y|I,x) \u{2212} ln p(y|x)".to_owned(),
        tilt.prompts.to_string(),
        tilt.prompts_with_different.to_string(),
        tilt.samples.to_string(),
        tilt.spread.map_or_else(missing, |spread| digits(spread, 3)),
        decimal(tilt.likelihood_spread, 3),
        format!("{:.1e}", tilt.noise),
        tilt.p_value.map_or_else(missing, shown),
    ];
    let header = [
        "log-ratio, nats",
        "prompts",
        "of several texts",
        "responses",
        "spread in a prompt",
        "that of ln p(y|x)",
        "rounding",
        "p",
    ];
    table(&header, vec![row])
}

fn distribution(report: &SteeringReport) -> Table {
    let row = |test: &DistributionTest| {
        vec![
            test.statistic.as_str().to_owned(),
            test.test.strata.to_string(),
            test.unsteered.to_string(),
            test.steered.to_string(),
            digits(test.difference, 3),
            decimal(test.standardised, 2),
            format!("{:.3}", test.detectable),
            shown(test.test.p_value),
        ]
    };
    let header = [
        "accepted responses by",
        "prompts",
        "unsteered",
        "steered",
        "steered less unsteered",
        "in deviations",
        "detectable",
        "p",
    ];
    table(&header, report.distribution.iter().map(row).collect())
}

fn perplexity(report: &SteeringReport) -> Table {
    let row = |named: &NamedPerplexity| {
        let part = |part: Option<PartPerplexity>| {
            part.map_or_else(missing, |part| digits(part.perplexity, 3))
        };
        let perplexity = &named.perplexity;
        let turn = perplexity.turn.as_ref();
        vec![
            named.name.clone(),
            perplexity.texts.to_string(),
            turn.map_or_else(missing, |turn| turn.tokens.to_string()),
            part(perplexity.turn),
            part(perplexity.thinking),
            part(perplexity.answer),
            decimal(turn.map(|turn| turn.each.median), 3),
            decimal(turn.map(|turn| turn.each.p90), 3),
            perplexity.unscored.values().sum::<u64>().to_string(),
        ]
    };
    let header = [
        "responses",
        "texts",
        "tokens",
        "perplexity",
        "of thinking",
        "of answers",
        "median text, nats",
        "90 % of texts, nats",
        "not scored",
    ];
    table(&header, report.perplexities.iter().map(row).collect())
}

/// Each prompt for itself, folded away.
fn folded(report: &SteeringReport) -> String {
    let row = |prompt: &PromptResult| {
        let rate = |rate: Option<Interval>| rate.map_or_else(missing, interval);
        vec![
            prompt.prompt.clone(),
            rate(prompt.unsteered_rate),
            rate(prompt.steered_rate),
            prompt.omega.map_or_else(missing, |omega| digits(omega, 1)),
            decimal(prompt.spread, 3),
            prompt.p_value.map_or_else(missing, shown),
        ]
    };
    let header =
        ["prompt", "unsteered, %", "steered, %", "\u{3c9}", "spread, nats", "p of ln p(y|x)"];
    let table = table(&header, report.prompts.iter().map(row).collect());
    format!(
        "<section><details><summary>{} prompts</summary><div class=\"request\">{}</div></details></section>\n",
        report.prompts.len(),
        html_table(&table)
    )
}

fn provenance(report: &SteeringReport) -> String {
    if report.facts.is_empty() {
        return String::new();
    }
    let facts = report.facts.iter().map(|fact| (fact.name.as_str(), fact.value.as_str()));
    let list = thinksafe_plot::facts(facts);
    format!("<section id=\"provenance\"><h2>How it was made</h2>{list}</section>\n")
}

fn tilt_reading(report: &SteeringReport) -> String {
    let tilt = &report.tilt;
    match (tilt.spread, tilt.p_value) {
        (Some(spread), Some(p)) if p < LEVEL => format!(
            "Assumption 4.3 does not hold to the letter: within a prompt, the factor by which steering multiplies the \
             probability of accepted responses spreads by {:.2} nats, a factor of {:.2}, where rounding makes {:.1e}.",
            spread.value,
            spread.value.exp(),
            tilt.noise
        ),
        (Some(_), Some(_)) if tilt.prompts_with_different > 0 => {
            "Within rounding, steering multiplies the probabilities of accepted responses to a prompt by one factor."
                .to_owned()
        }
        _ => "No prompt has two different accepted responses, so nothing can be said of Assumption 4.3.".to_owned(),
    }
}

fn distribution_reading(report: &SteeringReport) -> String {
    let tests = &report.distribution;
    if tests.is_empty() {
        return "No prompt has accepted responses on both sides, so nothing can be said of Corollary 4.4."
            .to_owned();
    }
    // Several tests, one level for all of them (Bonferroni).
    let level = LEVEL / tests.len() as f64;
    let (differ, alike): (Vec<_>, Vec<_>) = tests.iter().partition(|t| t.test.p_value < level);
    let found = |test: &&DistributionTest| {
        let (difference, p) = (digits(test.difference, 2), shown(test.test.p_value));
        format!("{} by {difference} (p {p})", test.statistic.as_str())
    };
    let unfound = |test: &&DistributionTest| {
        let (name, p) = (test.statistic.as_str(), shown(test.test.p_value));
        format!("{name} (p {p}, detectable {:.2})", test.detectable)
    };
    let list = |texts: Vec<String>| texts.join("; ");
    let mut readings = Vec::new();
    if !differ.is_empty() {
        let differ = list(differ.iter().map(found).collect());
        readings.push(format!(
            "Corollary 4.4 does not hold: accepted steered and unsteered responses differ in {differ}."
        ));
    }
    if !alike.is_empty() {
        let alike = list(alike.iter().map(unfound).collect());
        readings.push(format!("No difference was found in {alike}."));
    }
    readings.join(" ")
}

fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    Table { header: header.iter().map(|&name| name.to_owned()).collect(), rows, words: 1 }
}

fn digits(interval: Interval, digits: usize) -> String {
    let Interval { value, low, high } = interval;
    format!("{value:.digits$} [{low:.digits$}, {high:.digits$}]")
}

fn decimal(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(missing, |value| format!("{value:.digits$}"))
}

fn missing() -> String {
    "-".to_owned()
}

/// The level at which the sentences above the tables speak; tests of one question share it.
const LEVEL: f64 = 0.05;
const ACCEPTANCE: &str = "Accepted is what the filter would keep. What is undetermined, truncated or unsplit is drawn and \
                          not accepted; a request that failed is not drawn. Intervals take samples of a prompt for related.";
const OMEGA: &str = "\u{3c9} is the odds ratio that prompts have in common (Mantel and Haenszel). By Corollary 4.4 it says \
                     how much sooner steering gives an accepted response; the prediction takes one \u{3c9} for all prompts.";
const TILT: &str = "By Assumption 4.3 the log-ratio is one number for all accepted responses to a prompt. The spread is the \
                    standard deviation within prompts; p is that of rounding alone.";
const DISTRIBUTION: &str = "By Corollary 4.4 the two have one distribution in each prompt. p by permutations within prompts; \
                            detectable is the difference that the test finds four times in five. The mean difference of the \
                            log-ratio estimates the Jeffreys divergence.";
const PERPLEXITY: &str = "The exponential of the mean negative log-probability of a token, over all tokens that fine-tuning \
                          would supervise.";
