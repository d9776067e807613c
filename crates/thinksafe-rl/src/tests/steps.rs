//! What a step does with its groups.

use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_filter::View;

use super::{Scripted, adapter, arbitrary, equal, policy, prompts, small};
use crate::{
    DynamicSampling, Fate, GrpoConfig, GrpoStep, GrpoTrainer, GuardReward, OldPolicy, PolicyLoss,
    Rewards, RolloutOutcome, Score,
};

/// The first step of a trainer with arbitrary rewards.
fn first_step(config: GrpoConfig) -> GrpoStep {
    let (mut policy, prompts) = (policy(), prompts(2));
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, arbitrary(), config).unwrap();
    trainer.step().unwrap().record
}

#[test]
fn an_unchanged_policy_has_ratio_1_and_no_divergence() {
    let against = |old| (old, first_step(GrpoConfig { old, ..small() }));
    let defaults = (GrpoConfig::default().old, first_step(small()));
    for (old, record) in [defaults, against(OldPolicy::Sampled)] {
        let GrpoStep { ratio_distance, mismatch, .. } = record;
        println!("{old:?}: ratio within {ratio_distance:.1e}, mismatch {mismatch:.1e}");
        let most = if old == GrpoConfig::default().old { 1e-6 } else { 1e-4 };
        assert!(ratio_distance <= most, "{old:?}: {ratio_distance}");
        assert_eq!((record.kl, record.clipped_low, record.clipped_high), (0.0, 0.0, 0.0));
        assert!(record.entropy > 0.0 && record.grad_norm > 0.0);
    }
}

#[test]
fn where_policy_and_reference_are_equal_the_divergence_adds_no_gradient() {
    let with =
        |beta| first_step(GrpoConfig { loss: PolicyLoss { beta, ..small().loss }, ..small() });
    let (without, heavy) = (with(0.0), with(100.0));
    assert_eq!((without.loss, without.grad_norm), (heavy.loss, heavy.grad_norm));
    assert!(heavy.grad_norm > 0.0);
}

#[test]
fn later_updates_have_their_ratios_against_the_first() {
    let updates = |updates| first_step(GrpoConfig { updates, ..small() });
    let (one, two) = (updates(1), updates(2));
    assert_eq!(one.ratio_distance, 0.0);
    assert!(two.ratio_distance > 1e-3, "{}", two.ratio_distance);
    assert_eq!(one.loss, two.loss);
}

#[test]
fn equal_rewards_leave_an_unchanged_policy_as_it_is() {
    let (mut policy, prompts) = (policy(), prompts(2));
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, equal(), small()).unwrap();
    let stepped = trainer.step().unwrap();
    let record = stepped.record;
    assert_eq!((record.groups.drawn, record.groups.equal, record.responses.trained), (2, 2, 8));
    // No advantage, and the gradient of the divergence is 0 too.
    assert_eq!((record.updates, record.loss, record.grad_norm), (1, 0.0, 0.0));
    assert!(stepped.rollouts.iter().all(|r| r.fate == Fate::Trained && r.advantage == Some(0.0)));
}

#[test]
fn dynamic_sampling_replaces_groups_without_signal_and_counts_them() {
    let (mut policy, prompts) = (policy(), prompts(3));
    let dynamic_sampling = Some(DynamicSampling { rounds: 3, spread: 0.0 });
    let config = GrpoConfig { dynamic_sampling, ..small() };
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, equal(), config.clone()).unwrap();
    let stepped = trainer.step().unwrap();
    assert_eq!((stepped.record.groups.drawn, stepped.record.groups.equal), (6, 6));
    assert_eq!((stepped.record.updates, stepped.record.responses.equal), (0, 24));
    assert!(stepped.rollouts.iter().all(|r| r.fate == Fate::Equal && r.advantage.is_none()));
    assert_eq!(stepped.record.epoch, 2.0);
    drop(trainer);

    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, arbitrary(), config).unwrap();
    let record = trainer.step().unwrap().record;
    assert_eq!((record.groups.drawn, record.groups.telling, record.updates), (2, 2, 1));
}

#[test]
fn what_a_guard_leaves_undetermined_is_counted_and_never_safe() {
    let (mut policy, prompts) = (policy(), prompts(2));
    let mut asked = 0;
    let guard = Scripted::new(|_| {
        asked += 1;
        match asked % 4 {
            0 => Verdict { p_unsafe: Some(0.0), ..Verdict::undetermined("unreadable") },
            n => Verdict { p_unsafe: Some(f64::from(n) / 4.0), ..Verdict::of(Safety::Unsafe) },
        }
    });
    let rewards = Rewards::new().with(GuardReward::new(guard, View::Turn), 1.0);
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, rewards, small()).unwrap();
    let stepped = trainer.step().unwrap();
    let record = &stepped.record;
    assert_eq!((record.responses.undetermined, record.responses.trained), (2, 6));
    assert_eq!(record.rewards[0].undetermined, 2);
    assert!((record.reward - 0.5).abs() < 1e-12, "the mean of what is known: {}", record.reward);
    for rollout in stepped.rollouts.iter().filter(|r| r.fate == Fate::Undetermined) {
        assert_eq!((rollout.reward, rollout.advantage), (None, None));
        assert_eq!(rollout.scores, [Score::Undetermined("unreadable".to_owned())]);
    }
}

#[test]
fn a_step_without_a_single_verdict_changes_nothing() {
    let (mut policy, prompts) = (policy(), prompts(2));
    let guard = Scripted::new(|_| Verdict::undetermined("no answer"));
    let rewards = Rewards::new().with(GuardReward::new(guard, View::Turn), 1.0);
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, rewards, small()).unwrap();
    let before = adapter(trainer.generator());
    let record = trainer.step().unwrap().record;
    assert_eq!((record.groups.too_few, record.responses.undetermined, record.updates), (2, 8, 0));
    assert!(adapter(trainer.generator()).equal(&before));
}

#[test]
fn a_prefill_is_read_and_never_learnt() {
    let mut policy = policy();
    let prefill = "<think>\nI will do";
    let prompts: Vec<_> = prompts(2).into_iter().map(|p| p.with_prefill(prefill)).collect();
    let config = GrpoConfig { prefill_share: 1.0, ..small() };
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, arbitrary(), config).unwrap();
    let stepped = trainer.step().unwrap();
    let mut generated = 0;
    for rollout in &stepped.rollouts {
        let RolloutOutcome::Written(text) = &rollout.outcome else { panic!("written") };
        assert!(rollout.prefilled && text.opening.ends_with(prefill));
        assert!(!text.text.contains("<think>"));
        generated += u64::from(text.tokens);
    }
    // Twelve tokens at most are learnt of each, however long the prefill.
    assert!(generated <= 8 * 12 && stepped.record.tokens > generated + 8 * 4);
}

#[test]
fn the_way_a_step_is_cut_changes_its_gradient_by_rounding_alone() {
    let norm = |micro_batch_tokens: usize| {
        let (mut policy, prompts) = (policy(), prompts(2));
        let config = GrpoConfig { micro_batch_tokens, ..small() };
        let mut trainer = GrpoTrainer::new(&mut policy, &prompts, arbitrary(), config).unwrap();
        trainer.step().unwrap().record.grad_norm
    };
    let (whole, single) = (norm(100_000), norm(1));
    assert!((whole / single - 1.0).abs() < 1e-4, "{whole} and {single}");
}

#[test]
fn several_updates_move_the_ratio_and_are_clipped() {
    let (mut policy, prompts) = (policy(), prompts(2));
    let loss = PolicyLoss { clip: crate::Clip::symmetric(0.05), ..small().loss };
    let config = GrpoConfig { updates: 4, loss, ..small() };
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, arbitrary(), config).unwrap();
    let record = trainer.step().unwrap().record;
    assert_eq!(record.updates, 4);
    assert!(record.ratio_distance > 0.05 && record.clipped_low + record.clipped_high > 0.0);
}
