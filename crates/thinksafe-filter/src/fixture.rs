//! Traces and verdicts for tests.

use thinksafe_core::generate::Generate;
use thinksafe_core::generate::{Finish, Generated, RequestError};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_core::trace::ThinkTags;
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_trace::{TraceOutcome, TraceRecord, Turn};

use crate::record::{SegmentVerdict, VerdictRecord};
use crate::view::{Segment, View};

pub(crate) const GOOD: &str = "<think>\nweigh\n</think>\n\nfine";

/// The trace of prompt `n` with this turn.
pub(crate) fn trace(n: usize, turn: &str, finish: Finish) -> TraceRecord {
    let generated = Generated {
        opening: String::new(),
        text: turn.to_owned(),
        ids: vec![1, 2],
        untold_tokens: 0,
        finish,
        prompt_tokens: 3,
        logprobs: None,
    };
    let turn = Turn::new(generated, &ThinkTags::default());
    TraceRecord {
        key: ContentHash::of("test.trace", &(n, &turn)),
        prompt_id: format!("{n:03}"),
        prompt: format!("request {n}"),
        label: PromptLabel::ALL[n % 4],
        steering: None,
        sample_index: 0,
        seed: SampleSeed(n as u64),
        sampling: Sampling::default(),
        identity: ScriptedGenerator::new("m", |_| Ok(String::new())).identity().clone(),
        outcome: TraceOutcome::Generated(turn),
    }
}

pub(crate) fn finished(n: usize, turn: &str) -> TraceRecord {
    trace(n, turn, Finish::EndOfTurn(0))
}

pub(crate) fn failed(n: usize) -> TraceRecord {
    let error = RequestError::PromptTooLong { tokens: 2, limit: 1 };
    TraceRecord { outcome: TraceOutcome::Failed(error), ..finished(n, GOOD) }
}

pub(crate) fn judge() -> JudgeIdentity {
    JudgeIdentity { name: "guard".to_owned(), hash: ContentHash::of_bytes("guard") }
}

pub(crate) fn verdict(trace: &TraceRecord, verdicts: &[Verdict]) -> VerdictRecord {
    let part =
        |verdict: &Verdict| SegmentVerdict { segment: Segment::Turn, verdict: verdict.clone() };
    VerdictRecord {
        key: VerdictRecord::key_of(&trace.key, &judge(), View::Turn),
        trace: trace.key.clone(),
        judge: judge(),
        view: View::Turn,
        verdicts: verdicts.iter().map(part).collect(),
    }
}

pub(crate) fn scored(safety: Safety, p_unsafe: f64) -> Verdict {
    Verdict { p_unsafe: Some(p_unsafe), ..Verdict::of(safety) }
}
