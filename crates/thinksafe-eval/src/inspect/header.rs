//! What was asked of what, and how it was scored.

use serde::Serialize;
use serde_json::{Map, Value, json};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::JudgeIdentity;

use super::{InspectLog, model};
use crate::benchmark::Settings;
use crate::evaluate::Measured;
use crate::score::Aspect;

/// `EvalSpec`.
#[derive(Serialize)]
pub(super) struct Spec<'a> {
    eval_id: String,
    run_id: String,
    created: &'a str,
    task: &'a str,
    task_id: String,
    tags: &'a [String],
    dataset: Dataset<'a>,
    model: String,
    model_args: ModelArgs<'a>,
    config: Config,
    packages: Packages,
    metadata: Metadata,
    scorers: Vec<Scorer<'a>>,
}

/// `EvalDataset`.
#[derive(Serialize)]
struct Dataset<'a> {
    name: &'a str,
    samples: usize,
    sample_ids: Vec<&'a str>,
    shuffled: bool,
}

/// Which weights answered.
#[derive(Serialize)]
struct ModelArgs<'a> {
    weights: &'a ContentHash,
    template: &'a ContentHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter: Option<&'a ContentHash>,
}

/// `EvalConfig`.
#[derive(Serialize)]
struct Config {
    epochs: u32,
    /// None: metrics are over all scored responses.
    epochs_reducer: [&'static str; 0],
}

/// Who wrote the log.
#[derive(Serialize)]
struct Packages {
    #[serde(rename = "thinksafe-eval")]
    thinksafe_eval: &'static str,
}

#[derive(Serialize)]
struct Metadata {
    /// As text: readers in JavaScript would round the number.
    seed: String,
}

/// `EvalScorer`.
#[derive(Serialize)]
struct Scorer<'a> {
    name: &'a str,
    options: Map<String, Value>,
    metrics: [Value; 2],
    metadata: &'a crate::score::Metric,
}

/// `EvalPlan`: one step, with the settings of generation.
#[derive(Serialize)]
pub(super) struct Plan<'a> {
    name: &'static str,
    steps: [Step; 1],
    config: GenerateConfig<'a>,
}

/// `EvalPlanStep`.
#[derive(Serialize)]
struct Step {
    solver: &'static str,
}

/// `GenerateConfig`; what it has no field for is named as vLLM names it.
#[derive(Serialize)]
struct GenerateConfig<'a> {
    max_tokens: u32,
    temperature: f64,
    top_p: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    presence_penalty: f64,
    stop_seqs: &'a [String],
    extra_body: ExtraBody,
}

#[derive(Serialize)]
struct ExtraBody {
    min_p: f64,
    repetition_penalty: f64,
}

pub(super) fn spec<'a>(log: &'a InspectLog<'_>, names: &'a [String]) -> Spec<'a> {
    let (ids, evaluated) = (log.ids(), log.evaluated);
    let (benchmark, generator) = (&evaluated.benchmark, &evaluated.generator);
    let scorers = names.iter().zip(&evaluated.measured);
    Spec {
        eval_id: ids.eval,
        run_id: ids.run,
        created: &log.created,
        task: benchmark.name(),
        task_id: ids.task,
        tags: &log.tags,
        dataset: Dataset {
            name: benchmark.name(),
            samples: benchmark.items().len(),
            sample_ids: benchmark.items().iter().map(|item| item.id.as_str()).collect(),
            shuffled: false,
        },
        model: model(evaluated),
        model_args: ModelArgs {
            weights: &generator.weights,
            template: &generator.template,
            adapter: generator.adapter.as_ref(),
        },
        config: Config { epochs: benchmark.settings().samples, epochs_reducer: [] },
        packages: Packages { thinksafe_eval: env!("CARGO_PKG_VERSION") },
        metadata: Metadata { seed: benchmark.settings().seed.0.to_string() },
        scorers: scorers.map(|(name, measured)| scorer(name, measured)).collect(),
    }
}

fn scorer<'a>(name: &'a str, measured: &'a Measured) -> Scorer<'a> {
    let rate = format!("inspect_ai/{}", rate_name(measured.metric.aspect));
    let stderr = json!({"name": "inspect_ai/stderr", "options": stderr_options()});
    let metrics = [json!({ "name": rate }), stderr];
    Scorer { name, options: options(measured), metrics, metadata: &measured.metric }
}

/// The judge that a scorer asks, if any.
pub(super) fn options(measured: &Measured) -> Map<String, Value> {
    let Some(JudgeIdentity { name, hash }) = &measured.judge else { return Map::new() };
    let facts = [("judge", name.as_str()), ("judge_hash", hash.as_str())];
    facts.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect()
}

/// The key of samples' metadata that names the unit of independence.
pub(super) fn stderr_options() -> Value {
    json!({"cluster": "cluster"})
}

/// inspect_ai's metric for the rate: answers are right or wrong, all else has a degree.
pub(super) fn rate_name(aspect: Aspect) -> &'static str {
    if aspect == Aspect::Reasoning { "accuracy" } else { "mean" }
}

pub(super) fn plan(settings: &Settings) -> Plan<'_> {
    let sampling = &settings.sampling;
    let config = GenerateConfig {
        max_tokens: sampling.max_new_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: Some(sampling.top_k).filter(|k| *k > 0),
        presence_penalty: sampling.presence_penalty,
        stop_seqs: &sampling.stop,
        extra_body: ExtraBody {
            min_p: sampling.min_p,
            repetition_penalty: sampling.repetition_penalty,
        },
    };
    Plan { name: "plan", steps: [Step { solver: "generate" }], config }
}
