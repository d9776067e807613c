//! The claims as the page shows them: how many stand where, and a row for each.

use thinksafe_plot::escape;

use super::Comparison;
use super::claim::{Claim, Standing};
use super::tables::difference;
use crate::report::sections::{minus, with_faint_interval};

const ALL: [Standing; 4] =
    [Standing::Holds, Standing::Fails, Standing::Open, Standing::NotMeasured];

/// How many claims stand where, largest on the page. What no claim is said of is left out, but for those that hold or fail.
pub(super) fn counts(comparison: &Comparison) -> String {
    let count = |standing: Standing| numbers(comparison, standing).len();
    let shown = |standing: &Standing| {
        count(*standing) > 0 || matches!(standing, Standing::Holds | Standing::Fails)
    };
    let item = |standing: Standing| {
        let (count, name) = (count(standing), verb(standing, count(standing)));
        let class = if count == 0 { "none" } else { class(standing) };
        format!("<li class=\"{class}\"><b>{count}</b> {name}</li>")
    };
    let items: String = ALL.into_iter().filter(shown).map(item).collect();
    format!("<ul class=\"standings\">{items}</ul>\n")
}

/// Which claims stand where, by their numbers.
pub(super) fn sentence(comparison: &Comparison) -> String {
    let part = |standing: Standing| {
        let numbers: Vec<String> =
            numbers(comparison, standing).iter().map(usize::to_string).collect();
        let which = if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") };
        format!("{}: {which}", standing.as_str())
    };
    format!("Of {} claims, {}.", comparison.claims.len(), ALL.map(part).join("; "))
}

/// A row for each claim, its standing first.
pub(super) fn rows(comparison: &Comparison) -> String {
    let row = |(index, claim): (usize, &Claim)| {
        let standing = claim.standing(comparison);
        let (class, name, text) = (class(standing), standing.as_str(), escape(&claim.text));
        let (measure, first) = (claim.measure.name(), escape(&claim.first));
        let found = claim.difference(comparison).map_or_else(
            || "-".to_owned(),
            |found| with_faint_interval(&minus(&escape(&difference(found, claim.measure)))),
        );
        format!(
            "<tr><td class=\"number\">{}</td><td class=\"standing {class}\">{name}</td><td>{text}\
             <span class=\"range\">{measure}, {} \u{2212} {first}</span></td><td class=\"number\">{found}</td></tr>\n",
            index + 1,
            escape(&claim.second),
        )
    };
    let rows: String = comparison.claims.iter().enumerate().map(row).collect();
    format!(
        "<div class=\"scroll\"><table class=\"claims\"><thead><tr><th></th><th scope=\"col\">here it</th><th scope=\"col\">claim</th>\
         <th scope=\"col\" class=\"number\">difference</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn numbers(comparison: &Comparison, standing: Standing) -> Vec<usize> {
    let claims = (1..).zip(&comparison.claims);
    let standing = claims.filter(|(_, claim)| claim.standing(comparison) == standing);
    standing.map(|(number, _)| number).collect()
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Holds => "holds",
        Standing::Fails => "fails",
        Standing::Open => "open",
        Standing::NotMeasured => "unmeasured",
    }
}

fn verb(standing: Standing, count: usize) -> &'static str {
    match (standing, count) {
        (Standing::Holds, 1) => "claim holds",
        (Standing::Holds, _) => "claims hold",
        (Standing::Fails, 1) => "fails",
        (Standing::Fails, _) => "fail",
        (Standing::Open | Standing::NotMeasured, _) => standing.as_str(),
    }
}
