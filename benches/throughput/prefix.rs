//! Prompts that begin alike, against prompts of the same length that have nothing in common.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use thinksafe_benches::load::{self, Item};
use thinksafe_benches::timing::{median, timed};
use thinksafe_benches::{engine, memory};

use crate::setting::{Setting, rounded};

#[derive(Debug, Args)]
pub(crate) struct Prefix {
    #[command(flatten)]
    setting: Setting,
    /// Prompts.
    #[arg(long, default_value_t = 256)]
    requests: usize,
    /// Tokens that all prompts begin with.
    #[arg(long, default_value_t = 400)]
    common: usize,
    /// Tokens of its own that each goes on with.
    #[arg(long, default_value_t = 20)]
    own: usize,
    /// The most sequences side by side.
    #[arg(long, default_value_t = 64)]
    batch: usize,
}

impl Prefix {
    /// One token after each prompt, so that the time is that of the prompts.
    pub(crate) fn measure(&self) -> Result<Value> {
        let Self { setting, requests, common, own, batch } = self;
        let mut engine = setting.engine(*batch)?;
        let vocab = setting.shape.config().vocab_size;
        engine::serve(&mut engine, &load::even(0, *batch, 16, 4, vocab))?;
        memory::reset_peak();
        let (mut shared, mut apart) = (Vec::new(), Vec::new());
        for repetition in 0..u64::from(setting.repetitions) {
            let alike = load::shared(2 * repetition + 1, *requests, *common, *own, vocab);
            let seed = 2 * repetition + 2;
            let unlike = load::even(seed, *requests, common + own, 1, vocab);
            for (load, times) in [(alike, &mut shared), (unlike, &mut apart)] {
                let load: Vec<Item> = load;
                let (served, seconds) = timed(|| engine::serve(&mut engine, &load));
                served?;
                times.push(seconds);
            }
        }
        let (shared, apart) = (median(shared), median(apart));
        Ok(setting.line(
            "prefix",
            json!({
                "requests": requests,
                "common": common,
                "own": own,
                "batch": batch,
                "shared_seconds": rounded(shared),
                "unshared_seconds": rounded(apart),
                "share_of_time": rounded(shared / apart),
                "peak_mib": Setting::peak(),
            }),
        ))
    }
}
