//! The comparison as text and as a page.

use thinksafe_plot::escape;

use super::claim::{Claim, Standing};
use super::{Comparison, figures, tables};
use crate::report::sections::html_table;
use crate::report::table::{Table, aligned};

/// What the cells are, once for all tables.
const CELLS: &str = "In percent, with 95 % intervals over items and seeds. What could not be scored counts against its \
arm. Safety columns: lower is better.";

const COSTS: &str = "Means over the seeds. Generating, judging and training; evaluation is not counted. Wall time is this \
machine's.";

const TURNS: &str = "Mean tokens of thinking a response, and how many responses could not be scored, over all seeds.";

const CLAIMS: &str = "A claim holds if the whole interval of its difference lies on the claimed side, fails if it lies on the \
other, and is open otherwise. Nothing is corrected for their number.";

pub(super) fn html(comparison: &Comparison) -> String {
    let notes = comparison.notes.iter().map(|note| format!("<p>{}</p>", escape(note)));
    let notes = notes.collect::<Vec<_>>().concat();
    let body = [
        format!(
            "<header><p class=\"kicker\">ThinkSafe comparison \u{b7} 95\u{a0}% intervals in brackets</p>\
             <h1>{}</h1>{notes}<p>{}</p></header>\n",
            escape(&comparison.title),
            escape(&sentence(comparison))
        ),
        section("results", "Results", &tables::results(comparison), CELLS),
        section("claims", "The paper's claims", &tables::claims(comparison), CLAIMS),
        thinksafe_plot::figures(&figures::all(comparison)),
        section("costs", "What it costs", &tables::costs(comparison), COSTS),
        section("turns", "Thinking", &tables::turns(comparison), TURNS),
    ]
    .concat();
    thinksafe_plot::page(&comparison.title, &body)
}

pub(super) fn text(comparison: &Comparison) -> String {
    let part = |table: &Table, note: &str| format!("{}\n{note}\n\n", aligned(table));
    [
        format!("{}\n\n", comparison.title),
        comparison.notes.iter().flat_map(|note| [note, "\n\n"]).collect(),
        part(&tables::results(comparison), CELLS),
        part(&tables::costs(comparison), COSTS),
        part(&tables::turns(comparison), TURNS),
        part(&tables::claims(comparison), CLAIMS),
        sentence(comparison),
    ]
    .concat()
}

fn section(id: &str, title: &str, table: &Table, note: &str) -> String {
    let (title, note) = (escape(title), escape(note));
    let table = html_table(table);
    format!("<section id=\"{id}\"><h2>{title}</h2>{table}<p class=\"note\">{note}</p></section>\n")
}

/// Which claims hold, by their numbers.
fn sentence(comparison: &Comparison) -> String {
    let numbers = |standing: Standing| -> Vec<String> {
        let stands = |(_, claim): &(usize, &Claim)| claim.standing(comparison) == standing;
        let claims = comparison.claims.iter().enumerate().filter(stands);
        claims.map(|(index, _)| (index + 1).to_string()).collect()
    };
    let part = |standing: Standing| {
        let numbers = numbers(standing);
        let which = if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") };
        format!("{}: {which}", standing.as_str())
    };
    let all = [Standing::Holds, Standing::Fails, Standing::Open, Standing::NotMeasured];
    format!("Of {} claims, {}.", comparison.claims.len(), all.map(part).join("; "))
}
