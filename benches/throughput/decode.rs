//! Prompts of one length, and as many tokens after each.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use thinksafe_benches::timing::{median, timed};
use thinksafe_benches::{cost, engine, load, memory};

use crate::setting::{Setting, rounded};

#[derive(Debug, Args)]
pub(crate) struct Decode {
    #[command(flatten)]
    setting: Setting,
    /// Sequences side by side.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Tokens of each prompt.
    #[arg(long, default_value_t = 64)]
    context: usize,
    /// Tokens to generate after each, at least 2.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..))]
    new: u32,
}

impl Decode {
    /// The time of one token after each prompt is that of the prompts; the time of all tokens less that, of decoding.
    pub(crate) fn measure(&self) -> Result<Value> {
        let Self { setting, batch, context, new } = self;
        let mut engine = setting.engine(*batch)?;
        let config = setting.shape.config();
        // No prompt twice: the engine would know its keys and values.
        let prompts = |seed, new| load::even(seed, *batch, *context, new, config.vocab_size);
        engine::serve(&mut engine, &prompts(0, 4))?;
        let loaded = Setting::peak();
        memory::reset_peak();
        let (mut first, mut all, mut work) = (Vec::new(), Vec::new(), Vec::new());
        for repetition in 0..u64::from(setting.repetitions) {
            for (seed, new, times) in
                [(2 * repetition + 1, 1, &mut first), (2 * repetition + 2, *new, &mut all)]
            {
                let prompts = prompts(seed, new);
                let (served, seconds) = timed(|| engine::serve(&mut engine, &prompts));
                served?;
                times.push(seconds);
                work.extend(prompts);
            }
        }
        let peak = Setting::peak();
        drop(engine);
        let (bandwidth, rate) = setting.limits();
        let (first, all) = (median(first), median(all));
        let step = (all - first) / f64::from(new - 1);
        let reach = context + *new as usize / 2;
        let bytes = cost::decode_bytes(&config, setting.precision, *batch, reach) as f64;
        let operations = cost::forward_operations(&config, *batch, *context, 1) as f64;
        Ok(setting.line(
            "decode",
            json!({
                "batch": batch,
                "context": context,
                "new": new,
                "decode_tok_s": rounded(*batch as f64 / step),
                "prefill_tok_s": rounded((batch * context) as f64 / first),
                "step_ms": rounded(1e3 * step),
                "peak_mib": peak,
                "load_peak_mib": loaded,
                "bandwidth_gb_s": rounded(bandwidth / 1e9),
                "bandwidth_share": rounded(bytes / step / bandwidth),
                "matrix_gflop_s": rounded(rate / 1e9),
                "matrix_share": rounded(operations / first / rate),
                "checksum": load::checksum_json(&work),
            }),
        ))
    }
}
