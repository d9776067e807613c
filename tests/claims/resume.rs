//! A process killed with SIGKILL at any moment, or stopped by a signal, and started again ends with what an undisturbed one leaves.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use thinksafe_core::seed::Philox;

/// How many lines the log has when the process is killed; the header is the first.
const MOMENTS: [usize; 5] = [1, 2, 7, 13, 18];

#[test]
fn generation_killed_at_any_moment_loses_and_repeats_no_record() {
    let (undisturbed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    finish("generate", undisturbed.path());
    kill_at_moments("generate", killed.path(), "traces.jsonl");
    let expected = sorted_lines(&undisturbed.path().join("traces.jsonl"));
    assert_eq!(expected.len(), 41, "the header and 40 samples");
    // Sorted lines of equal number and content: none is missing and none is there twice.
    assert_eq!(sorted_lines(&killed.path().join("traces.jsonl")), expected);
}

#[test]
fn training_killed_at_any_moment_ends_with_the_same_log_and_adapter() {
    let (undisturbed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    finish("train", undisturbed.path());
    kill_at_moments("train", killed.path(), "train.jsonl");
    same_files(undisturbed.path(), killed.path());
}

/// A signal that the program listens for, where SIGKILL asks nobody.
#[test]
#[cfg(unix)]
fn training_stopped_by_a_signal_saves_its_step_and_goes_on_as_if_it_had_not_been() {
    let (undisturbed, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    finish("train", undisturbed.path());
    let log = stopped.path().join("train.jsonl");
    for steps in [1, 6, 11] {
        let mut process = start("train", stopped.path());
        wait_for_lines(&mut process, &log, 1 + steps);
        let signal = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
        assert!(signal.unwrap().success());
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let done = std::fs::read_to_string(&log).unwrap().lines().count() - 1;
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, format!("stopped after step {done}\n"));
        assert!(stopped.path().join(format!("step-{done:08}")).is_dir());
    }
    finish("train", stopped.path());
    same_files(undisturbed.path(), stopped.path());
}

/// What training leaves is the same to the byte.
fn same_files(undisturbed: &Path, other: &Path) {
    for file in ["train.jsonl", "evaluations.jsonl", "adapter/adapter_model.safetensors"] {
        let [expected, found] =
            [undisturbed, other].map(|folder| std::fs::read(folder.join(file)).unwrap());
        assert!(found == expected, "{file} differs");
    }
}

/// Starts and kills the process at growing lengths of its log, then lets it finish.
fn kill_at_moments(work: &str, folder: &Path, log: &str) {
    let log = folder.join(log);
    for (round, moment) in MOMENTS.into_iter().enumerate() {
        let mut process = start(work, folder);
        wait_for_lines(&mut process, &log, moment);
        // Not only right after a line: anywhere within the next few.
        let delay = Philox::new(11).uniform(round as u64) * 20.0;
        std::thread::sleep(Duration::from_secs_f64(delay / 1000.0));
        process.kill().unwrap();
        let status = process.wait().unwrap();
        assert!(!status.success(), "the process was to be killed at {moment} lines, but had ended");
        if round == 2 {
            tear(&log);
        }
    }
    finish(work, folder);
}

/// What a crash in the middle of a write leaves: a last line without its end.
fn tear(log: &Path) {
    let bytes = std::fs::read(log).unwrap();
    std::fs::write(log, &bytes[..bytes.len() - 9]).unwrap();
}

fn start(work: &str, folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_resume_victim"))
        .args([work.as_ref(), folder.as_os_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(work: &str, folder: &Path) {
    assert!(start(work, folder).wait().unwrap().success(), "{work} failed");
}

fn wait_for_lines(process: &mut Child, log: &Path, lines: usize) {
    while std::fs::read_to_string(log).map_or(0, |text| text.matches('\n').count()) < lines {
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "the process ended before {lines} lines: {ended:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn sorted_lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
