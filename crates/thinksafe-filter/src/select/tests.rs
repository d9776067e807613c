//! Selection: rows, counts, samples of a prompt.

use thinksafe_core::generate::Finish;
use thinksafe_core::log::RecordLog;
use thinksafe_core::seed::Seed;
use thinksafe_core::verdict::{Safety, Verdict};

use super::*;
use crate::fixture::{
    GOOD, UNCLOSED, finished, guard, judge, sample, scored, trace, verdict, verdict_by,
};
use crate::policy::{Quorum, Rule, Samples};

mod properties;

fn verdicts(records: Vec<VerdictRecord>) -> Verdicts {
    verdicts_by(judge(), records)
}

fn verdicts_by(judge: JudgeIdentity, records: Vec<VerdictRecord>) -> Verdicts {
    let by_trace = records.into_iter().map(|record| (record.trace.clone(), record)).collect();
    Verdicts { judge, view: View::Turn, by_trace }
}

fn run(traces: &[TraceRecord], guards: &[Verdicts], policy: &Policy) -> Selection {
    select(traces.iter().cloned().map(Ok), guards, policy).unwrap()
}

fn of(safety: Safety) -> Verdict {
    Verdict::of(safety)
}

fn keys(selection: &Selection) -> Vec<ContentHash> {
    selection.rows.iter().filter_map(|row| Some(row.provenance.as_ref()?.trace.clone())).collect()
}

#[test]
fn rows_carry_the_unsteered_prompt_and_their_provenance() {
    let kept = finished(3, GOOD);
    let verdicts =
        verdicts(vec![verdict(&kept, &[scored(Safety::Safe, 0.1), scored(Safety::Safe, 0.2)])]);
    let selection = run(std::slice::from_ref(&kept), &[verdicts], &Policy::default());
    let row = &selection.rows[0];
    assert_eq!((row.instruction.as_str(), row.response.as_str()), ("request 3", GOOD));
    assert_eq!((row.thinking.as_deref(), row.answer.as_str()), (Some("weigh"), "fine"));
    assert_eq!((row.prompt_label, row.response_label), (kept.label, Safety::Safe));
    let provenance = row.provenance.as_ref().unwrap();
    assert_eq!(provenance.trace, kept.key);
    let [said] = provenance.guards.as_slice() else { panic!("{provenance:?}") };
    assert_eq!((&said.guard, said.view, said.p_unsafe), (&judge(), View::Turn, Some(0.2)));
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
    assert_eq!(run(&[kept], &[read], &Policy::default()).rows.len(), 1);
}

#[test]
fn nothing_is_selected_without_a_guard_or_with_a_bad_policy() {
    assert!(matches!(select([], &[], &Policy::default()), Err(Error::NoGuard)));
    for threshold in [-0.1, 1.1, f64::NAN] {
        let error = select([], &[verdicts(Vec::new())], &Policy::of(Rule::below(threshold)));
        let error = error.unwrap_err();
        assert!(error.to_string().contains("`threshold`"), "{error}");
    }
    let samples = Samples::AllOf { k: 0, seed: Seed(1) };
    let policy = Policy { samples, ..Policy::default() };
    assert!(matches!(select([], &[verdicts(Vec::new())], &policy), Err(Error::Setting { .. })));
}

#[test]
fn a_row_names_every_guard_even_one_that_was_outvoted() {
    let kept = finished(0, GOOD);
    let say = |name: &str, safety| {
        let record = verdict_by(guard(name), &kept, &[of(safety)]);
        verdicts_by(guard(name), vec![record])
    };
    let guards = [say("a", Safety::Safe), say("b", Safety::Unsafe), say("c", Safety::Safe)];
    let policy = Policy::of(Rule { quorum: Quorum::Majority, ..Rule::default() });
    let selection = run(std::slice::from_ref(&kept), &guards, &policy);
    let provenance = selection.rows[0].provenance.as_ref().unwrap();
    let names: Vec<&str> = provenance.guards.iter().map(|said| &*said.guard.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(selection.origins.guards.len(), 3);
    assert_eq!(run(&[kept], &guards, &Policy::default()).dropped[0].1, DropReason::Unsafe);
}

/// Samples of prompts, and which of them the guard passes.
fn samples(cases: &[(usize, u32, bool)]) -> (Vec<TraceRecord>, Verdicts) {
    let traces: Vec<_> =
        cases.iter().map(|(prompt, index, _)| sample(*prompt, *index, GOOD)).collect();
    let said = cases.iter().zip(&traces).map(|((.., safe), trace)| {
        verdict(trace, &[of(if *safe { Safety::Safe } else { Safety::Unsafe })])
    });
    let said = verdicts(said.collect());
    (traces, said)
}

/// What became of each trace: kept, or dropped for a reason.
fn outcomes(traces: &[TraceRecord], selection: &Selection) -> Vec<Option<DropReason>> {
    let dropped: HashMap<_, _> = selection.dropped.iter().cloned().collect();
    traces.iter().map(|trace| dropped.get(&trace.key).copied()).collect()
}

#[test]
fn the_first_sample_that_passes_is_kept() {
    let cases = [(0, 2, true), (0, 0, false), (1, 0, true), (0, 1, true), (2, 0, false)];
    let (traces, said) = samples(&cases);
    let policy = Policy { samples: Samples::First, ..Policy::default() };
    let selection = run(&traces, &[said], &policy);
    let expected = [
        Some(DropReason::AnotherKept),
        Some(DropReason::Unsafe),
        None,
        None,
        Some(DropReason::Unsafe),
    ];
    assert_eq!(outcomes(&traces, &selection), expected);
    let harmful = selection.totals(true);
    assert_eq!((harmful.prompts, harmful.prompts_kept), (2, 2));
    let benign = selection.totals(false);
    assert_eq!((benign.prompts, benign.prompts_kept, benign.input), (1, 0, 1));
}

#[test]
fn one_of_all_samples_is_kept_if_all_pass() {
    let cases = [
        (0, 0, true),
        (0, 1, true),
        (1, 0, true),
        (1, 1, false),
        (2, 0, true),
        (3, 0, true),
        (3, 1, true),
        (3, 2, false),
    ];
    let (traces, said) = samples(&cases);
    let samples = Samples::AllOf { k: 2, seed: Seed(7) };
    let selection = run(&traces, &[said], &Policy { samples, ..Policy::default() });
    let outcomes = outcomes(&traces, &selection);
    let mut kept = outcomes[..2].to_vec();
    kept.sort_unstable();
    assert_eq!(kept, [None, Some(DropReason::AnotherKept)]);
    let (dropped, is_unsafe) = (Some(DropReason::AnotherDropped), Some(DropReason::Unsafe));
    assert_eq!(outcomes[2..5], [dropped, is_unsafe, Some(DropReason::TooFewSamples)]);
    // What is beyond the k samples has no say, and is not kept.
    assert_eq!(outcomes[7], is_unsafe);
    assert_eq!(outcomes[5..7].iter().filter(|outcome| outcome.is_none()).count(), 1);
}

#[test]
fn the_draw_takes_every_sample_now_and_then() {
    let cases: Vec<_> = (0..60).flat_map(|n| (0..3).map(move |index| (n, index, true))).collect();
    let (traces, said) = samples(&cases);
    let samples = Samples::AllOf { k: 3, seed: Seed(1) };
    let selection = run(&traces, &[said], &Policy { samples, ..Policy::default() });
    let mut taken = [0; 3];
    for row in &selection.rows {
        taken[row.provenance.as_ref().unwrap().sample_index as usize] += 1;
    }
    assert_eq!(taken.iter().sum::<i32>(), 60);
    assert!(taken.iter().all(|n| *n > 8), "{taken:?}");
}
