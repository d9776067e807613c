//! Grades JSON lines of `prediction` and `reference` from standard input; prints one word a line and, at the end, the time.
//!
//! `cargo run --release -p thinksafe-math --example verdicts -- RULE`, where RULE is `default`, or SkyThought's `math`,
//! `gsm8k` or `gpqa`. The peers in `tests/peers` read the same lines.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program reports")]

use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

use thinksafe_math::{Comparison, Finder, Verdict, grade, skythought};

fn main() -> Result<(), Box<dyn Error>> {
    let rule = std::env::args().nth(1).unwrap_or_else(|| "default".to_owned());
    let mut pairs = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let fields: serde_json::Value = serde_json::from_str(&line?)?;
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        pairs.push((text("prediction"), text("reference")));
    }
    let comparison = Comparison::default();
    let start = Instant::now();
    let verdicts: Vec<&str> = pairs
        .iter()
        .map(|(prediction, reference)| match rule.as_str() {
            "math" => word(skythought::math(prediction, reference)),
            "gsm8k" => word(skythought::gsm8k(prediction, reference)),
            "gpqa" => word(skythought::gpqa(prediction, reference)),
            _ => match grade(prediction, reference, Finder::default(), &comparison).verdict {
                Verdict::Equal => "equal",
                Verdict::Different => "different",
                _ => "undecided",
            },
        })
        .collect();
    let seconds = start.elapsed().as_secs_f64();
    for verdict in &verdicts {
        println!("{verdict}");
    }
    eprintln!("{} pairs in {seconds:.3} s", verdicts.len());
    Ok(())
}

fn word(equal: bool) -> &'static str {
    if equal { "equal" } else { "different" }
}
