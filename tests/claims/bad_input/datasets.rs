//! Training datasets and the traces they are made of.

use std::path::Path;

use thinksafe_core::trace::{ThinkTags, Trace};
use thinksafe_filter::{Dataset, Policy, Rule};

use super::{Bad, Failure};

pub(super) const CASES: &[Bad] = &[
    Bad {
        input: "a turn whose thinking never ends",
        error: "Unsplit(UnclosedThinking",
        says: &["opened and never closed"],
        attempt: |_| {
            Trace::parse("<think>\nFirst, the user", &ThinkTags::default())?;
            Ok(())
        },
    },
    Bad {
        input: "a turn with its thinking marks out of order",
        error: "Unsplit(OutOfOrder",
        says: &["out of order"],
        attempt: |_| {
            Trace::parse("</think>\nFirst<think>", &ThinkTags::default())?;
            Ok(())
        },
    },
    Bad {
        input: "an empty dataset",
        error: "Filter(Empty",
        says: &["dataset.jsonl", "no rows"],
        attempt: |dir| rows(dir, &[]),
    },
    Bad {
        input: "a dataset with a missing field on line 2",
        error: "Filter(Core(Parse",
        says: &["dataset.jsonl:2", "dataset row", "`answer`"],
        attempt: |dir| rows(dir, &[GOOD.to_owned(), GOOD.replace("\"answer\":\"b\",", "")]),
    },
    Bad {
        input: "a dataset with an unknown field",
        error: "Filter(Core(Parse",
        says: &["dataset.jsonl:1", "colour"],
        attempt: |dir| rows(dir, &[GOOD.replace("{\"version\"", "{\"colour\":1,\"version\"")]),
    },
    Bad {
        input: "a dataset with an unknown label",
        error: "Filter(Core(Parse",
        says: &["dataset.jsonl:1", "vanilla_sinful"],
        attempt: |dir| rows(dir, &[GOOD.replace("vanilla_benign", "vanilla_sinful")]),
    },
    Bad {
        input: "a dataset row of another version",
        error: "Filter(RowVersion",
        says: &["dataset.jsonl:2", "version 3", "version 2"],
        attempt: |dir| {
            rows(dir, &[GOOD.to_owned(), GOOD.replace("\"version\":2", "\"version\":3")])
        },
    },
    Bad {
        input: "a dataset row with an answer that its response does not end with",
        error: "Filter(Row",
        says: &["dataset.jsonl:1", "`answer`"],
        attempt: |dir| rows(dir, &[GOOD.replace("\"answer\":\"b\"", "\"answer\":\"c\"")]),
    },
    Bad {
        input: "a dataset row with unclosed thinking",
        error: "Filter(Row",
        says: &["dataset.jsonl:1", "thinking"],
        attempt: |dir| {
            let unclosed = GOOD.replace("\\n</think>\\n\\nb", "").replace("\"t\"", "null");
            rows(dir, &[unclosed.replace("\"answer\":\"b\"", "\"answer\":\"<think>\\nt\"")])
        },
    },
    Bad {
        input: "a threshold that is no probability",
        error: "Filter(Setting",
        says: &["`threshold`", "1.5"],
        attempt: |_| {
            Policy::of(Rule::below(1.5)).validate()?;
            Ok(())
        },
    },
];

const GOOD: &str = r#"{"version":2,"instruction":"a","response":"<think>\nt\n</think>\n\nb","thinking":"t","answer":"b","prompt_label":"vanilla_benign","response_label":"safe"}"#;

fn rows(dir: &Path, rows: &[String]) -> Result<(), Failure> {
    let path = dir.join("dataset.jsonl");
    std::fs::write(&path, rows.join("\n")).unwrap();
    Dataset::read(&path)?;
    Ok(())
}

#[test]
fn the_row_that_the_cases_break_is_good() {
    let folder = tempfile::tempdir().unwrap();
    rows(folder.path(), &[GOOD.to_owned()]).unwrap();
}
