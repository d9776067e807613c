//! What `cargo metadata` says about the workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cargo::Cargo;
use crate::error::Error;

/// The workspace as cargo sees it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Its folder.
    pub(crate) root: PathBuf,
    /// Where builds go.
    pub(crate) target: PathBuf,
    /// Its packages.
    pub(crate) members: Vec<Member>,
}

/// A package of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// What its manifest asks for.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency that a manifest declares.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// The package's name.
    pub(crate) name: String,
    /// Whether only tests, benches and examples see it.
    pub(crate) dev: bool,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load(root: &Path) -> Result<Self, Error> {
        let text =
            Cargo::new(root).args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        let unclear =
            |reason: String| Error::Output { program: "cargo metadata".to_owned(), reason };
        let value: Value =
            serde_json::from_str(&text).map_err(|error| unclear(error.to_string()))?;
        let field = |value: &Value, name: &str| {
            let text = value[name].as_str().map(str::to_owned);
            text.ok_or_else(|| unclear(format!("no {name}")))
        };
        let mut members = Vec::new();
        for package in items(&value["packages"]) {
            let manifest = PathBuf::from(field(package, "manifest_path")?);
            let mut dependencies = Vec::new();
            for dependency in items(&package["dependencies"]) {
                let dev = dependency["kind"] == "dev";
                dependencies.push(Dependency { name: field(dependency, "name")?, dev });
            }
            members.push(Member {
                name: field(package, "name")?,
                dir: manifest.parent().unwrap_or(root).to_owned(),
                dependencies,
            });
        }
        let root = field(&value, "workspace_root")?.into();
        Ok(Self { root, target: field(&value, "target_directory")?.into(), members })
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
