//! The tables: what the arms do, what they cost, where the claims stand.

use super::claim::Claim;
use super::measure::Measure;
use super::{Arm, Column, Comparison, Reinforcement, Training};
use crate::report::table::{Table, interval};
use crate::score::Aspect;
use crate::statistics::Interval;

/// As the paper's Table 1, arms down, but for the two averages, which come first.
pub(super) fn results(comparison: &Comparison) -> Table {
    let columns = layout(comparison);
    let mut header = vec!["arm".to_owned(), "seeds".to_owned()];
    header.extend(columns.iter().map(|(name, _)| name.clone()));
    let row = |arm: &Arm| {
        let cell = |(_, measure): &(String, Measure)| {
            comparison.value(&arm.name, *measure).map_or_else(missing, interval)
        };
        let words = [arm.name.clone(), arm.runs.len().to_string()];
        words.into_iter().chain(columns.iter().map(cell)).collect()
    };
    Table { header, rows: comparison.arms.iter().map(row).collect(), words: 1 }
}

/// The columns of the main table with their names: the averages, what they are of safety, what they are of reasoning.
fn layout(comparison: &Comparison) -> Vec<(String, Measure)> {
    let columns: &[Column] =
        comparison.arms.first().and_then(|arm| arm.runs.first()).map_or(&[], |run| &run.columns);
    let averages = [Measure::Safety, Measure::Reasoning];
    let names = ["safety average", "reasoning average"].map(str::to_owned);
    let members = |wanted: Measure| {
        let members = columns.iter().enumerate();
        let members = members.filter(move |(place, column)| wanted.takes(*place, column.aspect));
        members.map(|(place, column)| (title(column), Measure::Column(place)))
    };
    names.into_iter().zip(averages).chain(averages.into_iter().flat_map(members)).collect()
}

fn title(column: &Column) -> String {
    let what = match column.aspect {
        Aspect::Harm => "harmful",
        Aspect::Refusal => "refused",
        Aspect::OverRefusal => "over-refused",
        Aspect::Reasoning => "right",
    };
    format!("{}: {what}", column.name)
}

/// What each arm is trained with and what it costs, as means over its seeds.
pub(super) fn costs(comparison: &Comparison) -> Table {
    let names = [
        "arm",
        "examples",
        "perplexity",
        "tokens generated",
        "tokens trained",
        "wall time, s",
        "TFLOPs",
    ];
    let row = |arm: &Arm| {
        let mean = |of: fn(&Training) -> Option<f64>, decimals: usize| {
            arm.mean(of).map_or_else(missing, |value| format!("{value:.decimals$}"))
        };
        vec![
            arm.name.clone(),
            mean(|t| Some(t.examples as f64), 0),
            mean(|t| t.perplexity, 3),
            mean(|t| Some(t.generated_tokens as f64), 0),
            mean(|t| Some(t.trained_tokens as f64), 0),
            mean(|t| Some(t.seconds), 0),
            mean(|t| Some(t.flops / 1e12), 2),
        ]
    };
    table(&names, comparison.arms.iter().map(row).collect(), 1)
}

/// What became of the rollouts of the arms that learn from rewards, over all seeds; `None` if no arm does.
pub(super) fn rollouts(comparison: &Comparison) -> Option<Table> {
    let names = [
        "arm",
        "responses",
        "in the loss",
        "not served",
        "undetermined",
        "groups",
        "with equal rewards",
        "first reward",
        "last reward",
    ];
    let row = |arm: &Arm| {
        let runs = arm.reinforcements();
        let sum = |of: fn(&Reinforcement) -> u64| {
            runs.iter().map(|(_, run)| of(run)).sum::<u64>().to_string()
        };
        let mean = |of: fn(&[f64]) -> Option<&f64>| {
            let rewards: Vec<f64> =
                runs.iter().filter_map(|(_, run)| of(&run.rewards).copied()).collect();
            if rewards.is_empty() {
                return missing();
            }
            format!("{:.3}", rewards.iter().sum::<f64>() / rewards.len() as f64)
        };
        vec![
            arm.name.clone(),
            sum(|run| run.responses),
            sum(|run| run.trained),
            sum(|run| run.failed),
            sum(|run| run.undetermined),
            sum(|run| run.groups),
            sum(|run| run.equal_groups),
            mean(<[f64]>::first),
            mean(<[f64]>::last),
        ]
    };
    let learning = comparison.arms.iter().filter(|arm| !arm.reinforcements().is_empty());
    let rows: Vec<Vec<String>> = learning.map(row).collect();
    (!rows.is_empty()).then(|| table(&names, rows, 1))
}

/// How long the arms think, and how many of their responses could not be scored: a column each of the main table.
pub(super) fn turns(comparison: &Comparison) -> Table {
    let first = comparison.arms.first().and_then(|arm| arm.runs.first());
    let columns = first.map_or(&[][..], |run| &run.columns);
    let mut header = vec!["arm".to_owned()];
    header.extend(columns.iter().map(|column| format!("{}: thinking, not scored", column.name)));
    let row = |arm: &Arm| {
        let cell = |place: usize| {
            let columns = || arm.runs.iter().filter_map(move |run| run.columns.get(place));
            let thinking: Vec<f64> = columns().filter_map(|c| c.thinking_tokens).collect();
            let unscored: u64 = columns().map(|column| column.unscored).sum();
            match thinking.len() {
                0 => format!("- , {unscored}"),
                n => format!("{:.1}, {unscored}", thinking.iter().sum::<f64>() / n as f64),
            }
        };
        let cells = (0..columns.len()).map(cell);
        std::iter::once(arm.name.clone()).chain(cells).collect()
    };
    Table { header, rows: comparison.arms.iter().map(row).collect(), words: 1 }
}

/// The claims: where each stands, and the difference that says so.
pub(super) fn claims(comparison: &Comparison) -> Table {
    let row = |(number, claim): (usize, &Claim)| {
        vec![
            (number + 1).to_string(),
            claim.text.clone(),
            claim.standing(comparison).as_str().to_owned(),
            format!("{}, {} - {}", claim.measure.name(), claim.second, claim.first),
            claim.difference(comparison).map_or_else(missing, |d| difference(d, claim.measure)),
        ]
    };
    let rows = comparison.claims.iter().enumerate().map(row).collect();
    table(&["", "claim", "here it", "difference", "points, or nats"], rows, 4)
}

/// `-62.0 [-80.1, -44.0]`, in points or in nats.
pub(super) fn difference(interval: Interval, measure: Measure) -> String {
    let Interval { value, low, high } = interval;
    let shown = |value: f64| {
        if measure.is_share() { format!("{:+.1}", value * 100.0) } else { format!("{value:+.3}") }
    };
    format!("{} [{}, {}]", shown(value), shown(low), shown(high))
}

fn table(header: &[&str], rows: Vec<Vec<String>>, words: usize) -> Table {
    Table { header: header.iter().map(|name| (*name).to_owned()).collect(), rows, words }
}

fn missing() -> String {
    "-".to_owned()
}
