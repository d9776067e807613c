//! Which packages a step compiles and runs: the torch-free ones, or all others.
//!
//! There are two selections and no more, because cargo compiles a dependency anew for each set of features, and the
//! packages selected decide on them. `thinksafe-features` is in both and makes their sets equal.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cargo::Cargo;
use crate::error::Error;
use crate::layering;

/// The package whose manifest makes the features equal.
pub(crate) const FEATURES: &str = "thinksafe-features";

/// Packages that are compiled together.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Selection {
    /// Those that compile without libtorch, which is hidden from them.
    TorchFree,
    /// All others.
    Torch,
}

impl Selection {
    /// A call of cargo on the selected packages.
    pub(crate) fn cargo(self, root: &Path, subcommand: &str) -> Cargo {
        let cargo = Cargo::new(root).args([subcommand]).args(self.arguments());
        match self {
            Self::TorchFree => cargo.without_libtorch(),
            Self::Torch => cargo,
        }
    }

    fn arguments(self) -> Vec<&'static str> {
        let (flag, first) = match self {
            Self::TorchFree => ("-p", ["-p", FEATURES].as_slice()),
            Self::Torch => ("--exclude", ["--workspace"].as_slice()),
        };
        let torch_free = layering::torch_free().flat_map(|name| [flag, name]);
        first.iter().copied().chain(torch_free).collect()
    }

    /// The features of each package that cargo resolves; of one that build scripts need too, there may be two sets.
    fn features(self, root: &Path) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        let format = ["-e", "normal,build,dev", "--prefix", "none", "--format", "{p}\t{f}"];
        Ok(features(&self.cargo(root, "tree").args(format).output()?))
    }
}

/// The path of an example, built if it is not there.
pub(crate) fn example(root: &Path, name: &str) -> Result<PathBuf, Error> {
    executable(Selection::Torch.cargo(root, "build").args(["--example", name]), name)
}

/// The path of the program that a build makes under a name.
pub(crate) fn executable(build: Cargo, name: &str) -> Result<PathBuf, Error> {
    let found = executables(build)?.into_iter().find(|(made, _)| made == name);
    let reason = || format!("no executable named {name}");
    let missing = || Error::Output { program: "cargo build".to_owned(), reason: reason() };
    found.map(|(_, path)| path).ok_or_else(missing)
}

/// What a build of cargo's has made: the names and paths of executables.
pub(crate) fn executables(build: Cargo) -> Result<Vec<(String, PathBuf)>, Error> {
    let messages = build.args(["--message-format", "json-render-diagnostics"]).output()?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(messages
        .filter_map(|message| {
            let path = message["executable"].as_str()?;
            Some((message["target"]["name"].as_str()?.to_owned(), path.into()))
        })
        .collect())
}

/// Checks that no package is compiled for both selections with different features.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let findings =
        differences(&Selection::TorchFree.features(root)?, &Selection::Torch.features(root)?);
    if findings.is_empty() { Ok(()) } else { Err(Error::Findings { check: "features", findings }) }
}

fn features(tree: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (package, features) in tree.lines().filter_map(|line| line.split_once('\t')) {
        let features = features.trim_end_matches(" (*)").to_owned();
        found.entry(package.to_owned()).or_default().insert(features);
    }
    found
}

fn differences(
    free: &BTreeMap<String, BTreeSet<String>>,
    torch: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let shared =
        free.iter().filter_map(|(package, sets)| Some((package, sets, torch.get(package)?)));
    shared
        .filter(|(_, free, torch)| !free.is_subset(torch))
        .map(|(package, free, torch)| {
            format!(
                "{package} is compiled twice, with {free:?} for the torch-free packages and with {torch:?} for the \
                 others: add what either lacks to xtask/features/Cargo.toml"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_twice_is_found() {
        let free = features("a v1\tdefault,std\n\na v1\tdefault,std (*)\nb v2\t\nfree v1\tx\n");
        assert_eq!(free.len(), 3);
        assert_eq!(differences(&free, &free), [""; 0]);
        let torch = features("a v1\tdefault,std\na v1\t\nb v2\tstd\n");
        let found = differences(&free, &torch);
        assert!(found.len() == 1 && found[0].starts_with("b v2 is compiled twice"), "{found:?}");
    }
}
