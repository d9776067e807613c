//! The published prompt files themselves, from the folder that `THINKSAFE_ASSETS` names.

use std::path::PathBuf;

use thinksafe_core::prompt::PromptLabel;
use thinksafe_trace::{Columns, PromptSet};

fn bench(file: &str) -> PathBuf {
    let root =
        std::env::var_os("THINKSAFE_ASSETS").expect("THINKSAFE_ASSETS names the asset folder");
    PathBuf::from(root).join("bench").join(file)
}

fn harmful() -> Columns {
    Columns::default().with_label(PromptLabel::VanillaHarmful)
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn published_files_hold_as_many_prompts_as_published() {
    let files = [
        ("strongreject/strongreject_dataset.csv", harmful().with_text("forbidden_prompt"), 313),
        ("advbench/harmful_behaviors.csv", harmful(), 520),
        ("harmbench/harmbench_behaviors_text_all.csv", harmful().with_text("Behavior"), 400),
        ("harmbench/thinksafe_harmbench.json", harmful(), 602),
        ("jailbreakbench/jbb_behaviors.csv", harmful().with_text("Goal").with_id("Index"), 100),
        ("refusal_direction/harmless_train.json", harmful(), 18_793),
        ("star1/STAR-1.json", harmful(), 1_000),
        ("gsm8k/test.jsonl", harmful(), 1_319),
    ];
    for (file, columns, expected) in files {
        assert_eq!(PromptSet::read(bench(file), &columns).unwrap().len(), expected, "{file}");
    }
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn xstest_is_250_safe_and_200_unsafe_prompts() {
    let columns = Columns::default().with_label_column(
        "label",
        [("safe", PromptLabel::VanillaBenign), ("unsafe", PromptLabel::VanillaHarmful)],
    );
    let set = PromptSet::read(bench("xstest/xstest_prompts.csv"), &columns).unwrap();
    let counts: Vec<_> = set.label_counts().into_values().collect();
    assert_eq!(counts, [200, 250]);
}
