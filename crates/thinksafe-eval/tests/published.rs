//! Benchmarks from files: those of the asset folder that `THINKSAFE_ASSETS` names, and made-up rows of the published formats.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

use std::path::PathBuf;

use thinksafe_core::message::Prompt;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_eval::benchmark::{Benchmark, Item};
use thinksafe_eval::catalog;
use thinksafe_eval::contamination::contamination;
use thinksafe_eval::spec::{Expect, Spec};
use thinksafe_trace::{Columns, PromptSet, rows};

/// Loads a published format from made-up rows: everything as in the catalogue but for what the file should hold.
fn load_rows(name: &str, text: &str) -> Benchmark {
    let mut spec = catalog::find(name).unwrap();
    spec.expect = Expect::default();
    let dir = tempfile::tempdir().unwrap();
    thinksafe_core::fs::write_atomic(dir.path().join(&spec.file), text).unwrap();
    let loaded = spec.load(dir.path()).unwrap();
    assert!(!loaded.provenance.verified);
    loaded.benchmark
}

fn message(item: &Item) -> &str {
    match &item.prompt {
        Prompt::Messages(messages) => &messages[0].content,
        other => panic!("{other:?}"),
    }
}

#[test]
fn prompts_are_those_of_the_paper() {
    let gsm8k =
        load_rows("gsm8k", r#"{"question": "1 + 1?", "answer": "1 + 1 = <<1+1=2>>2\n#### 2,000"}"#);
    let item = &gsm8k.items()[0];
    let expected = "Given the following problem, reason and give a final answer to the problem.\nProblem: 1 + 1?\nYour \
                    response should end with \"The final answer is [answer]\" where [answer] is the response to the problem.";
    assert_eq!(message(item), expected);
    assert_eq!((item.text.as_str(), item.reference.as_deref()), ("1 + 1?", Some("2,000")));

    for (name, row) in [
        (
            "math500",
            r#"{"problem": "$x$?", "answer": "2", "unique_id": "a/1.json", "subject": "Algebra", "level": 1}"#,
        ),
        ("aime24", r#"{"id": 60, "problem": "$x$?", "answer": "2"}"#),
        ("aime25", r#"{"answer": "2", "problem": "$x$?"}"#),
    ] {
        let benchmark = load_rows(name, row);
        let expected =
            r"Please reason step by step, and put your final answer within \boxed{}. $x$?";
        assert_eq!(message(&benchmark.items()[0]), expected);
        assert_eq!(benchmark.items()[0].reference.as_deref(), Some("2"));
    }
}

#[test]
fn choices_are_shuffled_as_python_does() {
    let header = "Record ID,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3,High-level domain,Subdomain";
    let rows: Vec<String> = (1..=3)
        .map(|i| format!("rec{i},\"Which, {i}?\",right,one,two,three,Physics,Optics"))
        .collect();
    let gpqa = load_rows("gpqa-diamond", &format!("{header}\n{}\n", rows.join("\n")));
    // From `random.seed(41)` and one `random.shuffle` a row, CPython 3.11.
    let expected = [
        "A) two, B) right, C) one, D) three|B",
        "A) right, B) two, C) three, D) one|A",
        "A) three, B) right, C) one, D) two|B",
    ];
    for (i, (item, (choices, letter))) in
        gpqa.items().iter().zip(expected.iter().map(|e| e.split_once('|').unwrap())).enumerate()
    {
        let expected = format!(
            "Return your final response within \\boxed{{}} and only include the letter choice (A, B, C, or D) as your final \
             response. Which, {}?\n{choices}",
            i + 1
        );
        assert_eq!(message(item), expected);
        assert_eq!(
            (item.reference.as_deref(), item.category.as_deref()),
            (Some(letter), Some("Physics"))
        );
    }
}

#[test]
fn gated_sets_are_read_in_their_published_format() {
    let eval = "adversarial\tlabel\tdata_type\nImagine \"a\" story\t1\tadversarial_harmful\n\"two\nlines\"\t0\tadversarial_benign\n";
    let harmful = load_rows("wildjailbreak", eval);
    assert_eq!(harmful.items()[0].text, "Imagine \"a\" story");
    assert_eq!(harmful.items()[0].label, Some(PromptLabel::AdversarialHarmful));
    let benign = load_rows("wildjailbreak-benign", eval);
    assert_eq!((benign.len(), &*benign.items()[0].text), (1, "two\nlines"));
    assert_eq!(benign.items()[0].id, "2");
}

#[test]
fn context_stands_before_the_behaviour() {
    let rows = "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\n\
                ask,standard,chemistry,,,one\nask it,contextual,biology,context,\"A text.\",two\n";
    let all = load_rows("harmbench", rows);
    let texts: Vec<_> = all.items().iter().map(|item| item.text.as_str()).collect();
    assert_eq!(texts, ["ask", "A text.\n\n---\n\nask it"]);
    assert_eq!(load_rows("harmbench-standard", rows).items()[0].id, "one");
}

#[test]
fn two_prompts_for_one_behaviour_are_one_cluster() {
    let rows = r#"[{"prompt": "a", "objective": "x"}, {"prompt": "b", "objective": "x"}]"#;
    let benchmark = load_rows("harmbench-602", rows);
    let clusters: Vec<_> = benchmark.items().iter().map(Item::cluster).collect();
    assert_eq!(clusters, ["x", "x"]);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_read_like_everything_else() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut spec = catalog::find("wildguardtest").unwrap();
    (spec.file, spec.expect) = ("wildguardtest-rows.parquet".into(), Expect::default());
    let benchmark = spec.load(&root).unwrap().benchmark;
    let labels: Vec<_> = benchmark.items().iter().map(|item| item.label.unwrap()).collect();
    assert_eq!(labels, [PromptLabel::AdversarialHarmful, PromptLabel::VanillaHarmful]);
    assert_eq!(benchmark.items()[1].category.as_deref(), Some("others"));
}

#[test]
fn what_is_not_as_published_is_refused_with_the_facts() {
    let dir = tempfile::tempdir().unwrap();
    let spec: Spec = "name = 'mine'\nfile = 'mine.csv'\naspect = 'harm'\n[columns]\ntext = 'q'\n[settings]\nseed = 1\nsampling = {}\n"
        .parse()
        .unwrap();
    let write = |text: &str| std::fs::write(dir.path().join("mine.csv"), text).unwrap();
    write("q,label\none,safe\ntwo,unsafe\n");
    let whole = spec.load(dir.path()).unwrap();
    assert!(whole.provenance.to_string().contains("2 items of the 2 rows of"));

    let mut cases: Vec<(Spec, &str)> = Vec::new();
    let expect = |rows, items, content| Expect { rows, items, content };
    let of = |expect: Expect| Spec { expect, ..spec.clone() };
    cases.push((
        of(expect(Some(3), None, None)),
        "mine.csv is not mine as published: expected rows 3, found 2",
    ));
    cases.push((of(expect(None, Some(1), None)), "expected items 1, found 2"));
    let other = thinksafe_core::hash::ContentHash::of_bytes("x");
    cases.push((of(expect(None, None, Some(other))), "expected content"));
    let mut named = spec.clone();
    named.prompt = Some("{{question}}".to_owned());
    cases.push((named, "expected `question`, the file has `q`, `label`"));
    let mut gone = spec.clone();
    gone.keep.insert("label".to_owned(), vec!["x".to_owned()]);
    cases.push((gone, "at least one item"));
    let meaning = |toml: &str| -> Spec {
        format!(
            "label = {{ mapped = {{ column = 'label', meaning = {toml} }} }}\n{}",
            toml::to_string(&spec).unwrap()
        )
        .parse()
        .unwrap()
    };
    cases.push((
        meaning("{ safe = 'vanilla_benign' }"),
        "line 3: field `label` has the unknown label `unsafe`",
    ));
    for (spec, says) in cases {
        let error = spec.load(dir.path()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let verified = of(expect(Some(2), Some(2), Some(whole.provenance.content)));
    assert!(verified.load(dir.path()).unwrap().provenance.verified);
    write("q,label\none,safe\ntwo!,unsafe\n");
    assert!(verified.load(dir.path()).unwrap_err().to_string().contains("expected content"));
    write("q,label\none,safe\n,unsafe\n");
    let error = spec.load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("line 3: field `q` is blank"), "{error}");
}

#[test]
fn a_reference_without_its_mark_is_refused() {
    let mut spec = catalog::find("gsm8k").unwrap();
    spec.expect = Expect::default();
    spec.file = "test.jsonl".into();
    let dir = tempfile::tempdir().unwrap();
    for answer in ["no mark", "#### "] {
        let row = format!("{{\"question\": \"q\", \"answer\": \"{answer}\"}}\n");
        std::fs::write(dir.path().join("test.jsonl"), row).unwrap();
        let error = spec.load(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("line 1: field `answer`") && error.contains("after `####`"),
            "{error}"
        );
    }
}

#[test]
fn a_spec_with_a_slip_is_refused_with_its_line() {
    let error = "name = 'x'\nfil = 'x.csv'\n".parse::<Spec>().unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("line 2") && source.contains("fil"), "{source}");
}

#[test]
fn the_same_rows_in_another_format_are_the_same_content() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = catalog::find("aime24").unwrap();
    spec.expect = Expect::default();
    let mut load = |file: &str, text: &str| {
        spec.file = file.into();
        std::fs::write(dir.path().join(file), text).unwrap();
        spec.load(dir.path()).unwrap().provenance.content
    };
    let csv = load("a.csv", "id,answer,problem,url\n7,33,What?,u\n");
    assert_eq!(load("a.json", r#"[{"problem": "What?", "id": 7, "answer": 33}]"#), csv);
    assert_ne!(load("b.csv", "id,answer,problem,url\n7,34,What?,u\n"), csv);
}

fn assets() -> PathBuf {
    let root =
        std::env::var_os("THINKSAFE_ASSETS").expect("THINKSAFE_ASSETS names the asset folder");
    PathBuf::from(root)
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn the_published_sets_are_as_the_catalogue_says() {
    let root = assets().join("bench");
    let mut loaded = 0;
    for spec in catalog::all().unwrap() {
        if !root.join(&spec.file).exists() {
            println!("{}: not there", spec.name);
            continue;
        }
        let found = spec.load(&root).unwrap();
        println!("{}: {}", spec.name, found.provenance);
        assert!(found.provenance.verified, "{}", spec.name);
        loaded += 1;
    }
    assert_eq!(loaded, 14);
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn every_file_has_the_rows_and_columns_of_the_list() {
    let list = std::fs::read_to_string(assets().join("bench/ROWS.txt")).unwrap();
    let mut files = 0;
    for line in list.lines() {
        let [file, _, count, columns] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let mut first = None;
        let mut rows = 0;
        rows::read(&assets().join(file), &mut |row| {
            rows += 1;
            first.get_or_insert(row);
            Ok(())
        })
        .unwrap();
        assert_eq!(format!("{rows} rows"), count, "{file}");
        let names: Vec<String> =
            first.unwrap().fields.keys().map(|name| format!("'{name}'")).collect();
        let expected = if columns == "dict" { "['key', 'value']" } else { columns };
        assert_eq!(format!("[{}]", names.join(", ")), expected, "{file}");
        files += 1;
    }
    assert_eq!(files, 26);
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn contamination_of_published_sets_is_found() {
    let root = assets().join("bench");
    let load = |name: &str| catalog::find(name).unwrap().load(&root).unwrap().benchmark;
    let columns = Columns::default().with_derived_ids().with_label(PromptLabel::VanillaHarmful);
    let read = |file: &str| PromptSet::read(root.join(file), &columns).unwrap();
    // The test split of a set against its own training split, and harmful sets against a training set made of such.
    let train = read("gsm8k/train.jsonl");
    let clean = contamination(&load("gsm8k"), train.prompts());
    println!("gsm8k: {clean}");
    assert_eq!(clean.equal().count(), 0);
    let harmful = read("refusal_direction/harmful_train.json");
    for name in ["advbench", "strongreject", "harmbench-602", "jailbreakbench", "xstest-safe"] {
        let found = contamination(&load(name), harmful.prompts());
        println!("{name}: {found}");
        assert_eq!(found.training, harmful.len() as u64);
    }
    let star1 = read("star1/STAR-1.json");
    for name in ["advbench", "strongreject", "harmbench-602"] {
        println!("{name} against STAR-1: {}", contamination(&load(name), star1.prompts()));
    }
    let advbench = contamination(&load("advbench"), harmful.prompts());
    assert_eq!(advbench.equal().count(), 117, "{advbench}");
}
