//! What has to be known of a comparison before its numbers are quoted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{AskedRun, ComparedBenchmark, Comparison, NotCompared, Reason};
use crate::benchmark::Settings;
use crate::report::sentence;

/// Which share of responses without a score is said.
const NOTABLE: f64 = 0.05;

/// A sentence a run: what it did against the first.
pub(super) fn leads(comparison: &Comparison) -> Vec<String> {
    let headlines = comparison.headlines();
    let [first, others @ ..] = comparison.runs() else { return Vec::new() };
    let against = |run: &String| sentence::against(&headlines, first, run);
    others.iter().map(against).filter(|sentence| !sentence.is_empty()).collect()
}

/// What is not compared, left out, or asked in several ways: a sentence each.
pub(super) fn remarks(comparison: &Comparison) -> Vec<String> {
    let not_compared = comparison.not_compared.iter().map(not_compared);
    let asked = comparison.benchmarks.iter().flat_map(|benchmark| {
        let left_out = benchmark.asked.iter().filter_map(|run| left_out(&benchmark.benchmark, run));
        left_out.chain(asked_differently(benchmark)).chain(unscored(benchmark))
    });
    not_compared.chain(asked).collect()
}

fn not_compared(what: &NotCompared) -> String {
    let name = match &what.metric {
        Some(metric) => format!("{}, {metric}", what.benchmark),
        None => what.benchmark.clone(),
    };
    match &what.reason {
        Reason::Missing(runs) => format!("{name}: not compared, missing from {}.", runs.join(", ")),
        Reason::NoSharedItem => format!("{name}: not compared, no item is in all runs."),
        Reason::OtherJudges(judges) => {
            format!("{name}: not compared, judged by {} in turn.", judges.join(", "))
        }
    }
}

fn left_out(benchmark: &str, asked: &AskedRun) -> Option<String> {
    let left_out = &asked.left_out;
    let count = |what: &str, n: u64| (n > 0).then(|| format!("{what}: {n}"));
    let parts = [
        count("items that another run lacks", left_out.items),
        count("items with another text or answer in another run", left_out.changed),
        count("samples of each item that another run lacks", left_out.samples.into()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty())
        .then(|| format!("{benchmark}: left out of {}, {}.", asked.run, parts.join("; ")))
}

/// The runs whose rate leaves out more than [`NOTABLE`] of the responses: it says little of them.
fn unscored(benchmark: &ComparedBenchmark) -> impl Iterator<Item = String> + '_ {
    let runs = benchmark.metrics.iter().flat_map(|m| m.runs.iter().map(move |run| (m, run)));
    runs.filter_map(|(metric, run)| {
        let (without, scored) = (run.estimate.unscored_total(), run.estimate.scored);
        let all = without + scored;
        (without as f64 > NOTABLE * all as f64).then(|| {
            format!(
                "{}, {}: {} has no score for {without} of {all} responses, which its rate leaves out.",
                benchmark.benchmark, metric.metric.name, run.run
            )
        })
    })
}

/// The settings that differ, each with its value in the order of the runs.
fn asked_differently(benchmark: &ComparedBenchmark) -> Option<String> {
    let ways: Vec<BTreeMap<String, Value>> =
        benchmark.asked.iter().map(|asked| flat(&asked.settings)).collect();
    let first = ways.first()?;
    let difference = |name: &String| {
        let values: Vec<Option<&Value>> = ways.iter().map(|way| way.get(name)).collect();
        let differs = values.iter().any(|value| *value != values[0]);
        let shown = values.iter().map(|value| value.map_or_else(String::new, Value::to_string));
        differs.then(|| format!("{name} {}", shown.collect::<Vec<_>>().join(" and ")))
    };
    let differences: Vec<String> = first.keys().filter_map(difference).collect();
    (!differences.is_empty()).then(|| {
        format!("{}: not asked alike, with {}.", benchmark.benchmark, differences.join("; "))
    })
}

/// Settings by name, those of sampling among them.
fn flat(settings: &Settings) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    let value = serde_json::to_value(settings).unwrap_or_default();
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) => flat.extend(inner.iter().map(|(k, v)| (k.clone(), v.clone()))),
            value => _ = flat.insert(name.clone(), value.clone()),
        }
    }
    flat
}
