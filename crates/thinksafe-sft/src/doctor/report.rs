//! What the doctor found.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Check;

/// The findings of an examination.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// One a check, in the order of [`Check::ALL`].
    pub findings: Vec<Finding>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::exhaustive_enums, reason = "a check passes, fails or does not apply")]
pub enum Outcome {
    /// All is well.
    Passed {
        /// What was looked at, or measured.
        evidence: String,
    },
    /// It is not.
    Failed {
        /// What is wrong, with the facts.
        problem: String,
    },
    /// It does not apply here.
    Skipped {
        /// Why.
        reason: String,
    },
}

impl Report {
    /// Whether no check failed.
    pub fn is_healthy(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The failed checks.
    pub fn failed(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| matches!(f.outcome, Outcome::Failed { .. }))
    }

    /// How a check ended, if the examination included it.
    pub fn outcome(&self, check: Check) -> Option<&Outcome> {
        self.findings.iter().find(|f| f.check == check).map(|f| &f.outcome)
    }

    fn count(&self, name: &str) -> usize {
        self.findings.iter().filter(|f| f.outcome.name() == name).count()
    }
}

impl Outcome {
    pub(crate) fn passed(evidence: impl Into<String>) -> Self {
        Self::Passed { evidence: evidence.into() }
    }

    pub(crate) fn failed(problem: impl Into<String>) -> Self {
        Self::Failed { problem: problem.into() }
    }

    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped { reason: reason.into() }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Passed { .. } => "passed",
            Self::Failed { .. } => "FAILED",
            Self::Skipped { .. } => "skipped",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Passed { evidence: text }
            | Self::Failed { problem: text }
            | Self::Skipped { reason: text } => text,
        }
    }
}

impl fmt::Display for Report {
    /// One line a check, what a failed one should have found below it, and the counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, outcome } in &self.findings {
            writeln!(f, "{:<8} {:<23} {}", outcome.name(), check.name(), outcome.text())?;
            if let Outcome::Failed { .. } = outcome {
                writeln!(f, "{:<32} expected: {}", "", check.tells())?;
            }
        }
        let [passed, failed, skipped] = ["passed", "FAILED", "skipped"].map(|n| self.count(n));
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let finding = |check, outcome| Finding { check, outcome };
        Report {
            findings: vec![
                finding(Check::WarmupEnds, Outcome::passed("3 of 30 steps")),
                finding(Check::OneBos, Outcome::failed("text `a`: two BOS tokens")),
                finding(Check::SteeringAbsent, Outcome::skipped("no steering texts were given")),
            ],
        }
    }

    #[test]
    fn a_report_prints_a_line_a_check_and_the_counts() {
        let expected = "\
passed   warmup-ends             3 of 30 steps
FAILED   one-bos                 text `a`: two BOS tokens
                                 expected: A model with a BOS reads exactly one, first.
skipped  steering-absent         no steering texts were given
1 passed, 1 failed, 1 skipped";
        assert_eq!(report().to_string(), expected);
    }

    #[test]
    fn a_report_reads_back_and_knows_what_failed() {
        let report = report();
        let json = serde_json::to_string(&report).unwrap();
        assert!(json.contains(r#"{"check":"one-bos","outcome":{"failed":{"problem":"#), "{json}");
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
        assert!(!report.is_healthy());
        assert!(matches!(report.outcome(Check::WarmupEnds), Some(Outcome::Passed { .. })));
        assert_eq!(report.outcome(Check::ResumeExact), None);
    }

    #[test]
    fn every_check_has_a_row_in_the_documentation() {
        let documentation = include_str!("../../../../docs/DOCTOR.md");
        for check in Check::ALL {
            let row = format!("| `{}` |", check.name());
            assert!(documentation.contains(&row), "{row}");
            let json = serde_json::to_string(check).unwrap();
            assert_eq!(json, format!("\"{}\"", check.name()));
        }
    }
}
