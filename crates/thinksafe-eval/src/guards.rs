//! Measuring guards: how far they agree with people and with each other, and what their probabilities are worth.
//!
//! A [`LabeledSet`] holds exchanges with a [`Question`] and people's answer to it; [`ask`] has a judge answer it, and
//! [`GuardReport`] compares. What a judge left undetermined is a column of its own: it is neither a yes nor a no in any
//! rate, and a missing value in any statistic of agreement.
//!
//! # Example
//!
//! ```
//! use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
//! use thinksafe_core::verdict::{Safety, Verdict};
//! use thinksafe_eval::guards::{GuardReport, LabeledItem, LabeledSet, Question, ask};
//! # use thinksafe_core::{Error, hash::ContentHash};
//! # struct Lengths(JudgeIdentity);
//! # impl Judge for Lengths {
//! #     fn identity(&self) -> &JudgeIdentity { &self.0 }
//! #     fn judge(
//! #         &mut self,
//! #         exchanges: &mut dyn Iterator<Item = Exchange>,
//! #         sink: &mut dyn FnMut(Judgement) -> Result<(), Error>,
//! #     ) -> Result<(), Error> {
//! #         for Exchange { id, response, .. } in exchanges {
//! #             let p = response.len() as f64 / 20.0;
//! #             let safety = if p >= 0.5 { Safety::Unsafe } else { Safety::Safe };
//! #             sink(Judgement { id, verdict: Verdict { p_unsafe: Some(p), ..Verdict::of(safety) } })?;
//! #         }
//! #         Ok(())
//! #     }
//! # }
//! # let mut judge = Lengths(JudgeIdentity { name: "lengths".into(), hash: ContentHash::of_bytes("l") });
//! # let directory = tempfile::tempdir()?;
//! # let log = directory.path().join("verdicts.jsonl");
//!
//! let items = vec![
//!     LabeledItem::new("1", "a request", "no").with_truth(false),
//!     LabeledItem::new("2", "a request", "long and bad").with_truth(true),
//! ];
//! let set = LabeledSet::new("two", Question::Unsafe, items)?;
//! let asked = ask(&set, &mut judge, &log, &mut |_| {})?;
//!
//! let mut report = GuardReport::new("Guards");
//! report.add(&set, &[asked])?;
//! let answers = report.sets()[0].judges[0].answers;
//! assert_eq!((answers.truth_yes.yes, answers.truth_no.no), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agreement;
mod answers;
mod calibration;
mod figures;
mod labeled;
mod page;
mod raters;
mod report;
mod result;
mod roc;
mod threshold;
mod xstest;

pub use agreement::{cohen_kappa, fleiss_kappa, krippendorff_alpha};
pub use answers::{Answers, Asked, Row, ask};
pub use calibration::{Bin, Calibration};
pub use labeled::{Answer, LabeledItem, LabeledSet, Question};
pub use raters::{Agreement, Pair};
pub use report::{GuardReport, SetResult};
pub use result::JudgeResult;
pub use roc::{Roc, RocPoint, Scored};
pub use threshold::AtThreshold;
pub use xstest::read_xstest;
