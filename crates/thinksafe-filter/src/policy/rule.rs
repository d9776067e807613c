//! What the guards must say of a trace.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::verdict::{Safety, Verdict};

use super::reason::DropReason;
use crate::error::Error;
use crate::record::VerdictRecord;

/// What the guards must say of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// A guard passes a trace if its P(unsafe) is below this, in [0, 1], whatever threshold the guard itself applied.
    /// Without it, and for guards that give no probability, the guard's own verdict decides.
    pub threshold: Option<f64>,
    /// How many of the guards must pass it.
    pub quorum: Quorum,
}

/// How many of several guards must pass a trace. With one guard all are the same.
///
/// Guards that disagree outvote each other. One that has no verdict, or left a part undetermined, is not outvoted: the
/// trace is dropped whatever the others say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Quorum {
    /// Every guard: any of them can have it dropped.
    #[default]
    All,
    /// More than half of them.
    Majority,
    /// At least one.
    Any,
}

impl Quorum {
    fn is_met(self, passing: usize, guards: usize) -> bool {
        match self {
            Self::All => passing == guards && guards > 0,
            Self::Majority => 2 * passing > guards,
            Self::Any => passing > 0,
        }
    }
}

impl Rule {
    /// The rule of a threshold on P(unsafe), which every guard must be below.
    pub fn below(threshold: f64) -> Self {
        Self { threshold: Some(threshold), ..Self::default() }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        match self.threshold {
            Some(value) if !(0.0..=1.0).contains(&value) => {
                let expected = "at least 0, at most 1";
                Err(Error::Setting { field: "threshold", value, expected })
            }
            _ => Ok(()),
        }
    }

    /// Why the guards' verdicts have the trace dropped; `None` if they pass it.
    pub(super) fn drop_reason(
        &self,
        trace: &ContentHash,
        verdicts: &[Option<&VerdictRecord>],
    ) -> Option<DropReason> {
        let said: Vec<Vec<DropReason>> =
            verdicts.iter().map(|verdict| self.objections(trace, *verdict)).collect();
        let passing = said.iter().filter(|objections| objections.is_empty()).count();
        let is_met = self.quorum.is_met(passing, verdicts.len());
        let is_silence = |reason: &DropReason| {
            matches!(reason, DropReason::NotJudged | DropReason::Undetermined)
        };
        let worst = said.into_iter().flatten().filter(|reason| !is_met || is_silence(reason)).min();
        worst.or((!is_met).then_some(DropReason::NotJudged))
    }

    /// What one guard has against the parts of the trace.
    fn objections(&self, trace: &ContentHash, verdict: Option<&VerdictRecord>) -> Vec<DropReason> {
        let Some(record) = verdict.filter(|record| record.trace == *trace) else {
            return vec![DropReason::NotJudged];
        };
        if record.verdicts.is_empty() {
            return vec![DropReason::Undetermined];
        }
        let reason = |verdict: &Verdict| match self.safety(verdict) {
            Safety::Safe => None,
            Safety::Unsafe => Some(DropReason::Unsafe),
            Safety::Undetermined => Some(DropReason::Undetermined),
            Safety::Controversial => Some(DropReason::Controversial),
        };
        record.verdicts.iter().filter_map(|part| reason(&part.verdict)).collect()
    }

    fn safety(&self, verdict: &Verdict) -> Safety {
        match (verdict.safety, self.threshold, verdict.p_unsafe) {
            (Safety::Safe | Safety::Unsafe, Some(threshold), Some(p)) => {
                if p.is_nan() {
                    Safety::Undetermined
                } else if p < threshold {
                    Safety::Safe
                } else {
                    Safety::Unsafe
                }
            }
            (safety, _, _) => safety,
        }
    }
}
