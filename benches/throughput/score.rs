//! The log-probability of every given token.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use thinksafe_benches::timing::{median, timed};
use thinksafe_benches::{cost, load, memory};

use crate::setting::{Setting, rounded};

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
        let mut engine = setting.engine(*batch)?;
        let config = engine.model().config().clone();
        let texts = |seed| load::even(seed, *batch, *context, 0, config.vocab_size);
        let ids = |texts: &[load::Item]| texts.iter().map(|text| text.ids.clone()).collect();
        let warm_up: Vec<Vec<u32>> = ids(&texts(0)[..1]);
        engine.score(&warm_up)?;
        let loaded = Setting::peak();
        memory::reset_peak();
        let (mut times, mut work) = (Vec::new(), Vec::new());
        for repetition in 1..=u64::from(setting.repetitions) {
            let texts = texts(repetition);
            let given: Vec<Vec<u32>> = ids(&texts);
            let (scored, seconds) = timed(|| engine.score(&given));
            let scored = scored?;
            let mut scored = scored.iter().flatten();
            anyhow::ensure!(scored.all(|p| p.is_finite() && *p < 0.0), "not probabilities");
            times.push(seconds);
            work.extend(texts);
        }
        let peak = Setting::peak();
        drop(engine);
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
