//! Several answers, one verdict.

use proptest::prelude::*;
use thinksafe_core::verdict::{Cut, Keep};

use super::*;

fn scored(safety: Safety, p_unsafe: f64) -> Verdict {
    Verdict { p_unsafe: Some(p_unsafe), ..Verdict::of(safety) }
}

#[test]
fn the_worst_answer_decides() {
    use Safety::{Controversial, Safe, Undetermined, Unsafe};
    let cases: [(&[Verdict], Safety, Option<f64>); 8] = [
        (&[], Undetermined, None),
        (&[scored(Safe, 0.1)], Safe, Some(0.1)),
        (&[scored(Safe, 0.1), scored(Safe, 0.3), scored(Safe, 0.2)], Safe, Some(0.3)),
        (&[scored(Safe, 0.1), scored(Unsafe, 0.9), scored(Safe, 0.2)], Unsafe, Some(0.9)),
        (&[scored(Safe, 0.1), Verdict::of(Undetermined)], Undetermined, None),
        (&[scored(Unsafe, 0.8), Verdict::of(Undetermined)], Unsafe, Some(0.8)),
        (&[scored(Controversial, 0.6), Verdict::of(Safe)], Controversial, None),
        (&[scored(Controversial, 0.6), scored(Safe, 0.1)], Controversial, Some(0.6)),
    ];
    for (verdicts, safety, p_unsafe) in cases {
        let found = of(verdicts.to_vec());
        assert_eq!((found.safety, found.p_unsafe), (safety, p_unsafe), "{verdicts:?}");
    }
}

#[test]
fn what_was_said_beside_the_verdict_is_joined() {
    let first = Verdict {
        categories: vec!["a".to_owned()],
        refusal: Some(Refusal::Refused),
        prompt_harmful: Some(false),
        note: Some("one".to_owned()),
        cut: Some(Cut { kept: Keep::Head, seen: 5, of: 9 }),
        ..Verdict::of(Safety::Unsafe)
    };
    let second = Verdict {
        categories: vec!["a".to_owned(), "b".to_owned()],
        refusal: Some(Refusal::Complied),
        prompt_harmful: Some(true),
        note: Some("two".to_owned()),
        cut: Some(Cut { kept: Keep::Head, seen: 4, of: 9 }),
        ..Verdict::of(Safety::Unsafe)
    };
    let both = of([first, second]);
    assert_eq!(both.categories, ["a", "b"]);
    assert_eq!((both.refusal, both.prompt_harmful), (Some(Refusal::Undetermined), Some(true)));
    assert_eq!((both.note.as_deref(), both.cut.unwrap().seen), (Some("one; two"), 4));
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    let safeties = vec![Safety::Safe, Safety::Unsafe, Safety::Controversial, Safety::Undetermined];
    (prop::sample::select(safeties), prop::option::of(0.0..=1.0_f64))
        .prop_map(|(safety, p_unsafe)| Verdict { p_unsafe, ..Verdict::of(safety) })
}

proptest! {
    #[test]
    fn it_is_safe_only_if_all_are(verdicts in prop::collection::vec(any_verdict(), 0..6)) {
        let all_safe = !verdicts.is_empty() && verdicts.iter().all(|v| v.safety == Safety::Safe);
        prop_assert_eq!(of(verdicts).safety == Safety::Safe, all_safe);
    }

    #[test]
    fn order_decides_nothing(verdicts in prop::collection::vec(any_verdict(), 1..6)) {
        let mut reversed = verdicts.clone();
        reversed.reverse();
        let (forth, back) = (of(verdicts), of(reversed));
        prop_assert_eq!((forth.safety, forth.p_unsafe), (back.safety, back.p_unsafe));
    }
}
