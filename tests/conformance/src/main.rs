//! Runs golden case files: `cargo run -p thinksafe-conformance -- DIR`.
//!
//! Every `*.jsonl` file under DIR whose lines have the fields of a known format is run, with DIR's `templates/` and
//! `tokenizers/`; its name does not matter. Each file is reported as `FILE passed/total`, each mismatch with the text
//! around the first difference; cases of something else, such as prompts, are named and not counted. The exit status is 0
//! only if there were cases and all of them passed.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program reports")]

mod case;
mod difference;
mod extraction;
mod math;
mod template;
mod tokenizer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use case::{Assets, Outcome};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(dir), None) = (args.next(), args.next()) else {
        eprintln!("usage: thinksafe-conformance DIR");
        return ExitCode::from(2);
    };
    match run(Path::new(&dir)) {
        Ok(tally) if tally.total == 0 => {
            eprintln!("no case found in {}", Path::new(&dir).display());
            ExitCode::FAILURE
        }
        Ok(tally) if tally.passed < tally.total => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Tally {
    passed: usize,
    total: usize,
}

fn run(dir: &Path) -> Result<Tally, Box<dyn std::error::Error>> {
    let mut assets = Assets::new(dir);
    let mut all = Tally::default();
    for path in case_files(dir)? {
        let name = path.strip_prefix(dir).unwrap_or(&path).display();
        let text = thinksafe_core::fs::read_to_string(&path)?;
        let Some(tally) = run_file(&text, &mut assets) else {
            println!("{name} skipped: not a format of this program");
            continue;
        };
        println!("{name} {}/{}", tally.passed, tally.total);
        all.passed += tally.passed;
        all.total += tally.total;
    }
    Ok(all)
}

/// Runs a file's cases; `None` if its first line is no case.
fn run_file(text: &str, assets: &mut Assets) -> Option<Tally> {
    let mut tally = Tally::default();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (at, line) in lines {
        let (name, outcome) = match case::run(line, assets) {
            Some(result) => result,
            None if tally.total == 0 => return None,
            None => ("?".to_owned(), Outcome::Failed("not a case like the others".to_owned())),
        };
        tally.total += usize::from(!matches!(outcome, Outcome::Skipped(_)));
        match outcome {
            Outcome::Passed => tally.passed += 1,
            Outcome::Skipped(reason) => {
                println!("  line {}: {name}: not counted: {reason}", at + 1);
            }
            Outcome::Failed(reason) => println!("  line {}: {name}: {reason}", at + 1),
        }
    }
    (tally.total > 0).then_some(tally)
}

fn case_files(dir: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "jsonl") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
