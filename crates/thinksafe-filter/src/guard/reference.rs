//! The reference's guards as they were run, so that what their defects do can be measured. Not for filtering.

mod llama_guard;
mod wildguard;

use thinksafe_core::message::{Part, Prompt};
use thinksafe_core::verdict::{Safety, Verdict};

pub use llama_guard::ReferenceLlamaGuard3;
pub use wildguard::ReferenceWildGuard;

/// One trusted text: what the exchange spells of special tokens becomes special tokens.
fn trusted(text: String) -> Prompt {
    Prompt::Parts(vec![Part::Template(text)])
}

/// Safe because nothing was read; the note tells such verdicts from the others.
fn fail_open(verdict: Verdict) -> Verdict {
    Verdict { note: Some(FAIL_OPEN.to_owned()), ..Verdict { safety: Safety::Safe, ..verdict } }
}

const FAIL_OPEN: &str = "fail-open: the reference takes what it cannot read for safe";
