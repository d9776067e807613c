//! Event files against those of TensorBoard's own writer, byte by byte.

use thinksafe_core::hash::ContentHash;

use super::*;
use crate::progress::Meter;
use crate::record::{EvaluationRecord, StepRecord};

fn term(loss: &str, value: f64) -> TermValue {
    TermValue { loss: loss.to_owned(), value }
}

fn step(step: u64) -> StepRecord {
    StepRecord {
        key: ContentHash::of_bytes("step"),
        step,
        epoch: 0.5,
        loss: 1.75,
        terms: vec![term("cross_entropy", 1.75)],
        lr: 0.1,
        grad_norm: 2.5,
        tokens: 2469,
        supervised_tokens: 1000,
    }
}

fn evaluation(step: u64) -> EvaluationRecord {
    EvaluationRecord {
        key: ContentHash::of_bytes("evaluation"),
        step,
        loss: 1.5,
        terms: vec![term("cross_entropy", 1.25), term("forward_kl", 0.25)],
        supervised_tokens: 10,
    }
}

/// The names of a directory's files, in their order, and their contents.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_file_is_byte_for_byte_what_tensorboard_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut milliseconds = 1_700_000_000_500 - 1000;
    let clock = || {
        milliseconds += 1000;
        Duration::from_millis(milliseconds)
    };
    let mut seconds = 0;
    let mut meter = Meter::new(|| {
        seconds += 2;
        Duration::from_secs(seconds)
    });
    let mut board = TensorBoard::new(dir.path().join("deep"), clock);
    for event in [
        Event::Began { done: 2, total: 400 },
        Event::Stepped(&step(300)),
        Event::Evaluated(&evaluation(300)),
        Event::Saved(Path::new("step-300")),
    ] {
        let progress = meter.read(event);
        board.write(event, progress.as_ref()).unwrap();
    }
    let [(name, found)] = &files(&dir.path().join("deep"))[..] else { panic!("not one file") };
    assert_eq!(name, "events.out.tfevents.1700000000.thinksafe");
    assert_eq!(found, include_bytes!("golden.tfevents"));
}

#[test]
fn each_process_writes_a_file_behind_those_before_whatever_its_clock_says() {
    let dir = tempfile::tempdir().unwrap();
    for now in [100, 100, 50, 200] {
        let mut board = TensorBoard::new(dir.path(), move || Duration::from_secs(now));
        board.write(Event::Began { done: 0, total: 2 }, None).unwrap();
        board.write(Event::Stepped(&step(1)), None).unwrap();
    }
    // Nothing to say, no file.
    let mut board = TensorBoard::new(dir.path(), || Duration::from_secs(250));
    board.write(Event::Began { done: 2, total: 2 }, None).unwrap();
    let names: Vec<String> = files(dir.path()).into_iter().map(|(name, _)| name).collect();
    let expected = [100, 101, 102, 200].map(|n| format!("events.out.tfevents.{n:010}.thinksafe"));
    assert_eq!(names, expected);
}
