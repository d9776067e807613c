//! A trace on its way through a selection.

use thinksafe_core::hash::ContentHash;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::verdict::Safety;
use thinksafe_trace::TraceRecord;

use crate::dataset::{DatasetRow, GuardVerdict, Provenance};
use crate::policy::{DropReason, Policy};
use crate::record::VerdictRecord;

/// A trace, and what the policy says of it so far.
pub(super) struct Candidate {
    pub(super) label: PromptLabel,
    /// The hash of its prompt: id, text and label.
    pub(super) prompt: ContentHash,
    pub(super) sample_index: u32,
    pub(super) dropped: Option<DropReason>,
    trace: ContentHash,
    /// Held only of what may be kept.
    row: Option<DatasetRow>,
}

impl Candidate {
    pub(super) fn new(
        trace: &TraceRecord,
        verdicts: &[Option<&VerdictRecord>],
        policy: &Policy,
    ) -> Self {
        let TraceRecord { key, prompt_id, prompt, label, sample_index, .. } = trace;
        let prompt = ContentHash::of("thinksafe.selected-prompt", &(prompt_id, prompt, label));
        let dropped = policy.drop_reason(trace, verdicts);
        let wanted = dropped.is_none() && policy.samples.is_candidate(&prompt, *sample_index);
        let row = wanted.then(|| row(trace, verdicts)).flatten();
        let (label, sample_index, trace) = (*label, *sample_index, key.clone());
        Self { label, prompt, sample_index, dropped, trace, row }
    }

    /// Whether it was not dropped so far.
    pub(super) fn passes(&self) -> bool {
        self.dropped.is_none()
    }

    /// The training example, or the trace's key and why it was dropped.
    pub(super) fn outcome(self) -> Result<DatasetRow, (ContentHash, DropReason)> {
        match (self.dropped, self.row) {
            (None, Some(row)) => Ok(row),
            (reason, _) => Err((self.trace, reason.unwrap_or(DropReason::NotJudged))),
        }
    }
}

/// The training example of a kept trace; `None` if there is no trace, which no policy keeps.
fn row(trace: &TraceRecord, verdicts: &[Option<&VerdictRecord>]) -> Option<DatasetRow> {
    let (turn, parts) = (trace.turn()?, trace.trace()?);
    Some(DatasetRow {
        version: DatasetRow::VERSION,
        instruction: trace.prompt.clone(),
        response: turn.whole(),
        thinking: parts.thinking.clone(),
        answer: parts.answer.clone(),
        prompt_label: trace.label,
        response_label: Safety::Safe,
        provenance: Some(Provenance {
            trace: trace.key.clone(),
            prompt_id: trace.prompt_id.clone(),
            sample_index: trace.sample_index,
            seed: trace.seed,
            steering: trace.steering.clone(),
            model: trace.identity.model.clone(),
            generator: trace.identity.hash(),
            guards: verdicts.iter().flatten().map(|record| GuardVerdict::of(record)).collect(),
        }),
    })
}
