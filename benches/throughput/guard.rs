//! Verdicts of a guard on real exchanges: Llama-Guard-3's layout around each, P(unsafe) at the first token.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use thinksafe_benches::load::Item;
use thinksafe_benches::timing::{median, timed};
use thinksafe_benches::{load, memory};
use thinksafe_chat::Chat;
use thinksafe_core::judge::{Exchange, Judge};
use thinksafe_filter::{Guard, GuardFormat, LlamaGuard3, Reading, TokenVote};
use thinksafe_runtime::{CausalLm, LocalGenerator};

use crate::setting::{Setting, rounded};

#[derive(Debug, Args)]
pub(crate) struct GuardRun {
    #[command(flatten)]
    setting: Setting,
    /// The folder of the guard's tokenizer and chat template.
    #[arg(long, value_name = "DIR")]
    guard: PathBuf,
    /// A CSV file with columns `prompt` and `completion`.
    #[arg(long, value_name = "FILE")]
    exchanges: PathBuf,
    /// How many of its rows are judged.
    #[arg(long, default_value_t = 256)]
    requests: usize,
    /// The most sequences side by side.
    #[arg(long, default_value_t = 64)]
    batch: usize,
}

#[derive(Debug, Deserialize)]
struct Row {
    prompt: String,
    completion: String,
}

impl GuardRun {
    pub(crate) fn measure(&self) -> Result<Value> {
        let exchanges = self.exchanges()?;
        let format = format()?;
        let work = self.encoded(&format, &exchanges)?;
        let tokens: usize = work.iter().map(|item| item.ids.len()).sum();
        let (mut times, mut unsafe_, mut loaded) = (Vec::new(), 0.0, Value::Null);
        for repetition in 0..self.setting.repetitions {
            // An engine that judged the same before would find all of it in its memory.
            let mut guard = Guard::new(self.engine()?, format.clone());
            if repetition == 0 {
                loaded = Setting::peak();
                memory::reset_peak();
            }
            let (judged, seconds) = timed(|| p_unsafe(&mut guard, &exchanges));
            unsafe_ = median(judged?);
            times.push(seconds);
        }
        let seconds = median(times);
        Ok(self.setting.line(
            "guard",
            json!({
                "requests": self.requests,
                "tokens": tokens,
                "verdicts_s": rounded(self.requests as f64 / seconds),
                "tok_s": rounded(tokens as f64 / seconds),
                "seconds": rounded(seconds),
                "p_unsafe": unsafe_,
                "peak_mib": Setting::peak(),
                "load_peak_mib": loaded,
                "checksum": load::checksum_json(&work),
            }),
        ))
    }

    fn engine(&self) -> Result<LocalGenerator> {
        let model = CausalLm::load(&self.setting.checkpoint()?, self.setting.placement())?;
        Ok(LocalGenerator::new(model, Chat::load(&self.guard)?, self.setting.options(self.batch))?)
    }

    /// The first rows that have a completion.
    fn exchanges(&self) -> Result<Vec<Exchange>> {
        let mut reader = csv::Reader::from_path(&self.exchanges)
            .with_context(|| format!("{}", self.exchanges.display()))?;
        let rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>()?;
        let rows = rows.into_iter().filter(|row| !row.completion.trim().is_empty());
        let exchange =
            |(id, row): (u64, Row)| Exchange { id, prompt: row.prompt, response: row.completion };
        let exchanges: Vec<Exchange> = (0..).zip(rows.take(self.requests)).map(exchange).collect();
        ensure!(exchanges.len() == self.requests, "only {} exchanges", exchanges.len());
        Ok(exchanges)
    }

    /// What the guard is asked, as ids.
    fn encoded(&self, format: &LlamaGuard3, exchanges: &[Exchange]) -> Result<Vec<Item>> {
        let chat = Chat::load(&self.guard)?;
        let encode = |exchange: &Exchange| {
            let request = format.request(exchange);
            let encoded = chat.encode_prompt(&request.prompt, request.prefill.as_deref())?;
            Ok(Item { ids: encoded.ids, new: 1 })
        };
        exchanges.iter().map(encode).collect()
    }
}

/// Random weights give the two words a small share of the whole: no verdict is undetermined for that.
fn format() -> Result<LlamaGuard3> {
    let vote = TokenVote { min_mass: 0.0, ..TokenVote::between("safe", "unsafe") };
    Ok(LlamaGuard3::new(vote, Reading::FirstToken)?)
}

/// P(unsafe) of every exchange.
fn p_unsafe<J: Judge>(guard: &mut J, exchanges: &[Exchange]) -> Result<Vec<f64>> {
    let mut found = Vec::with_capacity(exchanges.len());
    guard.judge(&mut exchanges.iter().cloned(), &mut |judgement| {
        found.extend(judgement.verdict.p_unsafe);
        Ok(())
    })?;
    ensure!(found.len() == exchanges.len(), "{} verdicts", found.len());
    Ok(found)
}
