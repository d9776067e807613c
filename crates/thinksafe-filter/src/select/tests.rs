//! Policies and selection.

use proptest::prelude::*;
use thinksafe_core::generate::Finish;
use thinksafe_core::log::RecordLog;
use thinksafe_core::verdict::Verdict;

use super::*;
use crate::fixture::{GOOD, failed, finished, judge, scored, trace, verdict};

fn verdicts(records: Vec<VerdictRecord>) -> Verdicts {
    let by_trace = records.into_iter().map(|record| (record.trace.clone(), record)).collect();
    Verdicts { judge: judge(), view: View::Turn, by_trace }
}

fn run(traces: &[TraceRecord], verdicts: &Verdicts, policy: &Policy) -> Selection {
    select(traces.iter().cloned().map(Ok), verdicts, policy).unwrap()
}

fn of(safety: Safety) -> Verdict {
    Verdict::of(safety)
}

#[test]
fn each_trace_that_may_not_pass_has_its_reason() {
    let policy = Policy::default();
    let safe = || vec![of(Safety::Safe)];
    let cases = [
        (failed(0), safe(), Some(DropReason::RequestFailed)),
        (finished(0, "<think>\nnever"), safe(), Some(DropReason::UnclosedThinking)),
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
        assert_eq!(policy.drop_reason(&trace, Some(&record)), reason, "{:?}", trace.outcome);
    }
    let trace = finished(0, GOOD);
    assert_eq!(policy.drop_reason(&trace, None), Some(DropReason::NotJudged));
    let other = verdict(&finished(1, GOOD), &safe());
    assert_eq!(policy.drop_reason(&trace, Some(&other)), Some(DropReason::NotJudged));
}

#[test]
fn the_reference_keeps_what_the_default_drops_by_form() {
    let policy = Policy { keep_truncated: true, keep_without_thinking: true, ..Policy::default() };
    for trace in [trace(0, GOOD, Finish::Length), finished(0, "just an answer")] {
        let record = verdict(&trace, &[of(Safety::Safe)]);
        assert_eq!(policy.drop_reason(&trace, Some(&record)), None);
    }
}

#[test]
fn a_threshold_decides_on_probabilities_and_on_nothing_else() {
    let trace = finished(0, GOOD);
    let reason = |threshold, said: Verdict| {
        let policy = Policy { threshold: Some(threshold), ..Policy::default() };
        policy.drop_reason(&trace, Some(&verdict(&trace, &[said])))
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
    for threshold in [-0.1, 1.1, f64::NAN] {
        let policy = Policy { threshold: Some(threshold), ..Policy::default() };
        let error = select([], &verdicts(Vec::new()), &policy).unwrap_err();
        assert!(error.to_string().contains("`threshold`"), "{error}");
    }
}

#[test]
fn rows_carry_the_unsteered_prompt_and_their_provenance() {
    let kept = finished(3, GOOD);
    let verdicts =
        verdicts(vec![verdict(&kept, &[scored(Safety::Safe, 0.1), scored(Safety::Safe, 0.2)])]);
    let selection = run(std::slice::from_ref(&kept), &verdicts, &Policy::default());
    let row = &selection.rows[0];
    assert_eq!((row.instruction.as_str(), row.response.as_str()), ("request 3", GOOD));
    assert_eq!((row.thinking.as_deref(), row.answer.as_str()), (Some("weigh"), "fine"));
    assert_eq!((row.prompt_label, row.response_label), (kept.label, Safety::Safe));
    let provenance = row.provenance.as_ref().unwrap();
    assert_eq!((&provenance.trace, provenance.p_unsafe), (&kept.key, Some(0.2)));
    assert_eq!(provenance.guard, judge());
}

#[test]
fn only_the_chosen_judge_and_view_count() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.jsonl");
    let kept = finished(0, GOOD);
    let mut log = RecordLog::open(&path).unwrap();
    let other = JudgeIdentity { hash: ContentHash::of_bytes("other"), ..judge() };
    let record = verdict(&kept, &[of(Safety::Unsafe)]);
    log.append(&VerdictRecord { key: ContentHash::of_bytes("1"), judge: other, ..record.clone() })
        .unwrap();
    log.append(&VerdictRecord { key: ContentHash::of_bytes("2"), view: View::Answer, ..record })
        .unwrap();
    log.append(&verdict(&kept, &[of(Safety::Safe)])).unwrap();
    let read = Verdicts::read(&path, &judge(), View::Turn).unwrap();
    assert_eq!(run(&[kept], &read, &Policy::default()).rows.len(), 1);
}

/// A kind of trace, and what the guard said of each part, if anything: a safety and P(unsafe).
type Judged = (usize, Option<Vec<Said>>);
type Said = (u8, Option<f64>);

/// Any trace with any verdict, or none.
fn judged() -> impl Strategy<Value = Judged> {
    let said = (0u8..4, proptest::option::of(0.0..=1.0));
    (0usize..7, proptest::option::of(proptest::collection::vec(said, 0..3)))
}

fn build(judged: Vec<Judged>) -> (Vec<TraceRecord>, Verdicts) {
    let safeties = [Safety::Safe, Safety::Unsafe, Safety::Controversial, Safety::Undetermined];
    let mut records = Vec::new();
    let mut traces = Vec::new();
    for (n, (kind, said)) in judged.into_iter().enumerate() {
        let made = match kind {
            0 => failed(n),
            1 => finished(n, "<think>\nnever"),
            2 => finished(n, "plain"),
            3 => trace(n, GOOD, Finish::Length),
            _ => finished(n, GOOD),
        };
        if let Some(said) = said {
            let parts = said.into_iter().map(|(safety, p_unsafe)| Verdict {
                p_unsafe,
                ..of(safeties[usize::from(safety)])
            });
            records.push(verdict(&made, &parts.collect::<Vec<_>>()));
        }
        traces.push(made);
    }
    (traces, verdicts(records))
}

fn keys(selection: &Selection) -> Vec<ContentHash> {
    selection.rows.iter().filter_map(|row| Some(row.provenance.as_ref()?.trace.clone())).collect()
}

proptest! {
    #[test]
    fn kept_and_dropped_are_the_input_in_its_order(
        cases in proptest::collection::vec(judged(), 0..20), threshold in proptest::option::of(0.0..=1.0),
    ) {
        let (traces, verdicts) = build(cases);
        let policy = Policy { threshold, ..Policy::default() };
        let selection = run(&traces, &verdicts, &policy);
        let (kept, dropped) = (keys(&selection), &selection.dropped);
        let input: Vec<_> = traces.iter().map(|trace| trace.key.clone()).collect();
        let is_kept = |key: &&ContentHash| kept.contains(key);
        prop_assert_eq!(input.iter().filter(is_kept).cloned().collect::<Vec<_>>(), kept.clone());
        let rest: Vec<_> = input.iter().filter(|key| !is_kept(key)).cloned().collect();
        prop_assert_eq!(rest, dropped.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
        for counts in selection.counts.values() {
            prop_assert_eq!(counts.input, counts.kept + counts.dropped.values().sum::<u64>());
        }
        let total = selection.totals(true).input + selection.totals(false).input;
        prop_assert_eq!(total, traces.len() as u64);

        // Idempotent: what was kept is kept again, all of it.
        let again: Vec<_> = traces.iter().filter(|trace| kept.contains(&trace.key)).cloned().collect();
        let again = run(&again, &verdicts, &policy);
        prop_assert_eq!(&again.rows, &selection.rows);
        prop_assert!(again.dropped.is_empty());
    }

    #[test]
    fn a_higher_threshold_keeps_at_least_as_much(
        cases in proptest::collection::vec(judged(), 0..20), a in 0.0..=1.0, b in 0.0..=1.0,
    ) {
        let (traces, verdicts) = build(cases);
        let kept = |threshold: f64| {
            let policy = Policy { threshold: Some(threshold), ..Policy::default() };
            keys(&run(&traces, &verdicts, &policy))
        };
        let (low, high) = (kept(f64::min(a, b)), kept(f64::max(a, b)));
        prop_assert!(low.iter().all(|key| high.contains(key)));
    }

    #[test]
    fn nothing_without_a_determined_verdict_ever_passes(
        cases in proptest::collection::vec(judged(), 0..20), threshold in proptest::option::of(0.0..=1.0),
        keep_truncated: bool, keep_without_thinking: bool,
    ) {
        let (traces, verdicts) = build(cases);
        let policy = Policy { threshold, keep_truncated, keep_without_thinking };
        for key in keys(&run(&traces, &verdicts, &policy)) {
            let parts = &verdicts.of(&key).unwrap().verdicts;
            prop_assert!(!parts.is_empty());
            let doubtful = [Safety::Undetermined, Safety::Controversial];
            prop_assert!(parts.iter().all(|part| !doubtful.contains(&part.verdict.safety)));
        }
    }

    /// The log of a resumed run holds the same records in another order.
    #[test]
    fn the_dataset_does_not_depend_on_the_order_of_the_log(
        cases in proptest::collection::vec(judged(), 0..12), seed: u64,
    ) {
        let (traces, verdicts) = build(cases);
        let order = thinksafe_core::seed::Philox::new(seed).permutation(traces.len());
        let shuffled: Vec<_> = order.into_iter().map(|i| traces[i].clone()).collect();
        let dataset = |traces: &[TraceRecord]| run(traces, &verdicts, &Policy::default()).into_dataset();
        prop_assert_eq!(dataset(&traces), dataset(&shuffled));
    }
}
