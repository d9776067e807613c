//! Responses to read: which, and how the page hides them until asked.

use std::collections::HashSet;

use thinksafe_plot::escape;

use super::{Sample, finding};
use crate::benchmark::Item;
use crate::evaluate::Evaluated;
use crate::sample::Response;
use crate::score::{Aspect, Value};

/// Adds a run's responses to read: the first items, the first that went wrong, and those shown for earlier runs, so
/// that runs can be read side by side.
pub(super) fn pick(samples: &mut Vec<Sample>, run: &str, evaluated: &Evaluated) {
    let benchmark = evaluated.benchmark.name();
    let shown: HashSet<String> =
        samples.iter().filter(|s| s.benchmark == benchmark).map(|s| s.item.clone()).collect();
    let mut wrong = 0;
    for (index, response) in evaluated.responses.iter().enumerate() {
        if response.record.sample != 0 {
            continue;
        }
        let mut chosen = response.item < FIRST || shown.contains(&response.record.item);
        if !chosen && wrong < WRONG && went_wrong(evaluated, index) {
            wrong += 1;
            chosen = true;
        }
        if chosen {
            samples.push(sample(run, evaluated, response, index));
        }
    }
}

fn went_wrong(evaluated: &Evaluated, index: usize) -> bool {
    evaluated.measured.iter().any(|m| match m.scores.get(index).map(|s| s.value) {
        Some(Value::Unscored(_)) => true,
        Some(value) => value.number().is_some_and(|number| {
            if m.metric.lower_is_better() { number > 0.5 } else { number < 0.5 }
        }),
        None => false,
    })
}

fn sample(run: &str, evaluated: &Evaluated, response: &Response, index: usize) -> Sample {
    let item = &evaluated.benchmark.items()[response.item];
    let findings = evaluated
        .measured
        .iter()
        .filter_map(|m| m.scores.get(index).map(|score| finding(&m.metric, score)));
    let (thinking, answer) = match &response.trace {
        Ok(trace) => (trace.thinking.as_deref().map(clip), clip(&trace.answer)),
        Err(_) => (None, clip(&response.turn())),
    };
    Sample {
        run: run.to_owned(),
        benchmark: evaluated.benchmark.name().to_owned(),
        item: item.id.clone(),
        text: clip(&item.text),
        harmful: is_to_be_hidden(evaluated, item),
        thinking,
        answer,
        findings: findings.collect(),
    }
}

/// Whether the request is harmful, or may be: one without a label in a benchmark that measures harm.
fn is_to_be_hidden(evaluated: &Evaluated, item: &Item) -> bool {
    let measures_harm = || {
        evaluated.measured.iter().any(|m| matches!(m.metric.aspect, Aspect::Harm | Aspect::Refusal))
    };
    item.is_harmful() || (item.label.is_none() && measures_harm())
}

/// Text short enough for a page; the whole of it is in the log.
fn clip(text: &str) -> String {
    let length = text.chars().count();
    if length <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}\n[{} more characters in the log]", length - LONGEST)
}

/// The samples, a fold a benchmark and a fold an item; `asked` says how many items a benchmark has.
pub(crate) fn section(samples: &[Sample], asked: impl Fn(&str) -> usize) -> String {
    let mut benchmarks: Vec<&str> = Vec::new();
    for sample in samples {
        if !benchmarks.contains(&sample.benchmark.as_str()) {
            benchmarks.push(&sample.benchmark);
        }
    }
    let fold = |name: &&str| benchmark_fold(samples, name, asked(name));
    let folds: String = benchmarks.iter().map(fold).collect();
    if folds.is_empty() {
        return String::new();
    }
    format!(
        "<section id=\"samples\"><h2>Samples</h2><p class=\"note\">The first items of each benchmark, and the first \
         that went wrong; all are in the logs. Harmful requests and what models wrote to them stay folded until you \
         open them.</p>{folds}</section>\n"
    )
}

fn benchmark_fold(samples: &[Sample], benchmark: &str, asked: usize) -> String {
    let mut items: Vec<(&str, Vec<&Sample>)> = Vec::new();
    for sample in samples.iter().filter(|s| s.benchmark == benchmark) {
        match items.iter_mut().find(|(item, _)| *item == sample.item) {
            Some((_, samples)) => samples.push(sample),
            None => items.push((&sample.item, vec![sample])),
        }
    }
    let count = items.len();
    let folds: String = items.iter().map(|(item, samples)| item_fold(item, samples)).collect();
    let name = escape(benchmark);
    format!(
        "<details class=\"group\"><summary><b>{name}</b> <span class=\"count\">{count} of {asked} items</span>\
         </summary>{folds}</details>\n"
    )
}

fn item_fold(item: &str, samples: &[&Sample]) -> String {
    let Some(first) = samples.first() else { return String::new() };
    let title = if first.harmful {
        "<span class=\"veil\">harmful request, hidden</span>".to_owned()
    } else {
        let start: String = first.text.chars().take(110).collect();
        let dots = if start.len() < first.text.len() { "\u{2026}" } else { "" };
        format!("<span class=\"peek\">{}{dots}</span>", escape(&start))
    };
    // An item without a name of its own is called by its text.
    let is_named = !first.harmful || clip(item) != first.text;
    let name = if is_named { format!("<code>{}</code> ", escape(item)) } else { String::new() };
    let responses: String = samples.iter().map(|sample| response_block(sample)).collect();
    format!(
        "<details class=\"item\"><summary>{name}{title}</summary><div class=\"request\"><h4>Request</h4>\
         <pre>{}</pre></div><div class=\"responses\">{responses}</div></details>\n",
        escape(&first.text)
    )
}

fn response_block(sample: &Sample) -> String {
    let finding =
        |f: &super::Fact| format!("<li>{}: <b>{}</b></li>", escape(&f.name), escape(&f.value));
    let findings: String = sample.findings.iter().map(finding).collect();
    let thinking = sample.thinking.as_deref().map_or(String::new(), |text| {
        format!("<h4>Thinking</h4><pre class=\"thinking\">{}</pre>", escape(text))
    });
    format!(
        "<article><h3>{}</h3><ul class=\"findings\">{findings}</ul>{thinking}<h4>Answer</h4><pre>{}</pre></article>",
        escape(&sample.run),
        escape(&sample.answer)
    )
}

/// How many items from the start are shown.
const FIRST: usize = 5;
/// How many more a run of those that went wrong.
const WRONG: usize = 3;
/// How many characters of a text are shown.
const LONGEST: usize = 6000;
