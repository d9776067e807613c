//! Broken inputs of every kind, each ending in a typed error that names the file and the fact.
//!
//! A case is data: what is broken, the error variant, what the message says, and how to get there.

mod adapters;
mod chat;
mod datasets;
mod models;
mod prompts;
mod records;
mod training;

use std::error::Error;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thinksafe_tests::golden;

/// One broken input.
struct Bad {
    /// What is broken.
    input: &'static str,
    /// The error's variants from the crate inwards, as its `Debug` form begins.
    error: &'static str,
    /// What its message says: the file (or the name of what is no file), and the fact.
    says: &'static [&'static str],
    /// Makes the input in an empty folder and uses it.
    attempt: fn(&Path) -> Result<(), Failure>,
}

/// The error of one of the crates.
#[derive(Debug)]
enum Failure {
    Chat(thinksafe_chat::Error),
    Core(thinksafe_core::Error),
    Eval(thinksafe_eval::Error),
    Filter(thinksafe_filter::Error),
    Runtime(thinksafe_runtime::Error),
    Sft(thinksafe_sft::Error),
    Steering(thinksafe_steering::Error),
    Trace(thinksafe_trace::Error),
    Unsplit(thinksafe_core::trace::Unsplit),
}

macro_rules! failures {
    ($($variant:ident $error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*

        impl Failure {
            fn error(&self) -> &dyn Error {
                match self {
                    $(Self::$variant(error) => error),*
                }
            }
        }
    };
}

failures!(
    Chat thinksafe_chat::Error,
    Core thinksafe_core::Error,
    Eval thinksafe_eval::Error,
    Filter thinksafe_filter::Error,
    Runtime thinksafe_runtime::Error,
    Sft thinksafe_sft::Error,
    Steering thinksafe_steering::Error,
    Trace thinksafe_trace::Error,
    Unsplit thinksafe_core::trace::Unsplit
);

impl Failure {
    /// The message with its causes, as a program would print them.
    fn message(&self) -> String {
        let mut messages = Vec::new();
        let mut next = Some(self.error());
        while let Some(error) = next {
            messages.push(error.to_string());
            next = error.source();
        }
        messages.dedup();
        messages.join(": ")
    }
}

#[test]
fn every_broken_input_ends_in_a_typed_error_that_names_file_and_fact() {
    let suites = [
        models::CASES,
        adapters::CASES,
        chat::CASES,
        prompts::CASES,
        records::CASES,
        datasets::CASES,
        training::CASES,
    ];
    let cases: Vec<&Bad> = suites.into_iter().flatten().collect();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    let problems: Vec<String> = cases.iter().filter_map(|bad| problem(bad)).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    println!("{} broken inputs", cases.len());
}

/// What is wrong with what became of a broken input.
fn problem(bad: &Bad) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let Err(failure) = (bad.attempt)(folder.path()) else {
        return Some(format!("{}: accepted", bad.input));
    };
    let (debug, message) = (format!("{failure:?}"), failure.message());
    println!("{}\n    {}", bad.input, message.replace(&*folder.path().to_string_lossy(), ""));
    let typed = debug.starts_with(bad.error);
    let unsaid: Vec<_> = bad.says.iter().filter(|fact| !message.contains(**fact)).collect();
    (!typed || !unsaid.is_empty()).then(|| {
        format!("{}: expected {} saying {unsaid:?}\n  {debug}\n  {message}", bad.input, bad.error)
    })
}

/// A copy of a golden folder's files, under the same name.
fn copied(relative: &str, into: &Path) -> PathBuf {
    let source = golden::path(relative);
    let target = into.join(source.file_name().unwrap());
    std::fs::create_dir(&target).unwrap();
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
    }
    target
}

/// Changes the fields of a JSON file.
fn edit_json(path: &Path, edit: impl FnOnce(&mut Map<String, Value>)) {
    let mut fields: Map<String, Value> = golden::json(path);
    edit(&mut fields);
    std::fs::write(path, serde_json::to_string_pretty(&fields).unwrap()).unwrap();
}

/// Changes the bytes of a file.
fn edit_bytes(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    edit(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Changes the tensors of a safetensors file.
fn edit_tensors(path: &Path, edit: impl FnOnce(&mut Vec<(String, tch::Tensor)>)) {
    let mut tensors = tch::Tensor::read_safetensors(path).unwrap();
    edit(&mut tensors);
    tch::Tensor::write_safetensors(&tensors, path).unwrap();
}

/// The tensor of this name among those of a file.
fn named<'t>(tensors: &'t mut [(String, tch::Tensor)], name: &str) -> &'t mut tch::Tensor {
    tensors.iter_mut().find(|(n, _)| n == name).map(|(_, tensor)| tensor).unwrap()
}
