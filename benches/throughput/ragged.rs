//! Prompts and outputs of many lengths: what generating traces is like.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use thinksafe_benches::timing::{median, timed};
use thinksafe_benches::{engine, load, memory};

use crate::setting::{Setting, rounded};

#[derive(Debug, Args)]
pub(crate) struct Ragged {
    #[command(flatten)]
    setting: Setting,
    /// Prompts.
    #[arg(long, default_value_t = 256)]
    requests: usize,
    /// The longest output.
    #[arg(long, default_value_t = 1024)]
    longest: u32,
    /// The most sequences side by side.
    #[arg(long, default_value_t = 64)]
    batch: usize,
}

impl Ragged {
    pub(crate) fn measure(&self) -> Result<Value> {
        let Self { setting, requests, longest, batch } = self;
        let mut engine = setting.engine(*batch)?;
        let vocab = setting.shape.config().vocab_size;
        engine::serve(&mut engine, &load::even(0, *batch, 16, 4, vocab))?;
        let loaded = Setting::peak();
        memory::reset_peak();
        let (mut times, mut rates, mut work) = (Vec::new(), Vec::new(), Vec::new());
        for repetition in 1..=u64::from(setting.repetitions) {
            let load = load::ragged(repetition, *requests, *longest, vocab);
            let (served, seconds) = timed(|| engine::serve(&mut engine, &load));
            served?;
            let tokens: u32 = load.iter().map(|item| item.new).sum();
            times.push(seconds);
            rates.push(f64::from(tokens) / seconds);
            work.extend(load);
        }
        Ok(setting.line(
            "ragged",
            json!({
                "requests": requests,
                "longest": longest,
                "batch": batch,
                "tok_s": rounded(median(rates)),
                "seconds": rounded(median(times)),
                "peak_mib": Setting::peak(),
                "load_peak_mib": loaded,
                "checksum": load::checksum_json(&work),
            }),
        ))
    }
}
