//! Advantages, losses and gradient norms of TRL's GRPOTrainer over PEFT (`tests/parity/gen/grpo.py`).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thinksafe_core::fs::read_json;
use thinksafe_runtime::{CausalLm, Gradients, Placement, Recompute};
use thinksafe_sft::clip_gradients;

use crate::aggregation::Totals;
use crate::row::Row;
use crate::update::{Measured, StepLoss, log_probabilities};
use crate::{Aggregation, Clip, PolicyLoss, RatioLevel, RewardScale};

#[derive(Debug, Deserialize)]
struct Golden {
    base: String,
    group: usize,
    longest: usize,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    loss_type: String,
    level: RatioLevel,
    scale: RewardScale,
    beta: f64,
    epsilon: (f64, f64),
    advantages: Vec<f64>,
    loss: f64,
    grad_norm: f64,
    kl: f64,
    entropy: f64,
    clipped_low: f64,
    clipped_high: f64,
}

#[derive(Debug, Deserialize)]
struct Given {
    ids: Vec<u32>,
    prompt: usize,
    reward: f64,
    old: Vec<f64>,
    reference: Vec<f64>,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

fn model(base: &str) -> CausalLm {
    let folder = golden("models").join(base);
    let mut model = CausalLm::load(&folder, Placement::CPU_F32).unwrap();
    model.load_lora(&golden("sft/adapter")).unwrap();
    model
}

impl Case {
    fn loss(&self, totals: Totals) -> StepLoss {
        let aggregation = match self.loss_type.as_str() {
            "grpo" => Aggregation::Grpo,
            "dr_grpo" => Aggregation::DrGrpo,
            // Of a single micro-batch bnpo and dapo are the same.
            _ => Aggregation::Dapo,
        };
        let clip = Clip { low: self.epsilon.0, high: self.epsilon.1 };
        let loss = PolicyLoss { ratio: self.level, clip, beta: self.beta };
        StepLoss { loss, aggregation, totals }
    }

    /// The shares of cut tokens: TRL counts sequences where the ratio is one of them.
    fn shares(&self, rows: &[Row], measured: &Measured) -> Option<[f64; 2]> {
        let shares = [measured.clipped_low, measured.clipped_high]
            .map(|count| count as f64 / rows.iter().map(Row::learnt).sum::<usize>() as f64);
        (self.level == RatioLevel::Token).then_some(shares)
    }
}

/// The loss and the gradient's norm over rows, so many at a time.
fn measure(model: &CausalLm, rows: &[Row], loss: StepLoss, at_a_time: usize) -> (Measured, f64) {
    let mut gradients = Gradients::new(&model.lora_parameters());
    let mut measured = Measured::default();
    for rows in rows.chunks(at_a_time) {
        let rows: Vec<&Row> = rows.iter().collect();
        let (found, _) = loss.accumulate(model, &rows, Recompute::Nothing, &mut gradients).unwrap();
        measured.join(found);
    }
    let norm = clip_gradients(gradients.each(), None).double_value(&[]);
    (measured, norm)
}

/// Checks a value, and keeps the largest error, relative where the value is above 1.
fn close(what: &str, case: &Case, ours: f64, theirs: f64, largest: &mut f64) {
    let error = (ours - theirs).abs() / theirs.abs().max(1.0);
    assert!(error < 1e-5, "{what} is {ours}, TRL has {theirs}: {case:?}");
    *largest = largest.max(error);
}

#[test]
fn losses_advantages_divergences_and_gradients_are_those_of_trl() {
    let golden_file: Golden = read_json(golden("grpo/cases.json"), "golden").unwrap();
    let given: Vec<Given> = read_json(golden("grpo/batch.json"), "golden").unwrap();
    let model = model(&golden_file.base);
    let row = |given: &Given| Row {
        prompt_id: String::new(),
        ids: given.ids.clone(),
        prompt: given.prompt,
        advantage: 0.0,
        sampled: given.old.clone(),
        old: Some(given.old.clone()),
        reference: None,
    };
    let mut rows: Vec<Row> = given.iter().map(row).collect();
    let rewards: Vec<f64> = given.iter().map(|given| given.reward).collect();
    let groups: Vec<Vec<f64>> = rewards.chunks(golden_file.group).map(<[f64]>::to_vec).collect();
    let totals = Totals {
        responses: rows.len(),
        tokens: rows.iter().map(Row::learnt).sum(),
        longest: golden_file.longest,
    };
    let mut largest = [0.0; 5];
    assert!(golden_file.cases.len() > 10);
    for case in &golden_file.cases {
        let [advantages, losses, norms, kls, entropies] = &mut largest;
        for (i, advantage) in case.scale.advantages(&groups).concat().into_iter().enumerate() {
            close("an advantage", case, advantage, case.advantages[i], advantages);
            rows[i].advantage = advantage;
            rows[i].reference = (case.beta > 0.0).then(|| given[i].reference.clone());
        }
        for at_a_time in [rows.len(), 3] {
            let (measured, norm) = measure(&model, &rows, case.loss(totals), at_a_time);
            close("the loss", case, measured.loss, case.loss, losses);
            close("the gradient norm", case, norm, case.grad_norm, norms);
            close("the divergence", case, measured.per_token(measured.kl), case.kl, kls);
            let entropy = measured.per_token(measured.entropy);
            close("the entropy", case, entropy, case.entropy, entropies);
            if let Some([low, high]) = case.shares(&rows, &measured) {
                assert!((low - case.clipped_low).abs() < 1e-6, "{low}: {case:?}");
                assert!((high - case.clipped_high).abs() < 1e-6, "{high}: {case:?}");
            }
        }
    }
    let [advantage, loss, norm, kl, entropy] = largest;
    println!(
        "| advantage {advantage:.1e} | loss {loss:.1e} | gradient norm {norm:.1e} | k3 {kl:.1e} | entropy {entropy:.1e} |"
    );
}

#[test]
fn a_policy_against_itself_has_ratio_1_and_a_reference_like_it_no_gradient() {
    let given: Vec<Given> = read_json(golden("grpo/batch.json"), "golden").unwrap();
    let model = model("qwen3-gqa-tied");
    let mut rows: Vec<Row> = Vec::new();
    for Given { ids, prompt, old, .. } in given {
        let prompt_id = String::new();
        let (sampled, old) = (old, None);
        rows.push(Row { prompt_id, ids, prompt, advantage: 0.0, sampled, old, reference: None });
    }
    let own = log_probabilities(&model, &rows.iter().collect::<Vec<_>>()).unwrap();
    for (row, own) in rows.iter_mut().zip(own) {
        row.old = Some(own.clone());
        row.reference = Some(own);
    }
    let totals = Totals { responses: 8, tokens: 55, longest: 16 };
    let loss = PolicyLoss { ratio: RatioLevel::Token, clip: Clip::symmetric(0.2), beta: 1.0 };
    let loss = StepLoss { loss, aggregation: Aggregation::Grpo, totals };
    let (measured, norm) = measure(&model, &rows, loss, rows.len());
    assert!(measured.ratio_distance < 1e-6, "{}", measured.ratio_distance);
    assert!(measured.kl.abs() < 1e-9 && norm < 1e-9, "{} {norm}", measured.kl);
}
