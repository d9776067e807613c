//! The results as Markdown, in the form that `docs/PERFORMANCE.md` has them.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bench::compare;

/// All tables for which there are rows.
pub(crate) fn markdown(rows: &[Value]) -> String {
    let mut text = String::new();
    for table in &TABLES {
        let lines: Vec<String> = rows
            .iter()
            .filter(|row| row["what"] == table.what)
            .flat_map(|row| (table.lines)(row))
            .collect();
        if !lines.is_empty() {
            let columns = table.head.matches('|').count() - 1;
            let rule = "|---".repeat(columns);
            // Writing to a text does not fail.
            let _ = writeln!(text, "\n{}\n\n{}\n{rule}|", table.title, table.head);
            for line in lines {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

struct Table {
    what: &'static str,
    title: &'static str,
    head: &'static str,
    lines: fn(&Value) -> Vec<String>,
}

const TABLES: [Table; 7] = [
    Table {
        what: "decode",
        title: "Decoding",
        head: "| shape | precision | batch | context | tok/s | transformers | cache | ratio | ms a step | share of bandwidth | peak MiB | transformers | ratio |",
        lines: decode,
    },
    Table {
        what: "decode",
        title: "Prefill",
        head: "| shape | precision | batch × context | tok/s | transformers | ratio | share of matrix rate |",
        lines: prefill,
    },
    Table {
        what: "score",
        title: "Scoring",
        head: "| shape | precision | batch × context | tok/s | transformers | ratio | share of matrix rate | peak MiB | transformers | ratio |",
        lines: score,
    },
    Table {
        what: "ragged",
        title: "Ragged load",
        head: "| shape | precision | prompts | tok/s | against | its tok/s | ratio | peak MiB | its peak MiB |",
        lines: ragged,
    },
    Table {
        what: "prefix",
        title: "Common prefix",
        head: "| shape | precision | prompts | s shared | s unshared | share of the time |",
        lines: prefix,
    },
    Table {
        what: "train",
        title: "Fine-tuning",
        head: "| shape | precision | batch × context | checkpointing | tok/s | share of matrix rate | TRL as it comes | ratio | TRL in tiles | ratio | transformers | ratio | peak MiB | TRL as it comes | ratio | leanest | ratio |",
        lines: train,
    },
    Table {
        what: "guard",
        title: "Verdicts of a guard",
        head: "| shape | precision | exchanges | verdicts/s | transformers | its verdicts/s | ratio | peak MiB | transformers | ratio |",
        lines: guard,
    },
];

fn decode(row: &Value) -> Vec<String> {
    let peer = compare::best(row, "decode_tok_s").unwrap_or(&Value::Null);
    let ours = &row["ours"];
    let cache = peer["variant"].as_str().unwrap_or("failed").trim_end_matches(" cache");
    vec![line(&[
        model(row),
        format!("{} | {}", row["batch"], row["context"]),
        number(&ours["decode_tok_s"]),
        number(&peer["decode_tok_s"]),
        cache.to_owned(),
        ratio(peer, "decode_tok_s"),
        number(&ours["step_ms"]),
        percent(&ours["bandwidth_share"]),
        memory(ours, peer),
    ])]
}

fn prefill(row: &Value) -> Vec<String> {
    let peer = compare::best(row, "prefill_tok_s").unwrap_or(&Value::Null);
    let ours = &row["ours"];
    vec![line(&[
        model(row),
        format!("{} × {}", row["batch"], row["context"]),
        number(&ours["prefill_tok_s"]),
        number(&peer["prefill_tok_s"]),
        ratio(peer, "prefill_tok_s"),
        percent(&ours["matrix_share"]),
    ])]
}

fn score(row: &Value) -> Vec<String> {
    let peer = compare::best(row, "tok_s").unwrap_or(&Value::Null);
    let ours = &row["ours"];
    vec![line(&[
        model(row),
        format!("{} × {}", row["batch"], row["context"]),
        number(&ours["tok_s"]),
        number(&peer["tok_s"]),
        ratio(peer, "tok_s"),
        percent(&ours["matrix_share"]),
        memory(ours, peer),
    ])]
}

fn ragged(row: &Value) -> Vec<String> {
    let ours = &row["ours"];
    let peers = row["peers"].as_array().into_iter().flatten();
    let of = |peer: &Value| {
        line(&[
            model(row),
            row["requests"].to_string(),
            number(&ours["tok_s"]),
            peer["variant"].as_str().unwrap_or_default().to_owned(),
            number(&peer["tok_s"]),
            ratio(peer, "tok_s"),
            number(&ours["peak_mib"]),
            number(&peer["peak_mib"]),
        ])
    };
    peers.map(of).collect()
}

fn prefix(row: &Value) -> Vec<String> {
    let ours = &row["ours"];
    vec![line(&[
        model(row),
        row["requests"].to_string(),
        number(&ours["shared_seconds"]),
        number(&ours["unshared_seconds"]),
        percent(&ours["share_of_time"]),
    ])]
}

fn train(row: &Value) -> Vec<String> {
    let ours = &row["ours"];
    let peers = || row["peers"].as_array().into_iter().flatten();
    let named = |name: &str| peers().find(|p| p["variant"] == name).unwrap_or(&Value::Null);
    let [trl, tiled, transformers] = ["trl", "trl, tiles of 2048", "transformers"].map(named);
    let leanest = compare::leanest(row).unwrap_or(&Value::Null);
    let of =
        |peer: &Value, figure: &str| format!("{} | {}", number(&peer[figure]), ratio(peer, figure));
    vec![line(&[
        model(row),
        format!("{} × {}", row["batch"], row["context"]),
        checkpointing(row),
        number(&ours["tok_s"]),
        percent(&ours["matrix_share"]),
        of(trl, "tok_s"),
        of(tiled, "tok_s"),
        of(transformers, "tok_s"),
        number(&ours["peak_mib"]),
        of(trl, "peak_mib"),
        of(leanest, "peak_mib"),
    ])]
}

fn guard(row: &Value) -> Vec<String> {
    let peer = compare::best(row, "verdicts_s").unwrap_or(&Value::Null);
    let ours = &row["ours"];
    vec![line(&[
        model(row),
        row["requests"].to_string(),
        number(&ours["verdicts_s"]),
        peer["variant"].as_str().unwrap_or("failed").to_owned(),
        number(&peer["verdicts_s"]),
        ratio(peer, "verdicts_s"),
        memory(ours, peer),
    ])]
}

/// What is recomputed: by the peers every layer or none, by ours the first of them.
fn checkpointing(row: &Value) -> String {
    match (&row["checkpointing"], row["ours"]["recomputed_layers"].as_f64()) {
        (Value::Bool(true), Some(layers)) => format!("on, ours of {layers} layers"),
        (Value::Bool(true), None) => "on".to_owned(),
        _ => "off".to_owned(),
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn model(row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    format!("{} | {}", text("shape"), text("precision"))
}

fn memory(ours: &Value, peer: &Value) -> String {
    let (own, theirs) = (number(&ours["peak_mib"]), number(&peer["peak_mib"]));
    format!("{own} | {theirs} | {}", ratio(peer, "peak_mib"))
}

/// The median and, in brackets, the range over the pairs.
fn ratio(peer: &Value, figure: &str) -> String {
    let ratio = &peer["ratio"][figure];
    let value = |name: &str| ratio[name].as_f64();
    match (value("median"), value("least"), value("most")) {
        (Some(median), Some(least), Some(most)) => format!("{median:.2} ({least:.2}-{most:.2})"),
        _ => "-".to_owned(),
    }
}

/// Three digits, or all before the point.
fn number(value: &Value) -> String {
    match value.as_f64() {
        None => "-".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_line_has_the_columns_of_its_head() {
        let figures = json!({"decode_tok_s": 812.4, "prefill_tok_s": 5000.0, "tok_s": 12.34,
            "step_ms": 1.2, "bandwidth_share": 0.51, "matrix_share": 0.2, "peak_mib": 158.0,
            "shared_seconds": 1.0, "unshared_seconds": 8.0, "share_of_time": 0.125, "verdicts_s": 9.0});
        let mut peer = figures.clone();
        let ratio = json!({"median": 2.0, "least": 1.5, "most": 2.5});
        peer["ratio"] = json!({"decode_tok_s": ratio, "peak_mib": ratio});
        peer["variant"] = "static cache".into();
        let row = |what: &str| {
            json!({"what": what, "shape": "tiny", "precision": "f32", "batch": 8, "context": 64,
                "requests": 256, "ours": figures, "peers": [peer]})
        };
        let text = markdown(&["decode", "score", "ragged", "prefix", "train", "guard"].map(row));
        assert!(text.contains("| tiny | f32 | 8 | 64 | 812 | 812 | static | 2.00 (1.50-2.50) |"));
        for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
            let columns: Vec<usize> = table.lines().map(|l| l.matches('|').count()).collect();
            assert!(columns.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
        }
        assert_eq!(text.matches("\n|---").count(), TABLES.len());
    }
}
