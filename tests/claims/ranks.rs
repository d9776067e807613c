//! Training on several ranks is training on one, and a rank that is killed ends all of them where they can go on.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use thinksafe_tests::golden::Tensors;

#[test]
fn several_ranks_train_as_one_does() {
    let one = tempfile::tempdir().unwrap();
    finish_all(start(one.path(), 1));
    let expected = steps(one.path());
    assert_eq!(expected.len(), 12);
    for size in [2, 3] {
        let several = tempfile::tempdir().unwrap();
        finish_all(start(several.path(), size));
        let found = steps(several.path());
        let mut largest = 0f64;
        for (a, b) in found.iter().zip(&expected) {
            for field in ["loss", "grad_norm", "lr"] {
                let (a, b) = (a[field].as_f64().unwrap(), b[field].as_f64().unwrap());
                largest = largest.max((a - b).abs() / b.abs().max(1e-12));
            }
            assert_eq!((&a["tokens"], &a["epoch"]), (&b["tokens"], &b["epoch"]));
        }
        assert!(found.len() == 12 && largest < 1e-5, "{size} ranks: {largest:e}");
        println!("| {size} ranks, 12 steps | loss, gradient norm {largest:.1e} |");
        let first = weights(several.path(), 0);
        for rank in 1..size {
            assert!(
                first == weights(several.path(), rank),
                "rank {rank} of {size} has other weights"
            );
        }
    }
}

#[test]
fn a_rank_killed_with_sigkill_ends_all_and_the_run_goes_on_from_the_last_step() {
    let (undisturbed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    finish_all(start(undisturbed.path(), 2));
    for (victim, lines) in [(1, 3), (0, 8)] {
        let mut ranks = start(killed.path(), 2);
        wait_for_lines(&mut ranks[0], &killed.path().join("train.jsonl"), lines);
        ranks[victim].kill().unwrap();
        let other = ranks.remove(1 - victim).wait_with_output().unwrap();
        ranks.remove(0).wait().unwrap();
        assert!(!other.status.success(), "the others went on without rank {victim}");
        let words = String::from_utf8_lossy(&other.stderr).into_owned();
        assert!(words.contains("Collective"), "{words}");
        if victim == 1 {
            // Rank 0 saved what all had done, between the checkpoints of every fifth step.
            let done = steps(killed.path()).len();
            assert!(killed.path().join(format!("step-{done:08}")).is_dir(), "{done} steps");
        }
    }
    finish_all(start(killed.path(), 2));
    for file in ["train.jsonl", "evaluations.jsonl", "adapter-0/adapter_model.safetensors"] {
        let [a, b] =
            [&undisturbed, &killed].map(|dir| std::fs::read(dir.path().join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
}

/// Starts the ranks of a run, as `torchrun --no-python` does.
fn start(folder: &Path, size: usize) -> Vec<Child> {
    // Free now, and so most likely still when rank 0 takes it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let rank = |rank: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rank"));
        command.arg(folder).stderr(Stdio::piped()).stdout(Stdio::piped());
        if size > 1 {
            let numbers = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", size)];
            command.envs(numbers.map(|(name, number)| (name, number.to_string())));
            command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
            command.env("GLOO_SOCKET_IFNAME", "lo");
        }
        command.spawn().unwrap()
    };
    (0..size).map(rank).collect()
}

fn finish_all(ranks: Vec<Child>) {
    let outputs: Vec<Output> = ranks.into_iter().map(|r| r.wait_with_output().unwrap()).collect();
    for (rank, output) in outputs.iter().enumerate() {
        assert!(
            output.status.success(),
            "rank {rank}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// The records of a run's steps.
fn steps(folder: &Path) -> Vec<Value> {
    let log = std::fs::read_to_string(folder.join("train.jsonl")).unwrap();
    log.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A rank's adapter, as bytes.
fn weights(folder: &Path, rank: usize) -> Vec<u8> {
    let path = folder.join(format!("adapter-{rank}/adapter_model.safetensors"));
    assert!(!Tensors::read(&path).names().is_empty());
    std::fs::read(path).unwrap()
}

fn wait_for_lines(process: &mut Child, path: &Path, lines: usize) {
    loop {
        let log = std::fs::read_to_string(path).unwrap_or_default();
        if log.lines().count() >= lines {
            return;
        }
        assert!(process.try_wait().unwrap().is_none(), "it ended before {lines} lines");
        std::thread::sleep(Duration::from_millis(1));
    }
}
