//! `cargo xtask test`: every check, in the order in which they fail fastest.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::cargo::Cargo;
use crate::error::Error;
use crate::libtorch::{self, Request};
use crate::selection::{self, Selection};
use crate::{compare, demo, layering, outside, startup, tidy};

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// House rules that no other tool knows.
    Tidy,
    /// Formatting.
    Fmt,
    /// Which crate may depend on which.
    Layers,
    /// Torch-free crates compile and pass their tests with libtorch hidden.
    Free,
    /// Clippy, warnings denied.
    Clippy,
    /// The tests of all other packages.
    Test,
    /// The whole pipeline on the miniature, in its short form.
    Demo,
    /// The comparison of methods on the miniature, in its short form.
    Compare,
    /// Binaries start with no LD_LIBRARY_PATH.
    Start,
    /// Programs outside the workspace build.
    Outside,
    /// Documentation, warnings denied.
    Doc,
}

impl Step {
    const fn title(self) -> &'static str {
        match self {
            Self::Tidy => "tidy: house rules",
            Self::Fmt => "fmt: formatting",
            Self::Layers => "layers: which crate may depend on which",
            Self::Free => {
                "free: torch-free crates compile and pass their tests with libtorch hidden"
            }
            Self::Clippy => "clippy: lints of all targets",
            Self::Test => "test: the crates on libtorch, and the claims that span crates",
            Self::Demo => "demo: the whole pipeline on the miniature, in its short form",
            Self::Compare => "compare: the methods on the miniature, in their short form",
            Self::Start => "start: binaries start without LD_LIBRARY_PATH",
            Self::Outside => "outside: programs of others build",
            Self::Doc => "doc: documentation",
        }
    }

    fn run(self, root: &Path, libtorch: &libtorch::Libtorch) -> Result<(), Error> {
        let cargo = || Cargo::new(root);
        match self {
            Self::Tidy => tidy::check(root),
            Self::Fmt => cargo().args(["fmt", "--all", "--check"]).run(),
            Self::Layers => layering::check(root).and_then(|()| selection::check(root)),
            Self::Free => Selection::TorchFree.cargo(root, "test").run(),
            Self::Clippy => {
                let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
                cargo().args(clippy).run()
            }
            Self::Test => Selection::Torch.cargo(root, "test").run(),
            Self::Demo => demo::check(root),
            Self::Compare => compare::check(root),
            Self::Start => startup::check(root),
            Self::Outside => outside::check(root, libtorch),
            Self::Doc => {
                let doc = cargo().args(["doc", "--workspace", "--no-deps"]);
                doc.env("RUSTDOCFLAGS", "-D warnings").run()
            }
        }
    }
}

/// Runs the named steps, or all; stops at the first that fails.
pub(crate) fn run(root: &Path, named: &[Step]) -> Result<(), Error> {
    let all = Step::value_variants().iter().copied();
    let steps: Vec<Step> = all.filter(|step| named.is_empty() || named.contains(step)).collect();
    let start = Instant::now();
    println!("set-up");
    let libtorch = libtorch::ensure(root, Request::default())?;
    let mut times = vec![("set-up: libtorch", start.elapsed())];
    for (index, step) in steps.iter().enumerate() {
        println!("\n[{}/{}] {}", index + 1, steps.len(), step.title());
        let start = Instant::now();
        step.run(root, &libtorch)?;
        times.push((step.title(), start.elapsed()));
        println!("ok, {}", seconds(start.elapsed()));
    }
    println!("\nall passed in {}", seconds(start.elapsed()));
    for (title, time) in times {
        println!("{:>9}  {title}", seconds(time));
    }
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
