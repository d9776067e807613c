//! The dataset card: counts, settings and identities, and not one word of the data.

use std::fmt::Write;

use thinksafe_core::prompt::PromptLabel;

use crate::dataset::DatasetRow;
use crate::policy::DropReason;
use crate::select::{LabelCounts, Selection};

/// What only the caller knows about a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardInfo {
    /// The dataset's name for people.
    pub title: String,
    /// The dataset's licence, by the identifier that the Hugging Face hub uses (`cc-by-4.0`, `other`, ...).
    pub license: String,
    /// Where the prompts come from.
    pub sources: Vec<Source>,
}

/// A source of prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its licence.
    pub license: String,
    /// Where it is found.
    pub url: Option<String>,
}

/// A model's removal rates as published.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PublishedRemoval {
    /// The model.
    pub model: &'static str,
    /// Benign prompts removed, in percent.
    pub benign: f64,
    /// Harmful prompts removed, in percent.
    pub harmful: f64,
}

/// The paper's Table 3: the share of all prompts that did not become training data, unfinished thinking included.
pub const PAPER_REMOVAL: [PublishedRemoval; 7] = [
    PublishedRemoval { model: "Qwen3-0.6B", benign: 1.07, harmful: 4.84 },
    PublishedRemoval { model: "Qwen3-1.7B", benign: 0.93, harmful: 3.29 },
    PublishedRemoval { model: "Qwen3-4B", benign: 0.63, harmful: 0.35 },
    PublishedRemoval { model: "Qwen3-8B", benign: 0.74, harmful: 0.16 },
    PublishedRemoval { model: "DeepSeek-R1-Distill-Qwen-1.5B", benign: 11.01, harmful: 12.86 },
    PublishedRemoval { model: "DeepSeek-R1-Distill-Qwen-7B", benign: 2.69, harmful: 2.93 },
    PublishedRemoval { model: "DeepSeek-R1-Distill-Llama-8B", benign: 0.81, harmful: 0.48 },
];

/// The card of a dataset: a README with the front matter that the Hugging Face hub reads.
pub fn dataset_card(selection: &Selection, info: &CardInfo) -> String {
    [
        front_matter(selection, info),
        introduction(info),
        counts(selection),
        removal(selection),
        settings(selection),
        sources(info),
    ]
    .join("\n")
}

fn front_matter(selection: &Selection, info: &CardInfo) -> String {
    format!(
        "---\npretty_name: {}\nlicense: {}\ntask_categories:\n- text-generation\ntags:\n- safety\n- reasoning\n\
         - synthetic\nsize_categories:\n- {}\nconfigs:\n- config_name: default\n  data_files: dataset.jsonl\n---\n",
        quoted(&info.title),
        quoted(&info.license),
        size_category(selection.rows.len()),
    )
}

fn introduction(info: &CardInfo) -> String {
    format!(
        "# {}\n\nReasoning traces that a model wrote itself: under a steering prompt where the request is harmful, \
         then filtered by a guard (ThinkSafe, arXiv 2601.23143). The steering is not part of the rows. Harmful \
         requests are. Row format version {}.\n",
        one_line(&info.title),
        DatasetRow::VERSION
    )
}

fn counts(selection: &Selection) -> String {
    let present: Vec<PromptLabel> =
        PromptLabel::ALL.into_iter().filter(|label| selection.counts.contains_key(label)).collect();
    let names: Vec<&str> = present.iter().map(|label| label.as_str()).collect();
    let mut text =
        format!("## Counts\n\n| | {} |\n|---|{}\n", names.join(" | "), "---:|".repeat(names.len()));
    let mut line = |name: &str, value: &dyn Fn(&LabelCounts) -> String| {
        let cells: Vec<String> =
            present.iter().map(|label| value(&selection.counts[label])).collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    line("traces", &|counts| counts.input.to_string());
    line("kept", &|counts| counts.kept.to_string());
    line("acceptance", &|counts| percent(counts.kept, counts.input));
    line("prompts", &|counts| counts.prompts.to_string());
    line("prompts kept", &|counts| counts.prompts_kept.to_string());
    for reason in DropReason::ALL {
        line(&format!("dropped: {}", reason.as_str()), &|counts| {
            counts.dropped.get(&reason).unwrap_or(&0).to_string()
        });
    }
    text
}

fn removal(selection: &Selection) -> String {
    let removed = |harmful| {
        let LabelCounts { prompts, prompts_kept, .. } = selection.totals(harmful);
        percent(prompts - prompts_kept, prompts)
    };
    let mut text = format!(
        "## Removal rates\n\nShare of all prompts of which nothing was kept, beside the paper's Table 3.\n\n\
         | | benign | harmful |\n|---|---:|---:|\n| **this dataset** | {} | {} |\n",
        removed(false),
        removed(true)
    );
    for PublishedRemoval { model, benign, harmful } in PAPER_REMOVAL {
        let _ = writeln!(text, "| {model} (paper) | {benign:.2} % | {harmful:.2} % |");
    }
    text
}

fn settings(selection: &Selection) -> String {
    let origins = &selection.origins;
    let mut text = "## Settings\n\n".to_owned();
    let mut item = |name: &str, value: String| {
        let _ = writeln!(text, "* {name}: {}", one_line(&value));
    };
    for (model, hash) in &origins.models {
        item("model", format!("{model} (`{hash}`)"));
    }
    for (label, steering) in &origins.steering {
        item("steering", format!("{label}: {} (`{}`)", steering.name, steering.hash));
    }
    for sampling in &origins.sampling {
        item("sampling", format!("`{sampling}`"));
    }
    for (guard, view) in &origins.guards {
        let view = json(view);
        item(
            "guard",
            format!("{} (`{}`), saw: {}", guard.name, guard.hash, view.trim_matches('"')),
        );
    }
    item("policy", format!("`{}`", json(&selection.policy)));
    text
}

fn sources(info: &CardInfo) -> String {
    let mut text = "## Sources of the prompts\n\n".to_owned();
    if info.sources.is_empty() {
        text.push_str("Not stated.\n");
    }
    for Source { name, license, url } in &info.sources {
        let url = url.as_ref().map(|url| format!(" <{}>", one_line(url))).unwrap_or_default();
        let _ = writeln!(text, "* {}{url}, licence: {}", one_line(name), one_line(license));
    }
    text
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{:.2} %", 100.0 * part as f64 / whole as f64)
}

fn size_category(rows: usize) -> &'static str {
    match rows {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        _ => "n>1M",
    }
}

/// A YAML double-quoted scalar; JSON's quoting is one.
fn quoted(text: &str) -> String {
    json(&text)
}

/// The JSON form of what always has one: texts, flags, finite numbers.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
