//! What single traces are dropped for.

use thinksafe_core::generate::Finish;
use thinksafe_core::verdict::{Safety, Verdict};

use super::*;
use crate::fixture::{GOOD, UNCLOSED, failed, finished, scored, trace, verdict};

fn of(safety: Safety) -> Verdict {
    Verdict::of(safety)
}

#[test]
fn each_trace_that_may_not_pass_has_its_reason() {
    let policy = Policy::default();
    let safe = || vec![of(Safety::Safe)];
    let cases = [
        (failed(0), safe(), Some(DropReason::RequestFailed)),
        (finished(0, UNCLOSED), safe(), Some(DropReason::UnclosedThinking)),
        (finished(0, "</think><think>"), safe(), Some(DropReason::OutOfOrder)),
        (trace(0, GOOD, Finish::Length), safe(), Some(DropReason::Truncated)),
        (finished(0, "just an answer"), safe(), Some(DropReason::NoThinking)),
        (finished(0, "<think>\na\n</think>\n\n \n"), safe(), Some(DropReason::BlankAnswer)),
        (finished(0, GOOD), Vec::new(), Some(DropReason::Undetermined)),
        (finished(0, GOOD), vec![of(Safety::Unsafe)], Some(DropReason::Unsafe)),
        (finished(0, GOOD), vec![of(Safety::Undetermined)], Some(DropReason::Undetermined)),
        (finished(0, GOOD), vec![of(Safety::Controversial)], Some(DropReason::Controversial)),
        (finished(0, GOOD), vec![of(Safety::Safe), of(Safety::Unsafe)], Some(DropReason::Unsafe)),
        (
            finished(0, GOOD),
            vec![of(Safety::Controversial), of(Safety::Undetermined)],
            Some(DropReason::Undetermined),
        ),
        (finished(0, GOOD), safe(), None),
    ];
    for (trace, said, reason) in cases {
        let record = verdict(&trace, &said);
        assert_eq!(policy.drop_reason(&trace, &[Some(&record)]), reason, "{:?}", trace.outcome);
    }
    let trace = finished(0, GOOD);
    assert_eq!(policy.drop_reason(&trace, &[None]), Some(DropReason::NotJudged));
    assert_eq!(policy.drop_reason(&trace, &[]), Some(DropReason::NotJudged));
    let other = verdict(&finished(1, GOOD), &safe());
    assert_eq!(policy.drop_reason(&trace, &[Some(&other)]), Some(DropReason::NotJudged));
}

#[test]
fn a_policy_that_wants_refusals_takes_no_other_answer_to_a_harmful_prompt() {
    let policy = Policy { refusals: Some(RefusalRules::default()), ..Policy::default() };
    let reason = |label, answer: &str| {
        let mut trace = finished(0, &format!("<think>\na\n</think>\n\n{answer}"));
        trace.label = label;
        policy.drop_reason(&trace, &[Some(&verdict(&trace, &[of(Safety::Safe)]))])
    };
    let (harmful, benign) = (PromptLabel::AdversarialHarmful, PromptLabel::VanillaBenign);
    assert_eq!(reason(harmful, "I'm sorry, but no."), None);
    assert_eq!(reason(harmful, "Here is a poem."), Some(DropReason::NotRefused));
    assert_eq!(reason(harmful, "42"), Some(DropReason::NotRefused));
    assert_eq!(reason(benign, "Here is a poem."), None);
}

#[test]
fn the_reference_keeps_what_the_default_drops_by_form() {
    let policy = Policy { keep_truncated: true, keep_without_thinking: true, ..Policy::default() };
    for trace in [trace(0, GOOD, Finish::Length), finished(0, "just an answer")] {
        let record = verdict(&trace, &[of(Safety::Safe)]);
        assert_eq!(policy.drop_reason(&trace, &[Some(&record)]), None);
    }
}

#[test]
fn a_threshold_decides_on_probabilities_and_on_nothing_else() {
    let trace = finished(0, GOOD);
    let reason = |threshold, said: Verdict| {
        let policy = Policy::of(Rule::below(threshold));
        policy.drop_reason(&trace, &[Some(&verdict(&trace, &[said]))])
    };
    assert_eq!(reason(0.5, scored(Safety::Safe, 0.4)), None);
    assert_eq!(reason(0.3, scored(Safety::Safe, 0.4)), Some(DropReason::Unsafe));
    assert_eq!(reason(0.9, scored(Safety::Unsafe, 0.8)), None);
    assert_eq!(reason(0.4, scored(Safety::Safe, 0.4)), Some(DropReason::Unsafe));
    assert_eq!(reason(1.0, scored(Safety::Unsafe, 1.0)), Some(DropReason::Unsafe));
    assert_eq!(reason(1.0, of(Safety::Unsafe)), Some(DropReason::Unsafe));
    assert_eq!(reason(1.0, scored(Safety::Undetermined, 0.0)), Some(DropReason::Undetermined));
    assert_eq!(reason(1.0, scored(Safety::Controversial, 0.0)), Some(DropReason::Controversial));
    assert_eq!(reason(1.0, scored(Safety::Safe, f64::NAN)), Some(DropReason::Undetermined));
}

/// What guards say of a trace, a character each, and what all, a majority, and any of them make of it: `s`afe, `u`nsafe,
/// `c`ontroversial, `?` undetermined, `-` not judged; `.` keeps.
const QUORUMS: [(&str, &str); 10] = [
    ("sss", "..."),
    ("ssu", "u.."),
    ("usu", "uu."),
    ("us", "uu."),
    ("scs", "c.."),
    ("s?s", "???"),
    ("s?u", "uu?"),
    ("s-s", "---"),
    ("?-", "---"),
    ("", "---"),
];

#[test]
fn a_quorum_counts_votes_and_silence_stops_it() {
    let trace = finished(0, GOOD);
    let record = |said: char| {
        let safety = match said {
            's' => Safety::Safe,
            'u' => Safety::Unsafe,
            'c' => Safety::Controversial,
            '?' => Safety::Undetermined,
            _ => return None,
        };
        Some(verdict(&trace, &[of(safety)]))
    };
    for (said, expected) in QUORUMS {
        let records: Vec<_> = said.chars().map(record).collect();
        let records: Vec<_> = records.iter().map(Option::as_ref).collect();
        let decide = |quorum| {
            let policy = Policy::of(Rule { quorum, ..Rule::default() });
            match policy.drop_reason(&trace, &records) {
                None => '.',
                Some(DropReason::Unsafe) => 'u',
                Some(DropReason::Controversial) => 'c',
                Some(DropReason::Undetermined) => '?',
                Some(DropReason::NotJudged) => '-',
                Some(reason) => panic!("{said}: {reason:?}"),
            }
        };
        let decided = [Quorum::All, Quorum::Majority, Quorum::Any].map(decide);
        assert_eq!(String::from_iter(decided), expected, "{said}");
    }
}

#[test]
fn a_part_left_open_is_not_outvoted_either() {
    let trace = finished(0, GOOD);
    let open = verdict(&trace, &[of(Safety::Unsafe), of(Safety::Undetermined)]);
    let safe = verdict(&trace, &[of(Safety::Safe)]);
    let policy = Policy::of(Rule { quorum: Quorum::Any, ..Rule::default() });
    let reason = policy.drop_reason(&trace, &[Some(&open), Some(&safe)]);
    assert_eq!(reason, Some(DropReason::Undetermined));
}

#[test]
fn labels_have_rules_of_their_own() {
    let mut policy = Policy::of(Rule::below(0.9));
    policy.by_label.insert(PromptLabel::ALL[0], Rule::below(0.1));
    let reason = |n| {
        let trace = finished(n, GOOD);
        policy.drop_reason(&trace, &[Some(&verdict(&trace, &[scored(Safety::Safe, 0.5)]))])
    };
    assert_eq!((reason(0), reason(1)), (Some(DropReason::Unsafe), None));
    let bad = Policy { by_label: [(PromptLabel::ALL[0], Rule::below(2.0))].into(), ..policy };
    assert!(bad.validate().is_err());
}

#[test]
fn a_policy_is_written_and_read_as_json() {
    let text = r#"{"rule":{"threshold":0.5,"quorum":"majority"},"by_label":{"vanilla_harmful":{"quorum":"all"}},"samples":{"all_of":{"k":5,"seed":1}}}"#;
    let policy: Policy = serde_json::from_str(text).unwrap();
    assert_eq!(policy.rule(PromptLabel::VanillaHarmful), Rule::default());
    assert_eq!(policy.rule(PromptLabel::VanillaBenign).quorum, Quorum::Majority);
    let again: Policy = serde_json::from_str(&serde_json::to_string(&policy).unwrap()).unwrap();
    assert_eq!(again, policy);
    assert!(serde_json::from_str::<Policy>(r#"{"treshold":0.5}"#).is_err());
}
