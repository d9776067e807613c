//! The log-probability of every given token.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use tch::{Kind, Tensor};
use thinksafe_benches::timing::{median, timed};
use thinksafe_benches::{cost, load, memory};
use thinksafe_runtime::{CausalLm, Mode, PaddedBatch};

use crate::setting::{Setting, rounded};

/// Positions whose logits are held at a time.
const CHUNK: i64 = 256;

#[derive(Debug, Args)]
pub(crate) struct Score {
    #[command(flatten)]
    setting: Setting,
    /// Sequences side by side.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Tokens of each.
    #[arg(long, default_value_t = 256)]
    context: usize,
}

impl Score {
    pub(crate) fn measure(&self) -> Result<Value> {
        let Self { setting, batch, context } = self;
        let dir = setting.checkpoint()?;
        tch::set_num_threads(setting.threads() as i32);
        let model = CausalLm::load(&dir, setting.placement())?;
        let vocab = model.config().vocab_size;
        let texts = |seed| load::even(seed, *batch, *context, 0, vocab);
        log_probabilities(&model, &texts(0)[..1])?;
        let loaded = Setting::peak();
        memory::reset_peak();
        let (mut times, mut work) = (Vec::new(), Vec::new());
        for repetition in 1..=u64::from(setting.repetitions) {
            let texts = texts(repetition);
            let (scored, seconds) = timed(|| log_probabilities(&model, &texts));
            anyhow::ensure!(scored?.iter().all(|p| p.is_finite() && *p < 0.0), "not probabilities");
            times.push(seconds);
            work.extend(texts);
        }
        let peak = Setting::peak();
        let config = model.config().clone();
        drop(model);
        let (_, rate) = setting.limits();
        let seconds = median(times);
        let operations = cost::forward_operations(&config, *batch, *context, *context) as f64;
        Ok(setting.line(
            "score",
            json!({
                "batch": batch,
                "context": context,
                "tok_s": rounded((batch * context) as f64 / seconds),
                "peak_mib": peak,
                "load_peak_mib": loaded,
                "matrix_gflop_s": rounded(rate / 1e9),
                "matrix_share": rounded(operations / seconds / rate),
                "checksum": load::checksum_json(&work),
            }),
        ))
    }
}

/// Of every token but each text's first, given those before it.
fn log_probabilities(model: &CausalLm, texts: &[load::Item]) -> Result<Vec<f32>> {
    let texts: Vec<Vec<u32>> = texts.iter().map(|text| text.ids.clone()).collect();
    let batch = PaddedBatch::new(&texts, 0, model.device())?;
    let gathered = tch::no_grad(|| {
        let hidden = model.hidden_states(&batch, Mode::Evaluate);
        let length = batch.ids.size()[1];
        let states = hidden.narrow(1, 0, length - 1).flatten(0, 1);
        let following = batch.ids.narrow(1, 1, length - 1).flatten(0, 1);
        let chunks = states.split(CHUNK, 0).into_iter().zip(following.split(CHUNK, 0));
        let chunks: Vec<Tensor> = chunks
            .map(|(states, following)| {
                let logits = model.project(&states).to_kind(Kind::Float);
                let chosen = logits.gather(1, &following.unsqueeze(1), false).squeeze_dim(1);
                chosen - logits.logsumexp([1i64].as_slice(), false)
            })
            .collect();
        Tensor::cat(&chunks, 0)
    });
    Ok(gathered.try_into()?)
}
