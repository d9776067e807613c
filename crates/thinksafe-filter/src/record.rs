//! What is logged of each judged trace.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::log::Record;
use thinksafe_core::verdict::Verdict;

use crate::view::{Segment, View};

/// The verdicts of one judge on one trace: a line of `verdicts.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRecord {
    /// The hash of trace, judge and view.
    pub key: ContentHash,
    /// The key of the judged trace.
    pub trace: ContentHash,
    /// Who judged.
    pub judge: JudgeIdentity,
    /// What it saw.
    pub view: View,
    /// What it said of each part, in the order of the turn.
    pub verdicts: Vec<SegmentVerdict>,
}

/// The verdict on one part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentVerdict {
    /// The part.
    pub segment: Segment,
    /// The verdict.
    pub verdict: Verdict,
}

impl VerdictRecord {
    /// The key of a verdict.
    pub fn key_of(trace: &ContentHash, judge: &JudgeIdentity, view: View) -> ContentHash {
        ContentHash::of("thinksafe.verdict", &(trace, &judge.hash, view))
    }
}

impl Record for VerdictRecord {
    const FORMAT: &'static str = "thinksafe.verdict";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}
