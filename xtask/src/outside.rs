//! Programs outside the workspace: what a user's own crate sees.
//!
//! They take over the workspace's lock file, profile and target folder, so that nothing is downloaded or compiled that
//! the workspace has not compiled already, except our crates, which cargo keeps apart by where they lie, and what has
//! fewer features where nobody else asks for more.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{self, Cargo};
use crate::error::Error;
use crate::libtorch::Libtorch;
use crate::metadata::Workspace;

/// Lets a program start with no `LD_LIBRARY_PATH`: what a user of `thinksafe-runtime` puts in their `build.rs`.
const BUILD_RS: &str = r#"
fn main() {
    if let Ok(lib) = std::env::var("DEP_THINKSAFE_RUNTIME_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
"#;

/// Builds and starts a program on `thinksafe-steering` with no libtorch, and one on `thinksafe-runtime` with it.
pub(crate) fn check(root: &Path, libtorch: &Libtorch) -> Result<(), Error> {
    let workspace = Workspace::load(root)?;
    let steering = Program::write(&workspace, "thinksafe-steering")?;
    println!("a program on thinksafe-steering, no libtorch");
    steering.start(Cargo::without_libtorch)?;
    let runtime = Program::write(&workspace, "thinksafe-runtime")?;
    println!("a program on thinksafe-runtime, LIBTORCH set");
    runtime.start(|cargo| match libtorch.dir() {
        Some(dir) => cargo.env("LIBTORCH", dir),
        None => cargo.without("LIBTORCH"),
    })
}

/// A package in a throw-away folder.
#[derive(Debug)]
struct Program<'a> {
    workspace: &'a Workspace,
    dir: tempfile::TempDir,
}

impl<'a> Program<'a> {
    /// Writes one that depends on one crate of ours, by path.
    fn write(workspace: &'a Workspace, dependency: &str) -> Result<Self, Error> {
        let temp = std::env::temp_dir();
        let dir = tempfile::tempdir_in(&temp).map_err(Error::io("create", &temp))?;
        let manifest = read(&workspace.root.join("Cargo.toml"))?;
        let path = workspace.root.join("crates").join(dependency);
        let text = format!(
            "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\n{dependency} = {{ path = '{}' }}\n\n{}",
            path.display(),
            profiles(&manifest)
        );
        let module = dependency.replace('-', "_");
        let files = [
            ("Cargo.toml", text),
            ("Cargo.lock", read(&workspace.root.join("Cargo.lock"))?),
            ("build.rs", BUILD_RS.to_owned()),
            ("src/main.rs", format!("use {module} as _;\n\nfn main() {{}}\n")),
        ];
        for (name, text) in files {
            let path = dir.path().join(name);
            let parent = path.parent().unwrap_or(dir.path());
            fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
            fs::write(&path, text).map_err(Error::io("write", &path))?;
        }
        Ok(Self { workspace, dir })
    }

    /// Builds it and starts it.
    fn start(&self, libtorch: impl Fn(Cargo) -> Cargo) -> Result<(), Error> {
        let cargo = Cargo::new(self.dir.path()).args(["build", "--quiet"]);
        libtorch(cargo.env("CARGO_TARGET_DIR", &self.workspace.target)).run()?;
        let binary = self.workspace.target.join("debug").join("outside");
        cargo::run(Command::new(binary).env_remove("LD_LIBRARY_PATH"))
    }
}

/// The `[profile.*]` sections of a manifest.
fn profiles(manifest: &str) -> String {
    let mut inside = false;
    let mut text = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.starts_with("[profile.");
        }
        if inside {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_taken_over_and_nothing_else() {
        let manifest = "[workspace]\nx = 1\n[profile.dev]\nopt-level = 1\n[profile.dev.package.\"*\"]\nopt-level = 2\n[patch]\ny = 2\n";
        assert_eq!(
            profiles(manifest),
            "[profile.dev]\nopt-level = 1\n[profile.dev.package.\"*\"]\nopt-level = 2\n"
        );
    }
}
