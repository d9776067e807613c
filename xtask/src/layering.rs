//! Which crate may lean on which, and which may never see libtorch.
//!
//! Three checks: a table of allowed edges against the manifests, what cargo resolves for each torch-free crate, and
//! (in [`crate::check`]) that those compile and pass their tests with libtorch hidden.

use std::path::Path;

use crate::cargo::Cargo;
use crate::error::Error;
use crate::metadata::{Member, Workspace};
use crate::selection;

/// Crates that compile without libtorch, from the bottom up, each with the crates of ours that it may depend on.
const TORCH_FREE: &[(&str, &[&str])] = &[
    ("thinksafe-core", &[]),
    ("thinksafe-chat", &["thinksafe-core"]),
    ("thinksafe-steering", &["thinksafe-core"]),
    ("thinksafe-trace", &["thinksafe-core", "thinksafe-steering"]),
    ("thinksafe-filter", &["thinksafe-core", "thinksafe-steering", "thinksafe-trace"]),
    (
        "thinksafe-recipes",
        &["thinksafe-core", "thinksafe-filter", "thinksafe-steering", "thinksafe-trace"],
    ),
    ("thinksafe-plot", &[]),
    ("thinksafe-math", &[]),
    ("thinksafe-eval", &["thinksafe-core", "thinksafe-math", "thinksafe-plot", "thinksafe-trace"]),
    ("thinksafe-remote", &["thinksafe-chat", "thinksafe-core"]),
    ("thinksafe-hub", &[]),
    ("thinksafe-mini", &["thinksafe-core", "thinksafe-steering"]),
    ("thinksafe-kernels", &[]),
    ("thinksafe-conformance", &["thinksafe-chat", "thinksafe-core", "thinksafe-math"]),
];

/// Crates on libtorch; those that only put others together are not listed and may use all.
const TORCH: &[(&str, &[&str])] = &[
    ("thinksafe-torch-sys", &[]),
    ("thinksafe-distributed", &["thinksafe-core", "thinksafe-torch-sys"]),
    (
        "thinksafe-runtime",
        &["thinksafe-chat", "thinksafe-core", "thinksafe-kernels", "thinksafe-torch-sys"],
    ),
    (
        "thinksafe-sft",
        &[
            "thinksafe-chat",
            "thinksafe-core",
            "thinksafe-distributed",
            "thinksafe-plot",
            "thinksafe-runtime",
        ],
    ),
    (
        "thinksafe-rl",
        &[
            "thinksafe-chat",
            "thinksafe-core",
            "thinksafe-filter",
            "thinksafe-math",
            "thinksafe-plot",
            "thinksafe-runtime",
            "thinksafe-sft",
        ],
    ),
];

/// Packages that put all crates together, and the one that has none of ours.
const TOP: [&str; 5] =
    [selection::FEATURES, "thinksafe-benches", "thinksafe-examples", "thinksafe-tests", "xtask"];

/// What makes a crate need libtorch.
const LIBTORCH: [&str; 2] = ["tch", "torch-sys"];

/// The names of the crates that compile without libtorch.
pub(crate) fn torch_free() -> impl Iterator<Item = &'static str> {
    TORCH_FREE.iter().map(|(name, _)| *name)
}

/// Checks the manifests against the tables, and what cargo resolves against libtorch.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let workspace = Workspace::load(root)?;
    let mut findings: Vec<String> = workspace.members.iter().flat_map(edges).collect();
    for name in torch_free() {
        findings.extend(resolved(root, name)?);
    }
    if findings.is_empty() { Ok(()) } else { Err(Error::Findings { check: "layering", findings }) }
}

/// The edges of a member that its table does not allow.
fn edges(member: &Member) -> Vec<String> {
    let mut tables = TORCH_FREE.iter().chain(TORCH);
    let name = member.name.as_str();
    let Some((_, allowed)) = tables.find(|(listed, _)| *listed == name) else {
        let known = TOP.contains(&name);
        let finding = format!("{name} is in no layer: add it to xtask/src/layering.rs");
        return if known { Vec::new() } else { vec![finding] };
    };
    let free = torch_free().any(|listed| listed == name);
    let forbidden = |dependency: &str, dev: bool| {
        let ours = dependency.starts_with("thinksafe-");
        // A test may use a neighbour, but never what needs libtorch where the crate does not.
        let neighbour = dev && (!free || torch_free().any(|listed| listed == dependency));
        (ours && !neighbour && !allowed.contains(&dependency))
            || (free && LIBTORCH.contains(&dependency))
    };
    let dependencies = member.dependencies.iter();
    dependencies
        .filter(|dependency| forbidden(&dependency.name, dependency.dev))
        .map(|dependency| format!("{name} must not depend on {}", dependency.name))
        .collect()
}

/// What of libtorch cargo resolves for a crate, with its tests.
fn resolved(root: &Path, name: &str) -> Result<Vec<String>, Error> {
    let tree =
        ["tree", "-p", name, "-e", "normal,build,dev", "--prefix", "none", "--format", "{p}"];
    let output = Cargo::new(root).args(tree).output()?;
    let packages = output.lines().filter_map(|line| line.split_whitespace().next());
    Ok(packages
        .filter(|package| LIBTORCH.contains(package))
        .map(|package| format!("{name} leads to {package}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn findings(name: &str, dependency: &str, dev: bool) -> Vec<String> {
        let dependencies = vec![Dependency { name: dependency.to_owned(), dev }];
        edges(&Member { name: name.to_owned(), dir: "/".into(), dependencies })
    }

    #[test]
    fn edges_off_the_table_are_found() {
        let cases = [
            ("thinksafe-core", "thinksafe-chat", false),
            ("thinksafe-core", "tch", false),
            ("thinksafe-core", "tch", true),
            ("thinksafe-eval", "thinksafe-runtime", true),
            ("thinksafe-trace", "thinksafe-filter", false),
            ("thinksafe-runtime", "thinksafe-sft", false),
            ("thinksafe-utils", "serde", false),
        ];
        for (name, dependency, dev) in cases {
            assert_eq!(findings(name, dependency, dev).len(), 1, "{name} -> {dependency}");
        }
    }

    #[test]
    fn edges_on_the_table_pass() {
        let cases = [
            ("thinksafe-chat", "thinksafe-core", false),
            ("thinksafe-trace", "thinksafe-chat", true),
            ("thinksafe-core", "serde", false),
            ("thinksafe-runtime", "tch", false),
            ("thinksafe-tests", "thinksafe-sft", false),
        ];
        for (name, dependency, dev) in cases {
            assert_eq!(findings(name, dependency, dev), [""; 0], "{name} -> {dependency}");
        }
    }

    #[test]
    fn a_crate_never_leans_on_one_above_it() {
        for (index, (name, allowed)) in TORCH_FREE.iter().enumerate() {
            for lower in *allowed {
                assert!(torch_free().take(index).any(|below| below == *lower), "{name} -> {lower}");
            }
        }
    }
}
