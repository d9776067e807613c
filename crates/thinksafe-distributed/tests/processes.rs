//! Groups of real processes over Gloo: sums, broadcasts, and what the others see when one is killed.
//!
//! This test program starts itself once for each rank; `rank` is what those processes run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking; ranks tell the test what they saw"
)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use thinksafe_core::hash::ContentHash;
use thinksafe_distributed::{Error, Launch, ProcessGroup};

/// Longer than a busy machine needs to start a process.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Of a group that is to run into it.
const SHORT: Duration = Duration::from_secs(10);

/// Which part a process plays.
const PART: &str = "THINKSAFE_TEST_PART";

#[test]
fn sums_and_broadcasts_are_right_among_two_and_three() {
    for size in [2, 3] {
        for (rank, output) in run("operate", size).into_iter().map(finish).enumerate() {
            assert!(output.status.success(), "rank {rank} of {size}: {}", words(&output));
        }
    }
}

#[test]
fn ranks_that_differ_find_out() {
    for output in run("disagree", 3).into_iter().map(finish) {
        assert!(output.status.success(), "{}", words(&output));
    }
}

#[test]
fn a_killed_rank_ends_the_others() {
    for victim in [0, 1] {
        let mut ranks = run("reduce until it fails", 2);
        wait_for("reducing", &mut ranks[victim]);
        // SIGKILL.
        ranks[victim].kill().unwrap();
        let killed = Instant::now();
        let other = finish(ranks.remove(1 - victim));
        assert!(other.status.success(), "{}", words(&other));
        assert!(words(&other).contains("another rank has ended"), "{}", words(&other));
        assert!(killed.elapsed() < TIMEOUT / 2, "it waited for the timeout");
        finish(ranks.remove(0));
    }
}

#[test]
fn a_rank_that_does_not_come_ends_the_others() {
    let mut ranks = run("stay away", 2);
    let mut away = ranks.remove(1);
    let output = finish(ranks.remove(0));
    away.kill().unwrap();
    away.wait().unwrap();
    assert!(output.status.success(), "{}", words(&output));
}

/// What a process of a group does; started without a part, nothing.
#[test]
fn rank() {
    let env = |name: &str| std::env::var(name).ok();
    let Some(part) = env(PART) else { return };
    let launch = Launch::from_torchrun(env).unwrap();
    let timeout = if part == "stay away" { SHORT } else { TIMEOUT };
    let group = ProcessGroup::join(&launch, Device::Cpu, timeout).unwrap();
    assert_eq!((group.rank(), group.world_size()), (launch.rank, launch.world_size));
    match part.as_str() {
        "operate" => operate(&group),
        "disagree" => disagree(&group),
        "reduce until it fails" => reduce_until_it_fails(&group),
        "stay away" => stay_away(&group),
        _ => panic!("no such part: {part}"),
    }
}

/// Types that hold small whole numbers exactly, and sizes from one value to more than a segment of the ring.
fn operate(group: &ProcessGroup) {
    for kind in [Kind::Float, Kind::BFloat16, Kind::Int64] {
        for size in [1, 7, 1024, 300_001] {
            let numbers = |factor: usize| {
                let numbers = Tensor::arange(size, (Kind::Int64, Device::Cpu)).remainder(13);
                (numbers * factor as i64).to_kind(kind)
            };
            let ranks = group.world_size();
            let mut sum = numbers(group.rank() + 1);
            group.all_reduce_sum(&mut sum).unwrap();
            assert_eq!(sum, numbers(ranks * (ranks + 1) / 2), "{kind:?} {size}");
            for root in 0..ranks {
                let mut sent = numbers(group.rank() + 2);
                group.broadcast(&mut sent, root).unwrap();
                assert_eq!(sent, numbers(root + 2), "{kind:?} {size} from {root}");
            }
        }
    }
    let mut shaped = Tensor::ones([3, 4, 5], (Kind::Float, Device::Cpu));
    group.all_reduce_sum(&mut shaped).unwrap();
    assert_eq!(shaped.size(), [3, 4, 5]);
    assert_eq!(shaped.sum(Kind::Float).double_value(&[]), 60.0 * group.world_size() as f64);
    // A part of a tensor that does not begin where the tensor does.
    let whole = Tensor::zeros([10], (Kind::Int64, Device::Cpu));
    group.all_reduce_sum(&mut whole.narrow(0, 3, 4).fill_(1)).unwrap();
    let ranks = group.world_size() as i64;
    assert_eq!(
        Vec::<i64>::try_from(whole).unwrap(),
        [0, 0, 0, ranks, ranks, ranks, ranks, 0, 0, 0]
    );
    group.barrier().unwrap();
    group.agree("settings", &ContentHash::of_bytes("the same")).unwrap();
}

fn disagree(group: &ProcessGroup) {
    let own = if group.rank() == 1 { "another" } else { "the same" };
    let error = group.agree("data", &ContentHash::of_bytes(own)).unwrap_err();
    assert_eq!(error.to_string(), "1 of 3 ranks have another data than rank 0");
    group.barrier().unwrap();
}

fn reduce_until_it_fails(group: &ProcessGroup) {
    let mut tensor = Tensor::zeros([100_000], (Kind::Float, Device::Cpu));
    group.all_reduce_sum(&mut tensor).unwrap();
    println!("reducing");
    loop {
        if let Err(error) = group.all_reduce_sum(&mut tensor) {
            assert!(matches!(error, Error::Collective { .. }));
            println!("{error}");
            return;
        }
    }
}

/// Rank 1 is alive and does not take part.
fn stay_away(group: &ProcessGroup) {
    if group.rank() == 1 {
        std::thread::sleep(TIMEOUT * 10);
    }
    let begun = Instant::now();
    let error = group.barrier().unwrap_err();
    assert!(begun.elapsed() < SHORT * 2, "{:?}", begun.elapsed());
    assert!(error.to_string().contains("did not come"), "{error}");
}

/// Starts a group of processes that play a part.
fn run(part: &str, size: usize) -> Vec<Child> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = |rank: usize| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["rank", "--exact", "--nocapture"]).env(PART, part);
        command.env("RANK", rank.to_string()).env("LOCAL_RANK", rank.to_string());
        command.env("WORLD_SIZE", size.to_string());
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
        command.env_remove("TORCHELASTIC_USE_AGENT_STORE");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    (0..size).map(start).collect()
}

/// Reads what a process prints up to a line that ends so.
fn wait_for(line: &str, process: &mut Child) {
    let mut lines = BufReader::new(process.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|read| read.unwrap().ends_with(line)), "it ended before {line:?}");
}

fn finish(process: Child) -> Output {
    process.wait_with_output().unwrap()
}

fn words(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}
