//! Record logs and reports.

use std::path::{Path, PathBuf};

use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::RecordLog;
use thinksafe_eval::report::Report;
use thinksafe_sft::StepRecord;

use super::{Bad, Failure};

pub(super) const CASES: &[Bad] = &[
    Bad {
        input: "a log of another version",
        error: "Core(LogFormat",
        says: &["log.jsonl", "thinksafe.sft.steps log of version 1", "version 9"],
        attempt: |dir| {
            with_lines(dir, |lines| lines[0] = lines[0].replace("\"version\":1", "\"version\":9"))
        },
    },
    Bad {
        input: "a log of another kind",
        error: "Core(LogFormat",
        says: &["log.jsonl", "thinksafe.sft.steps", "thinksafe.trace version 1"],
        attempt: |dir| with_lines(dir, |lines| lines[0] = lines[0].replace("sft.steps", "trace")),
    },
    Bad {
        input: "a log without its first line",
        error: "Core(LogFormat",
        says: &["log.jsonl", "no header line"],
        attempt: |dir| with_lines(dir, |lines| drop(lines.remove(0))),
    },
    Bad {
        input: "a log with a corrupted line in its middle",
        error: "Core(Parse",
        says: &["log.jsonl:3", "thinksafe.sft.steps"],
        attempt: |dir| with_lines(dir, |lines| lines[2].truncate(30)),
    },
    Bad {
        input: "a log with a field that its version does not have",
        error: "Core(Parse",
        says: &["log.jsonl:2", "colour"],
        attempt: |dir| with_lines(dir, |lines| lines[1] = lines[1].replace("epoch", "colour")),
    },
    Bad {
        input: "a log with a key twice",
        error: "Core(LogDuplicate",
        says: &["log.jsonl:5", "already in the log"],
        attempt: |dir| with_lines(dir, |lines| lines.push(lines[1].clone())),
    },
    Bad {
        input: "a log that another process writes",
        error: "Core(LogLocked",
        says: &["log.jsonl", "another process"],
        attempt: |dir| {
            let path = log(dir);
            let _held = RecordLog::<StepRecord>::open(&path)?;
            open(&path)
        },
    },
    Bad {
        input: "a report of another version",
        error: "Eval(ReportFormat",
        says: &["report.json", "version 99"],
        attempt: |dir| {
            let path = dir.join("report.json");
            std::fs::write(&path, r#"{"format": "thinksafe.report", "version": 99}"#).unwrap();
            Report::read(&path)?;
            Ok(())
        },
    },
    Bad {
        input: "a report cut off on line 2",
        error: "Eval(Core(Parse",
        says: &["report.json:2"],
        attempt: |dir| {
            let path = dir.join("report.json");
            std::fs::write(&path, "{\n\"format\": \"thinksafe.re").unwrap();
            Report::read(&path)?;
            Ok(())
        },
    },
];

/// A log of three records.
fn log(dir: &Path) -> PathBuf {
    let path = dir.join("log.jsonl");
    let mut log = RecordLog::open(&path).unwrap();
    for step in 1..=3 {
        log.append(&record(step)).unwrap();
    }
    path
}

fn record(step: u64) -> StepRecord {
    StepRecord {
        key: ContentHash::of("test", &step),
        step,
        epoch: 0.0,
        loss: 1.0,
        terms: Vec::new(),
        lr: 0.0,
        grad_norm: 0.0,
        tokens: 0,
        supervised_tokens: 0,
    }
}

fn open(path: &Path) -> Result<(), Failure> {
    RecordLog::<StepRecord>::open(path)?;
    Ok(())
}

fn with_lines(dir: &Path, edit: fn(&mut Vec<String>)) -> Result<(), Failure> {
    let path = log(dir);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    edit(&mut lines);
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    open(&path)
}
