//! The seam to whatever judges exchanges: a guard model, a rule, a labelled table.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::hash::ContentHash;
use crate::verdict::Verdict;

/// A judge of exchanges.
///
/// Like [`Generate`](crate::generate::Generate): pulled in, pushed out, in any order, exactly one judgement each.
pub trait Judge {
    /// Which judge this is; part of every verdict's key.
    fn identity(&self) -> &JudgeIdentity;

    /// Judges every exchange.
    ///
    /// # Errors
    /// [`Error::Engine`] if the judge fails as a whole, or the first error that `sink` returns. An exchange that
    /// cannot be judged is no error but an undetermined verdict.
    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

impl<J: Judge + ?Sized> Judge for Box<J> {
    fn identity(&self) -> &JudgeIdentity {
        (**self).identity()
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), Error>,
    ) -> Result<(), Error> {
        (**self).judge(exchanges, sink)
    }
}

impl<J: Judge + ?Sized> Judge for &mut J {
    fn identity(&self) -> &JudgeIdentity {
        (**self).identity()
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), Error>,
    ) -> Result<(), Error> {
        (**self).judge(exchanges, sink)
    }
}

/// Which judge, for provenance and resume keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeIdentity {
    /// Its name, e.g. `llama-guard-3`.
    pub name: String,
    /// Hash of everything that decides its verdicts: model, prompt, rules, thresholds.
    pub hash: ContentHash,
}

/// A request and the response to judge, both untrusted text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The caller's number for it; the judgement carries it.
    pub id: u64,
    /// What the user asked, without steering.
    pub prompt: String,
    /// What the judge is to see of the response: the caller chooses whole turn or answer.
    pub response: String,
}

/// The verdict on one exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The exchange's number.
    pub id: u64,
    /// What the judge said.
    pub verdict: Verdict,
}
