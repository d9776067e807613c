//! Prompt files, good and bad.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    (dir, path)
}

fn read(name: &str, content: &str, columns: &Columns) -> Result<PromptSet, Error> {
    let (_dir, path) = file(name, content.as_bytes());
    PromptSet::read(path, columns)
}

fn texts(set: &PromptSet) -> Vec<&str> {
    set.prompts().iter().map(|prompt| prompt.text.as_str()).collect()
}

const JSON: &str = r#"[{"prompt": "a\nb", "label": "vanilla_harmful", "id": 3, "more": [1]},
    {"prompt": "c, \"d\"", "label": "adversarial_benign", "id": "x"}]"#;
const JSONL: &str = "\u{feff}{\"prompt\": \"a\\nb\", \"label\": \"vanilla_harmful\", \"id\": 3}\n\n\
    {\"id\": \"x\", \"prompt\": \"c, \\\"d\\\"\", \"label\": \"adversarial_benign\"}";
const CSV: &str =
    "label,prompt,id\r\nvanilla_harmful,\"a\nb\",3\r\nadversarial_benign,\"c, \"\"d\"\"\",x\r\n";

#[test]
fn the_same_prompts_come_out_of_every_format() {
    let columns = Columns::default();
    let json = read("p.json", JSON, &columns).unwrap();
    assert_eq!(texts(&json), ["a\nb", "c, \"d\""]);
    assert_eq!(json.prompts()[0].id, "3");
    assert_eq!(json.prompts()[1].label, PromptLabel::AdversarialBenign);
    assert_eq!(read("p.JSONL", JSONL, &columns).unwrap(), json);
    assert_eq!(read("p.csv", CSV, &columns).unwrap(), json);
    let tsv = "label\tprompt\tid\nvanilla_harmful\t\"a\nb\"\t3\nadversarial_benign\t\"c, \"\"d\"\"\"\tx\n";
    assert_eq!(read("p.tsv", tsv, &columns).unwrap(), json);
    assert_eq!(json.label_counts().values().sum::<usize>(), json.len());
}

#[test]
fn an_object_of_texts_has_a_row_an_entry() {
    let columns = Columns::default()
        .with_text("value")
        .with_id("key")
        .with_label(PromptLabel::VanillaHarmful);
    let set = read("p.json", r#"{"b": "first", "a": "second"}"#, &columns).unwrap();
    assert_eq!(texts(&set), ["first", "second"]);
    assert_eq!(set.prompts()[0].id, "b");
}

#[test]
fn labels_can_be_fixed_or_mapped() {
    let strongreject =
        Columns::default().with_text("forbidden_prompt").with_label(PromptLabel::VanillaHarmful);
    let set = read("p.csv", "category,forbidden_prompt\nx,a\nx,b\n", &strongreject).unwrap();
    assert_eq!(set.label_counts(), BTreeMap::from([(PromptLabel::VanillaHarmful, 2)]));

    let xstest = Columns::default().with_label_column(
        "label",
        [("safe", PromptLabel::VanillaBenign), ("unsafe", PromptLabel::VanillaHarmful)],
    );
    let set = read("p.csv", "id,prompt,label\n1,a,safe\n2,b,unsafe\n", &xstest).unwrap();
    let labels: Vec<_> = set.prompts().iter().map(|prompt| prompt.label).collect();
    assert_eq!(labels, [PromptLabel::VanillaBenign, PromptLabel::VanillaHarmful]);
    let coded = Columns::default()
        .with_label_column("unsafe", [("1", PromptLabel::VanillaHarmful)])
        .with_derived_ids();
    assert_eq!(read("p.json", r#"[{"prompt": "a", "unsafe": 1}]"#, &coded).unwrap().len(), 1);
}

#[test]
fn derived_ids_are_unique_and_do_not_depend_on_the_order() {
    let columns = Columns::default().with_label(PromptLabel::VanillaBenign);
    let ids = |csv: &str| {
        let set = read("p.csv", csv, &columns).unwrap();
        let mut ids: Vec<_> =
            set.prompts().iter().map(|p| (p.text.clone(), p.id.clone())).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids("prompt\na\nb\na\n"), ids("prompt\na\na\nb\n"));
    let set = read("p.csv", "prompt\na\nb\na\n", &columns).unwrap();
    PromptSet::new(set.prompts().to_vec()).expect("ids are unique");
}

#[test]
fn duplicates_are_reported_and_dropped_only_when_told() {
    let csv = "prompt,label,id\na,vanilla_benign,1\nb,vanilla_benign,2\na,vanilla_harmful,3\na,vanilla_benign,4\n";
    let set = read("p.csv", csv, &Columns::default()).unwrap();
    assert_eq!(set.len(), 4);
    let found: Vec<_> =
        set.duplicates().into_iter().map(|d| (d.id, d.first_id, d.labels_differ)).collect();
    let expected = |id: &str, differ| (id.to_owned(), "1".to_owned(), differ);
    assert_eq!(found, [expected("3", true), expected("4", false)]);
    assert_eq!(texts(&set.without_duplicates()), ["a", "b"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of bad files")]
fn everything_malformed_is_an_error_that_says_where() {
    let label = "\"label\": \"vanilla_benign\"";
    let cases: Vec<(&str, String, &str)> = vec![
        ("p.txt", "a".into(), "p.txt: expected a file named .json, .jsonl, .csv"),
        ("p", "a".into(), "expected a file named"),
        ("p.json", String::new(), "p.json, line 1: not valid JSON array of objects"),
        ("p.json", "{}".into(), "line 1: not valid JSON array of objects"),
        ("p.json", "[\n{\"prompt\": \"a\",\n]".into(), "line 3: not valid JSON array of objects"),
        ("p.json", "[1]".into(), "line 1: not valid JSON array of objects"),
        ("p.json", "[]".into(), "p.json holds no prompts"),
        ("p.jsonl", "\n \n".into(), "p.jsonl holds no prompts"),
        ("p.csv", String::new(), "p.csv holds no prompts"),
        ("p.csv", "prompt,label\n".into(), "p.csv holds no prompts"),
        (
            "p.jsonl",
            format!("{{\"prompt\": \"a\", {label}}}\n{{\"prompt\":"),
            "line 2: not valid JSON object on one line",
        ),
        ("p.jsonl", "[]".into(), "line 1: not valid JSON object on one line"),
        (
            "p.json",
            format!("[{{\"text\": \"a\", {label}}}]"),
            "no text column; expected `prompt`, `instruction`, `question`, `goal`, the file has `text`, `label`",
        ),
        (
            "p.json",
            "[{\"prompt\": \"a\"}]".into(),
            "no label column; expected `label`, `prompt_label`",
        ),
        ("p.json", "[{}]".into(), "the file has none"),
        (
            "p.csv",
            "prompt,goal,label\na,b,vanilla_benign\n".into(),
            "both `prompt` and `goal` could be the text column, name one",
        ),
        (
            "p.json",
            format!("[{{\"prompt\": \"a\", {label}}}, {{{label}}}]"),
            "p.json, row 2: field `prompt` is missing",
        ),
        (
            "p.json",
            format!("[{{\"prompt\": null, {label}}}]"),
            "row 1: field `prompt` is null, expected text",
        ),
        (
            "p.json",
            format!("[{{\"prompt\": 3, {label}}}]"),
            "row 1: field `prompt` is a number, expected text",
        ),
        ("p.csv", "prompt,label\n\" \",vanilla_benign\n".into(), "line 2: field `prompt` is blank"),
        (
            "p.csv",
            "prompt,label\na,vanilla_benign\nb,harmful\n".into(),
            "p.csv, line 3: field `label` has the unknown label `harmful`, expected one of `adversarial_benign`",
        ),
        (
            "p.json",
            "[{\"prompt\": \"a\", \"label\": [1]}]".into(),
            "field `label` is a list, expected text or a number",
        ),
        (
            "p.csv",
            "id,prompt,label\n1,a,vanilla_benign\n1,b,vanilla_benign\n".into(),
            "p.csv, line 3: field `id` repeats the id `1` of line 2",
        ),
        ("p.csv", "id,prompt,label\n,a,vanilla_benign\n".into(), "line 2: field `id` is blank"),
        ("p.csv", "prompt,label\na\n".into(), "p.csv, line 2: not valid CSV"),
        ("p.csv", "prompt,label\n\"a\nb\",vanilla_benign\na,b,c\n".into(), "line 4: not valid CSV"),
        ("p.csv", "prompt,prompt\na,b\n".into(), "line 1: not valid CSV"),
        (
            "p.csv",
            "label,prompt\nvanilla_benign,a\nvanilla_benign,\"b \"\"x\"\"\nvanilla_benign,c\n"
                .into(),
            "p.csv, line 3: not valid CSV",
        ),
    ];
    for (name, content, expected) in cases {
        let error = read(name, &content, &Columns::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{content}: {error}");
    }
}

#[test]
fn unreadable_files_are_errors_with_their_name() {
    let error = PromptSet::read("no/such.json", &Columns::default()).unwrap_err();
    assert!(error.to_string().contains("cannot read no/such.json"), "{error}");
    for name in ["p.json", "p.jsonl", "p.csv"] {
        let (_dir, path) = file(name, b"prompt,label\n\xff,x\n");
        let error = PromptSet::read(&path, &Columns::default()).unwrap_err();
        assert!(error.to_string().starts_with("cannot read"), "{error}");
    }
}

#[test]
fn prompts_given_directly_need_ids_of_their_own() {
    let prompt = LabeledPrompt {
        id: "1".to_owned(),
        text: "a".to_owned(),
        label: PromptLabel::VanillaBenign,
    };
    let error = PromptSet::new(vec![prompt.clone(), prompt]).unwrap_err();
    assert_eq!(error.to_string(), "prompts 1 and 2 of the set (from 1) have the same id `1`");
}

fn mixed(n: usize) -> PromptSet {
    let prompt = |i: usize| LabeledPrompt {
        id: i.to_string(),
        text: i.to_string(),
        label: PromptLabel::ALL[i % 3],
    };
    PromptSet::new((0..n).map(prompt).collect()).unwrap()
}

proptest! {
    #[test]
    fn a_subsample_takes_so_many_of_each_label_in_order(n in 0usize..40, k in 0usize..10, seed: u64) {
        let set = mixed(n);
        let sample = set.clone().sample_per_label(k, Seed(seed));
        for (label, count) in set.label_counts() {
            let sampled = sample.label_counts().get(&label).copied().unwrap_or(0);
            prop_assert_eq!(sampled, count.min(k));
        }
        let numbers: Vec<usize> = texts(&sample).iter().map(|text| text.parse().unwrap()).collect();
        prop_assert!(numbers.is_sorted());
        prop_assert_eq!(set.sample_per_label(k, Seed(seed)), sample);
    }

    #[test]
    fn reading_never_panics(content in "([\"\\[\\]{}:,\n]|prompt|label|vanilla_benign|é|[a-b]){0,24}") {
        for name in ["p.json", "p.jsonl", "p.csv"] {
            let _ = read(name, &content, &Columns::default());
        }
    }

    #[test]
    fn csv_reads_back_what_a_csv_writer_wrote(
        written in proptest::collection::vec("[a-c\",\r\n ]{0,8}x[\",\n]{0,3}", 1..6)
    ) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["prompt"]).unwrap();
        for text in &written {
            writer.write_record([text]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let columns = Columns::default().with_label(PromptLabel::VanillaBenign);
        let set = read("p.csv", std::str::from_utf8(&bytes).unwrap(), &columns).unwrap();
        prop_assert_eq!(texts(&set), written.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn different_seeds_draw_different_subsamples() {
    let draw = |seed| mixed(300).sample_per_label(5, Seed(seed));
    assert_ne!(draw(1), draw(2));
    assert_eq!(texts(&mixed(9).take(2)), ["0", "1"]);
}

#[cfg(feature = "parquet")]
mod parquet_files;
