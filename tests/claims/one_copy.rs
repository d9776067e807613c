//! A process that only generates on the CPU holds one copy of the weights.

#![cfg(target_os = "linux")]

use std::process::Command;

use serde_json::Value;

/// At most how many times the size of a bf16 checkpoint is resident beyond what was before loading, whichever precision
/// it computes in: the packed weights, and little more.
const LIMIT: f64 = 1.25;

#[test]
fn generating_needs_the_packed_weights_and_little_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    run(&["write", "small", path]);
    let size = std::fs::metadata(folder.path().join("model.safetensors")).unwrap().len() as f64;
    for precision in ["bf16", "f32"] {
        let line: Value = serde_json::from_slice(&run(&["generate", path, precision])).unwrap();
        let bytes = |field: &str| line[field].as_u64().unwrap() as f64;
        let taken = (bytes("peak_bytes") - bytes("before_bytes")) / size;
        println!("{precision}: {taken:.2} times the checkpoint, {line}");
        // Less than one copy would mean that something else was measured.
        assert!(taken > 0.95 && taken < LIMIT, "{precision}: {taken:.2}");
    }
}

fn run(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_one_copy")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
