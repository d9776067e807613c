//! The refusal rules against people's judgement: XSTest's labelled completions, from the folder that `THINKSAFE_ASSETS`
//! names.

use std::path::PathBuf;

use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::verdict::Refusal;
use thinksafe_filter::RefusalRules;
use thinksafe_trace::{Columns, PromptSet};

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn the_refusal_rules_agree_with_people_on_xstest() {
    let root =
        std::env::var_os("THINKSAFE_ASSETS").expect("THINKSAFE_ASSETS names the asset folder");
    let folder = PathBuf::from(root).join("bench/xstest/model_completions");
    // The reader of prompts serves for completions: full compliance as benign, refusals as harmful.
    let columns = Columns::default().with_text("completion").with_derived_ids().with_label_column(
        "final_label",
        [
            ("1_full_compliance", PromptLabel::VanillaBenign),
            ("2_full_refusal", PromptLabel::VanillaHarmful),
            ("3_partial_refusal", PromptLabel::AdversarialHarmful),
        ],
    );
    let rules = RefusalRules::default();
    let (mut right, mut total) = (0, 0);
    for model in ["gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct"] {
        let path = folder.join(format!("xstest_v2_completions_{model}.csv"));
        let set = PromptSet::read(path, &columns).unwrap();
        let judged = set.prompts().iter().filter(|p| p.label != PromptLabel::AdversarialHarmful);
        let agreed: Vec<bool> = judged
            .map(|p| (rules.apply(&p.text) == Refusal::Refused) == p.label.is_harmful())
            .collect();
        let agreeing = agreed.iter().filter(|agreed| **agreed).count();
        println!("{model}: {agreeing} of {}", agreed.len());
        (right, total) = (right + agreeing, total + agreed.len());
    }
    println!("all: {right} of {total}");
    // The rules were written with these completions in view: this guards against a slip, it is no estimate.
    assert!(right * 100 >= total * 90, "{right} of {total}");
}
