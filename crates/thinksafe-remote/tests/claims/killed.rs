//! `kill -9` in the middle of a run.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use crate::faults::{engine, every_fault, options};
use crate::server::FaultyServer;
use crate::stopped::{PROMPTS, generate, lines};

/// What the victim is told.
const URL: &str = "THINKSAFE_TEST_VICTIM_URL";
const LOG: &str = "THINKSAFE_TEST_VICTIM_LOG";

#[test]
fn a_run_that_is_killed_leaves_the_lines_of_an_undisturbed_one() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, whole) = (dir.path().join("killed.jsonl"), dir.path().join("whole.jsonl"));
    let server = FaultyServer::start(every_fault);
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::victim", "--ignored"])
        .env(URL, server.url())
        .env(LOG, &killed)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while server.seen.answered.load(SeqCst) < 100 {
        assert!(victim.try_wait().unwrap().is_none(), "the victim ended by itself");
        thread::sleep(Duration::from_millis(1));
    }
    victim.kill().unwrap();
    victim.wait().unwrap();

    let counts = generate(&mut engine(server.url(), options(32)), &killed, |_| ()).unwrap();
    assert!(counts.done_before > 0 && counts.done_now > 0, "{counts:?}");
    assert_eq!(counts.done_before + counts.done_now, PROMPTS);
    generate(&mut engine(server.url(), options(32)), &whole, |_| ()).unwrap();
    assert_eq!(lines(&killed), lines(&whole));
}

#[test]
#[ignore = "needs the test that kills it"]
fn victim() {
    let (Ok(url), Some(log)) = (std::env::var(URL), std::env::var_os(LOG)) else { return };
    generate(&mut engine(url, options(32)), &PathBuf::from(log), |_| ()).unwrap();
}
