//! What holds of every policy.

use proptest::prelude::*;

use super::*;
use crate::fixture::failed;

/// A kind of trace, its prompt and sample, and what each guard said of each part, if anything.
type Case = (u8, usize, Vec<Option<Vec<Said>>>);
/// A safety and P(unsafe).
type Said = (u8, Option<f64>);

const GUARDS: [&str; 3] = ["a", "b", "c"];
const SAFETIES: [Safety; 4] =
    [Safety::Safe, Safety::Unsafe, Safety::Controversial, Safety::Undetermined];

/// Traces of few prompts, most of them whole and safe, so that policies have something to keep.
fn cases() -> impl Strategy<Value = Vec<Case>> {
    let safety = prop_oneof![6 => Just(0u8), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    let said = (safety, proptest::option::of(0.0..=1.0));
    let parts = proptest::collection::vec(said, 0..3);
    let spoken = proptest::option::weighted(0.9, parts);
    let case = (0u8..14, 0usize..5, proptest::collection::vec(spoken, GUARDS.len()));
    proptest::collection::vec(case, 0..24)
}

fn rule() -> impl Strategy<Value = Rule> {
    let quorum = prop_oneof![Just(Quorum::All), Just(Quorum::Majority), Just(Quorum::Any)];
    (proptest::option::of(0.0..=1.0), quorum)
        .prop_map(|(threshold, quorum)| Rule { threshold, quorum })
}

fn policy() -> impl Strategy<Value = Policy> {
    let samples = prop_oneof![
        Just(Samples::Each),
        Just(Samples::First),
        (1u32..4, any::<u64>()).prop_map(|(k, seed)| Samples::AllOf { k, seed: Seed(seed) }),
    ];
    let by_label =
        proptest::collection::btree_map(proptest::sample::select(&PromptLabel::ALL), rule(), 0..3);
    (rule(), by_label, samples, any::<bool>(), any::<bool>()).prop_map(
        |(rule, by_label, samples, keep_truncated, keep_without_thinking)| Policy {
            rule,
            by_label,
            samples,
            keep_truncated,
            keep_without_thinking,
            refusals: None,
        },
    )
}

/// The traces, and the verdicts of the first `guards` guards.
fn build(cases: Vec<Case>, guards: usize) -> (Vec<TraceRecord>, Vec<Verdicts>) {
    let mut traces = Vec::new();
    let mut said: Vec<Vec<VerdictRecord>> = vec![Vec::new(); guards];
    let mut indices = [0; 5];
    for (kind, prompt, spoken) in cases {
        let index = indices[prompt];
        indices[prompt] += 1;
        let made = match kind {
            0 => failed(prompt),
            1 => finished(prompt, UNCLOSED),
            2 => finished(prompt, "plain"),
            3 => trace(prompt, GOOD, Finish::Length),
            _ => finished(prompt, GOOD),
        };
        let key = ContentHash::of("test.sample", &(&made.key, index));
        let made = TraceRecord { key, sample_index: index, ..made };
        for ((name, said), parts) in GUARDS.iter().zip(&mut said).zip(spoken) {
            let parts = parts.into_iter().map(|parts| {
                let part = |(safety, p_unsafe): Said| Verdict {
                    p_unsafe,
                    ..of(SAFETIES[usize::from(safety)])
                };
                verdict_by(guard(name), &made, &parts.into_iter().map(part).collect::<Vec<_>>())
            });
            said.extend(parts);
        }
        traces.push(made);
    }
    let guards = GUARDS.iter().zip(said).map(|(name, said)| verdicts_by(guard(name), said));
    (traces, guards.collect())
}

/// The traces of the prompts that a selection kept something of.
fn of_kept_prompts(traces: &[TraceRecord], selection: &Selection) -> Vec<TraceRecord> {
    let ids: BTreeSet<&String> =
        selection.rows.iter().filter_map(|row| Some(&row.provenance.as_ref()?.prompt_id)).collect();
    traces.iter().filter(|trace| ids.contains(&trace.prompt_id)).cloned().collect()
}

fn with_threshold(policy: &Policy, threshold: f64) -> Policy {
    let mut policy = policy.clone();
    policy.rule.threshold = Some(threshold);
    for rule in policy.by_label.values_mut() {
        rule.threshold = Some(threshold);
    }
    policy
}

proptest! {
    #[test]
    fn kept_and_dropped_are_the_input_in_its_order(
        cases in cases(), policy in policy(), guards in 1usize..=3,
    ) {
        let (traces, guards) = build(cases, guards);
        let selection = run(&traces, &guards, &policy);
        let (kept, dropped) = (keys(&selection), &selection.dropped);
        let input: Vec<_> = traces.iter().map(|trace| trace.key.clone()).collect();
        let is_kept = |key: &&ContentHash| kept.contains(key);
        prop_assert_eq!(input.iter().filter(is_kept).cloned().collect::<Vec<_>>(), kept.clone());
        let rest: Vec<_> = input.iter().filter(|key| !is_kept(key)).cloned().collect();
        prop_assert_eq!(rest, dropped.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
        for (label, counts) in &selection.counts {
            let of_label = traces.iter().filter(|trace| trace.label == *label).count();
            prop_assert_eq!(counts.input, of_label as u64);
            prop_assert_eq!(counts.input, counts.kept + counts.dropped.values().sum::<u64>());
            prop_assert!(counts.prompts_kept <= counts.prompts && counts.prompts <= counts.input);
        }
        let total = selection.totals(true).input + selection.totals(false).input;
        prop_assert_eq!(total, traces.len() as u64);
    }

    /// What was kept is kept again. Where all samples of a prompt decide, they have to be there again.
    #[test]
    fn filtering_is_idempotent(cases in cases(), policy in policy(), guards in 1usize..=3) {
        let (traces, guards) = build(cases, guards);
        let selection = run(&traces, &guards, &policy);
        let prompts = of_kept_prompts(&traces, &selection);
        prop_assert_eq!(&run(&prompts, &guards, &policy).rows, &selection.rows);
        if !matches!(policy.samples, Samples::AllOf { .. }) {
            let kept = keys(&selection);
            let kept: Vec<_> = traces.into_iter().filter(|t| kept.contains(&t.key)).collect();
            let again = run(&kept, &guards, &policy);
            prop_assert_eq!(again.rows, selection.rows);
            prop_assert!(again.dropped.is_empty());
        }
    }

    /// Traces under each policy but the one that keeps the first of a prompt, and prompts under every one.
    #[test]
    fn a_higher_threshold_keeps_at_least_as_much(
        cases in cases(), policy in policy(), guards in 1usize..=3, a in 0.0..=1.0, b in 0.0..=1.0,
    ) {
        let (traces, guards) = build(cases, guards);
        let at = |threshold| run(&traces, &guards, &with_threshold(&policy, threshold));
        let (low, high) = (at(f64::min(a, b)), at(f64::max(a, b)));
        if policy.samples != Samples::First {
            let kept = keys(&high);
            prop_assert!(keys(&low).iter().all(|key| kept.contains(key)));
        }
        for (label, counts) in &low.counts {
            prop_assert!(counts.prompts_kept <= high.counts[label].prompts_kept);
        }
    }

    #[test]
    fn what_a_guard_left_undetermined_passes_under_no_policy(
        cases in cases(), policy in policy(), guards in 1usize..=3,
    ) {
        let (traces, guards) = build(cases, guards);
        for key in keys(&run(&traces, &guards, &policy)) {
            for guard in &guards {
                let parts = &guard.of(&key).unwrap().verdicts;
                prop_assert!(!parts.is_empty());
                let is_open = |safety| safety == Safety::Undetermined;
                prop_assert!(!parts.iter().any(|part| is_open(part.verdict.safety)));
            }
        }
    }

    /// With one guard, a quorum changes nothing; with several, all of them keep no more than a majority, and that no
    /// more than any.
    #[test]
    fn a_larger_quorum_keeps_less(cases in cases(), threshold in proptest::option::of(0.0..=1.0), guards in 1usize..=3) {
        let (traces, guards) = build(cases, guards);
        let kept = |quorum| keys(&run(&traces, &guards, &Policy::of(Rule { threshold, quorum })));
        let (all, majority, any) = (kept(Quorum::All), kept(Quorum::Majority), kept(Quorum::Any));
        prop_assert!(all.iter().all(|key| majority.contains(key)));
        prop_assert!(majority.iter().all(|key| any.contains(key)));
        if guards.len() == 1 {
            prop_assert_eq!(all, any);
        }
    }

    /// The log of a resumed run holds the same records in another order.
    #[test]
    fn the_dataset_does_not_depend_on_the_order_of_the_log(
        cases in cases(), policy in policy(), seed: u64,
    ) {
        let (traces, guards) = build(cases, 1);
        let order = thinksafe_core::seed::Philox::new(seed).permutation(traces.len());
        let shuffled: Vec<_> = order.into_iter().map(|i| traces[i].clone()).collect();
        let dataset = |traces: &[TraceRecord]| run(traces, &guards, &policy).into_dataset();
        prop_assert_eq!(dataset(&traces), dataset(&shuffled));
    }
}
