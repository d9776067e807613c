//! The published benchmarks: one TOML file each, in the crate's folder `benchmarks`.
//!
//! A spec knows the name that its owners give the file, the rows it has, and, where the set may be had without asking, the
//! hash of its content. Prompts, samples and token limits are those of the ThinkSafe paper (section 1.2 of the method
//! notes) and its code.
//!
//! ```no_run
//! use thinksafe_eval::catalog;
//!
//! let mut spec = catalog::find("gsm8k")?;
//! spec.settings.sampling.top_k = 0; // as the paper asks R1-Distill
//! let loaded = spec.load("benchmarks")?;
//! println!("{}", loaded.provenance);
//! # Ok::<(), thinksafe_eval::Error>(())
//! ```

use crate::Error;
use crate::spec::Spec;

/// A spec's name and text.
macro_rules! spec {
    ($name:literal) => {
        ($name, include_str!(concat!("../benchmarks/", $name, ".toml")))
    };
}

/// The names and texts of all specs.
const FILES: [(&str, &str); 19] = [
    spec!("harmbench-602"),
    spec!("harmbench"),
    spec!("harmbench-standard"),
    spec!("harmbench-test"),
    spec!("harmbench-val"),
    spec!("strongreject"),
    spec!("wildjailbreak"),
    spec!("wildguardtest"),
    spec!("advbench"),
    spec!("jailbreakbench"),
    spec!("xstest-unsafe"),
    spec!("xstest-safe"),
    spec!("jailbreakbench-benign"),
    spec!("wildjailbreak-benign"),
    spec!("gsm8k"),
    spec!("math500"),
    spec!("aime24"),
    spec!("aime25"),
    spec!("gpqa-diamond"),
];

/// The specs of all published benchmarks: harm, over-refusal, reasoning.
///
/// # Errors
/// [`Error::Spec`]: never, since the files are part of the crate and tested.
pub fn all() -> Result<Vec<Spec>, Error> {
    FILES.iter().map(|(_, text)| text.parse()).collect()
}

/// The spec of one benchmark.
///
/// # Errors
/// [`Error::UnknownBenchmark`] with the names that there are.
pub fn find(name: &str) -> Result<Spec, Error> {
    match FILES.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => text.parse(),
        None => Err(Error::UnknownBenchmark {
            name: name.to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
        }),
    }
}

/// The names of all published benchmarks.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests;
