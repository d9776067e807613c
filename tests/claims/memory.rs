//! However many requests there are, the engine holds what its options say and pulls no more requests than it works on.

use std::process::Command;

use serde::Deserialize;

/// What `memory_subject` prints.
#[derive(Debug, Deserialize)]
struct Measured {
    /// Resident bytes after each hundredth of the requests.
    resident: Vec<u64>,
    /// The most requests pulled and not yet completed.
    most_open: u64,
    max_batch: u64,
}

#[test]
fn memory_is_flat_over_two_thousand_prompts() {
    // 4 KiB a token: 8 MiB hold some 2,000 of the 170,000 tokens.
    let grown = check(2_000, 8, 2);
    // Less than 2 KiB for each of the thousand prompts.
    assert!(grown < 2 << 20, "{grown} bytes");
}

/// `cargo test -p thinksafe-tests --test claims -- --ignored --nocapture memory_is_flat`
#[test]
#[ignore = "takes a minute or two; needs 3 GB of memory"]
fn memory_is_flat_over_ten_thousand_prompts_in_two_gibibytes() {
    // 32 KiB a token: the memory is full of pages before the thousandth prompt.
    check(10_000, 2_048, 16);
}

/// The difference between the least and the most memory from the thousandth prompt on.
fn check(prompts: u64, kv_mib: u64, layers: u64) -> u64 {
    let output = Command::new(env!("CARGO_BIN_EXE_memory_subject"))
        .args([prompts, kv_mib, layers].map(|n| n.to_string()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let measured: Measured = serde_json::from_slice(&output.stdout).unwrap();
    // From the thousandth prompt on.
    let from = (1_000 * 100 / prompts) as usize;
    let later = &measured.resident[from..];
    let (least, most) = (later.iter().min().unwrap(), later.iter().max().unwrap());
    println!("resident from 1,000 of {prompts} prompts on: {least} to {most} bytes");
    assert!(most * 100 <= least * 105, "{measured:?}");
    let full = kv_mib << 20;
    assert!(*least > full, "the memory for keys and values is in use: {least}");
    // One more than the batch waits for memory.
    assert!(measured.most_open <= measured.max_batch + 1, "{measured:?}");
    most - least
}
