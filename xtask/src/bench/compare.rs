//! From the runs of a measurement to one row: medians, and ratios taken pair by pair.

use serde_json::{Map, Value, json};

use crate::error::Error;

/// The figures that are compared, a ratio above 1 meaning that ours is the larger.
const FIGURES: [&str; 6] =
    ["decode_tok_s", "prefill_tok_s", "tok_s", "verdicts_s", "seconds", "peak_mib"];

/// What a row is known by, whatever it measured.
pub(crate) fn key(row: &Value) -> Vec<String> {
    let names = [
        "what",
        "shape",
        "device",
        "precision",
        "threads",
        "batch",
        "context",
        "requests",
        "checkpointing",
    ];
    names.iter().map(|name| row[*name].to_string()).collect()
}

/// What tells a peer's line from its other lines.
pub(crate) fn variant(line: &Value) -> String {
    if line["failed"].is_string() {
        return format!("{} failed", line["program"].as_str().unwrap_or_default());
    }
    if let Some(variant) = line["variant"].as_str() {
        return variant.to_owned();
    }
    match (line["cache"].as_str(), line["method"].as_str()) {
        (Some(cache), _) => format!("{cache} cache"),
        (_, Some("continuous")) => "generate_batch".to_owned(),
        (_, Some(_)) => {
            let order = line["order"].as_str().unwrap_or_default();
            format!("generate, batches of {}, order: {order}", line["batch"])
        }
        _ => "forward".to_owned(),
    }
}

/// A line's figures for people.
pub(crate) fn summary(line: &Value) -> String {
    if let Some(reason) = line["failed"].as_str() {
        return reason.to_owned();
    }
    let figures = [
        ("decode_tok_s", "decode tok/s"),
        ("prefill_tok_s", "prefill tok/s"),
        ("tok_s", "tok/s"),
        ("verdicts_s", "verdicts/s"),
        ("shared_seconds", "s shared"),
        ("unshared_seconds", "s unshared"),
        ("peak_mib", "MiB"),
    ];
    let shown = figures.iter().filter_map(|(name, unit)| {
        let value = line[*name].as_f64()?;
        Some(format!("{value:.1} {unit}"))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// What the losses of one step may differ by, relatively: rounding in bf16.
const SAME_LOSS: f64 = 5e-3;

/// What the medians of P(unsafe) may differ by: rounding in bf16 through every layer of random weights.
const SAME_VERDICT: f64 = 2e-2;

/// Fails if a peer computed something else than we did.
pub(crate) fn same_work(ours: &Value, theirs: &[Value]) -> Result<(), Error> {
    let ran = theirs.iter().filter(|line| line["failed"].is_null());
    let wrong = ran.filter_map(|line| {
        let other = |field: &str| format!("{} has {field} {}", variant(line), line[field]);
        if line["checksum"] != ours["checksum"] {
            return Some(other("checksum"));
        }
        let loss = |side: &Value| side["loss"].as_f64();
        let losses = loss(ours).zip(loss(line));
        let apart = losses.is_some_and(|(a, b)| (a / b - 1.0).abs() > SAME_LOSS);
        if apart {
            return Some(other("loss"));
        }
        let p_unsafe = |side: &Value| side["p_unsafe"].as_f64();
        let judged = p_unsafe(ours).zip(p_unsafe(line));
        let apart = judged.is_some_and(|(a, b)| (a - b).abs() > SAME_VERDICT);
        apart.then(|| other("p_unsafe"))
    });
    let findings: Vec<String> = wrong.collect();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Error::Findings { check: "equal work", findings })
    }
}

/// The row of a measurement: its description, our medians, and each peer's with the ratios to it.
pub(crate) fn row(description: &Map<String, Value>, runs: &[Value]) -> Value {
    let ours: Vec<&Value> = runs.iter().map(|run| &run["ours"]).collect();
    let count = runs[0]["theirs"].as_array().map_or(0, Vec::len);
    let peers: Vec<Value> = (0..count)
        .map(|index| {
            let lines: Vec<&Value> = runs.iter().map(|run| &run["theirs"][index]).collect();
            let mut peer = medians(&lines);
            peer.insert("variant".to_owned(), variant(lines[0]).into());
            if let Some(failed) = lines.iter().find(|line| line["failed"].is_string()) {
                peer.insert("failed".to_owned(), failed["failed"].clone());
            }
            peer.insert("ratio".to_owned(), ratios(&ours, &lines));
            peer.into()
        })
        .collect();
    let mut row = description.clone();
    row.insert("pairs".to_owned(), runs.len().into());
    row.insert("ours".to_owned(), medians(&ours).into());
    row.insert("peers".to_owned(), peers.into());
    row.insert("runs".to_owned(), runs.to_vec().into());
    row.into()
}

/// The fastest of a row's peers that ran.
pub(crate) fn best<'a>(row: &'a Value, figure: &str) -> Option<&'a Value> {
    let ran = row["peers"].as_array()?.iter().filter(|peer| peer[figure].is_number());
    ran.max_by(|a, b| {
        let rate = |peer: &Value| peer[figure].as_f64().unwrap_or(0.0);
        rate(a).total_cmp(&rate(b))
    })
}

/// The row's peer that needed the least memory.
pub(crate) fn leanest(row: &Value) -> Option<&Value> {
    let ran = row["peers"].as_array()?.iter().filter(|peer| peer["peak_mib"].is_number());
    ran.min_by(|a, b| {
        let peak = |peer: &Value| peer["peak_mib"].as_f64().unwrap_or(f64::INFINITY);
        peak(a).total_cmp(&peak(b))
    })
}

/// The median of every number that all lines have.
fn medians(lines: &[&Value]) -> Map<String, Value> {
    let fields = lines[0].as_object().into_iter().flat_map(Map::keys);
    let medians = fields.filter_map(|name| {
        let values: Option<Vec<f64>> = lines.iter().map(|line| line[name].as_f64()).collect();
        Some((name.clone(), median(values?).into()))
    });
    medians.collect()
}

/// For each figure that both sides have, the median, the least and the largest ratio of the pairs.
fn ratios(ours: &[&Value], theirs: &[&Value]) -> Value {
    let figures = FIGURES.iter().filter_map(|figure| {
        let ratio = |(ours, theirs): (&&Value, &&Value)| {
            Some(ours[*figure].as_f64()? / theirs[*figure].as_f64()?)
        };
        let ratios: Option<Vec<f64>> = ours.iter().zip(theirs).map(ratio).collect();
        let ratios = ratios?;
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let value = json!({"median": median(ratios), "least": least, "most": most});
        Some(((*figure).to_owned(), value))
    });
    figures.collect::<Map<String, Value>>().into()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ours: f64, dynamic: f64, fixed: f64) -> Value {
        json!({"ours": {"decode_tok_s": ours, "checksum": "1"}, "theirs": [
            {"cache": "dynamic", "decode_tok_s": dynamic, "checksum": "1"},
            {"cache": "static", "decode_tok_s": fixed, "checksum": "1"}]})
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        // The second pair fell into a slow minute: its ratio is as good as the others'.
        let runs = [run(40.0, 10.0, 9.0), run(8.0, 2.0, 3.0), run(50.0, 10.0, 9.5)];
        let row = row(&Map::new(), &runs);
        assert_eq!(row["ours"]["decode_tok_s"], 40.0);
        let best = best(&row, "decode_tok_s").unwrap();
        assert_eq!(best["variant"], "dynamic cache");
        assert_eq!(
            best["ratio"]["decode_tok_s"],
            json!({"median": 4.0, "least": 4.0, "most": 5.0})
        );
    }

    #[test]
    fn a_peer_that_failed_is_in_the_row_and_never_the_best() {
        let mut runs = [run(40.0, 10.0, 9.0)];
        runs[0]["theirs"][0] = json!({"failed": "no memory", "program": "generate.py"});
        let row = row(&Map::new(), &runs);
        assert_eq!(row["peers"][0]["failed"], "no memory");
        assert_eq!(best(&row, "decode_tok_s").unwrap()["variant"], "static cache");
        assert!(same_work(&runs[0]["ours"], runs[0]["theirs"].as_array().unwrap()).is_ok());
    }

    #[test]
    fn other_work_is_refused() {
        let mut run = run(1.0, 1.0, 1.0);
        run["theirs"][1]["checksum"] = "2".into();
        let error = same_work(&run["ours"], run["theirs"].as_array().unwrap()).unwrap_err();
        assert!(error.to_string().contains("static cache"), "{error}");
        let trained = |loss: f64| json!({"checksum": "1", "variant": "trl", "loss": loss});
        assert!(same_work(&trained(10.0), &[trained(10.01)]).is_ok());
        let error = same_work(&trained(10.0), &[trained(10.2)]).unwrap_err();
        assert!(error.to_string().contains("trl has loss 10.2"), "{error}");
    }
}
