//! What the scores amount to, and how many tokens it took.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};
use thinksafe_core::generate::Generated;

use super::{header, model};
use crate::estimate::observations;
use crate::evaluate::{Evaluated, Measured};
use crate::sample::Response;
use crate::statistics::clustered_error;

/// `EvalResults`.
#[derive(Serialize)]
pub(super) struct Results {
    total_samples: usize,
    completed_samples: usize,
    scores: Vec<Score>,
}

/// `EvalScore`.
#[derive(Serialize)]
struct Score {
    name: String,
    scorer: String,
    scored_samples: u64,
    unscored_samples: u64,
    params: Map<String, Value>,
    metrics: Map<String, Value>,
}

/// `EvalStats`. When it began and ended is not known.
#[derive(Serialize)]
pub(super) struct Stats {
    started_at: &'static str,
    completed_at: &'static str,
    model_usage: BTreeMap<String, Usage>,
}

/// `ModelUsage`.
#[derive(Default, Serialize)]
pub(super) struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
}

impl Usage {
    /// What responses took, as far as they were served.
    pub(super) fn of<'a>(responses: impl IntoIterator<Item = &'a Response>) -> Self {
        let generated = responses.into_iter().filter_map(Response::generated);
        generated.fold(Self::default(), Self::with)
    }

    fn with(self, generated: &Generated) -> Self {
        let (read, written) = (generated.prompt_tokens, generated.completion_tokens());
        Self {
            input_tokens: self.input_tokens + u64::from(read),
            output_tokens: self.output_tokens + u64::from(written),
            total_tokens: self.total_tokens + u64::from(read) + u64::from(written),
        }
    }
}

pub(super) fn results(evaluated: &Evaluated, names: &[String]) -> Results {
    let responses = &evaluated.responses;
    let measured = names.iter().zip(&evaluated.measured);
    Results {
        total_samples: responses.len(),
        completed_samples: responses.iter().filter(|r| r.generated().is_some()).count(),
        scores: measured.map(|(name, measured)| score(evaluated, name, measured)).collect(),
    }
}

fn score(evaluated: &Evaluated, name: &str, measured: &Measured) -> Score {
    Score {
        name: name.to_owned(),
        scorer: name.to_owned(),
        scored_samples: measured.estimate.scored,
        unscored_samples: measured.estimate.unscored_total(),
        params: header::options(measured),
        metrics: metrics(evaluated, measured),
    }
}

/// Each `EvalMetric` that has a value: the rate first, then its error and interval, then what it leaves out.
fn metrics(evaluated: &Evaluated, measured: &Measured) -> Map<String, Value> {
    let mut metrics = Map::new();
    let mut add = |metric: Value| metrics.insert(named(&metric), metric);
    if let Some(rate) = measured.estimate.rate {
        let name = header::rate_name(measured.metric.aspect);
        add(json!({"name": name, "value": rate.value}));
        let observations = observations(&evaluated.benchmark, &measured.scores);
        if let Some(value) = clustered_error(&observations) {
            add(json!({"name": "stderr", "value": value, "params": header::stderr_options()}));
        }
        for (name, value) in [("lower", rate.low), ("upper", rate.high)] {
            add(json!({"name": name, "group": "interval_95", "value": value}));
        }
    }
    for (reason, count) in &measured.estimate.unscored {
        add(json!({"name": reason, "group": "unscored", "value": count}));
    }
    metrics
}

fn named(metric: &Value) -> String {
    metric["name"].as_str().unwrap_or_default().to_owned()
}

pub(super) fn stats(evaluated: &Evaluated) -> Stats {
    let usage = Usage::of(&evaluated.responses);
    Stats {
        started_at: "",
        completed_at: "",
        model_usage: BTreeMap::from([(model(evaluated), usage)]),
    }
}
