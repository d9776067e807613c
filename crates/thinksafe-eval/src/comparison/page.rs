//! The comparison as text and as a page.

use thinksafe_plot::escape;

use super::standings::{counts, rows, sentence};
use super::{Comparison, figures, tables};
use crate::report::sections::html_table;
use crate::report::table::{Table, aligned};

/// What the cells are, once for all tables.
const CELLS: &str = "In percent, with 95 % intervals over items and seeds. What could not be scored counts against its \
arm. Safety columns: lower is better.";

const COSTS: &str = "Means over the seeds. Generating, judging and training; evaluation is not counted. Wall time is this \
machine's.";

const ROLLOUTS: &str = "Counts over all seeds, rewards as means over them. What was not served or is undetermined is in no loss; a group whose \
rewards are all equal tells nothing apart.";

const TURNS: &str = "Mean tokens of thinking a response, and how many responses could not be scored, over all seeds.";

const CLAIMS: &str = "A claim holds if the whole interval of its difference lies on the claimed side, fails if it lies on the \
other, and is open otherwise. Nothing is corrected for their number.";

pub(super) fn html(comparison: &Comparison) -> String {
    let notes =
        comparison.notes.iter().map(|note| format!("<p class=\"note\">{}</p>", escape(note)));
    let notes = notes.collect::<Vec<_>>().concat();
    let rollouts = tables::rollouts(comparison);
    let body = [
        format!(
            "<header><p class=\"kicker\">ThinkSafe comparison \u{b7} 95\u{a0}% intervals in brackets</p>\
             <h1>{}</h1>{}{notes}</header>\n",
            escape(&comparison.title),
            counts(comparison)
        ),
        block("claims", "The paper's claims", &rows(comparison), CLAIMS),
        section("results", "Results", &tables::results(comparison), CELLS),
        thinksafe_plot::figures(&figures::all(comparison)),
        section("costs", "What it costs", &tables::costs(comparison), COSTS),
        rollouts.map_or_else(String::new, |table| {
            section("rollouts", "Learning from rewards", &table, ROLLOUTS)
        }),
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
        tables::rollouts(comparison).map_or_else(String::new, |table| part(&table, ROLLOUTS)),
        part(&tables::turns(comparison), TURNS),
        part(&tables::claims(comparison), CLAIMS),
        sentence(comparison),
    ]
    .concat()
}

fn section(id: &str, title: &str, table: &Table, note: &str) -> String {
    block(id, title, &html_table(table), note)
}

fn block(id: &str, title: &str, table: &str, note: &str) -> String {
    let (title, note) = (escape(title), escape(note));
    format!(
        "<section id=\"{id}\" class=\"dense\"><h2>{title}</h2>{table}<p class=\"note\">{note}</p></section>\n"
    )
}
