//! Interrupted runs end as undisturbed ones.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tch::Tensor;
use thinksafe_sft::{Checkpointing, Ending};

use super::{adapter, arbitrary, equal, policy, prompts, small};
use crate::{
    DynamicSampling, Error, Event, FitOptions, GrpoConfig, GrpoReport, GrpoTrainer, Outcome, fit,
};

/// Fits a fresh adapter in `dir` with a checkpoint every other step; dies right after an event if told so.
fn run(dir: &Path, dies_after: Option<usize>) -> (Option<Outcome>, Tensor) {
    let (mut policy, prompts) = (policy(), prompts(3));
    let config = GrpoConfig {
        updates: 2,
        dynamic_sampling: Some(DynamicSampling { rounds: 2, spread: 0.05 }),
        ..small()
    };
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, arbitrary(), config).unwrap();
    let mut events = 0;
    let options = Checkpointing { every_steps: 2, keep: 2 };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        fit(&mut trainer, dir, options, &mut |_| {
            events += 1;
            assert!(dies_after != Some(events), "killed");
            Ok(())
        })
        .unwrap()
    }));
    drop(trainer);
    (outcome.ok(), adapter(&policy))
}

fn logs(dir: &Path) -> [String; 2] {
    ["train.jsonl", "rollouts.jsonl"].map(|name| std::fs::read_to_string(dir.join(name)).unwrap())
}

#[test]
fn a_run_killed_after_any_event_ends_with_the_same_weights_and_logs() {
    let undisturbed = tempfile::tempdir().unwrap();
    let (outcome, expected) = run(undisturbed.path(), None);
    assert_eq!(outcome.unwrap().resumed_from, None);
    let expected_logs = logs(undisturbed.path());
    assert_eq!(expected_logs[0].lines().count(), 4);
    // Began, two steps, a checkpoint, a step, a checkpoint.
    for (killed_after, resumed_from) in [(3, None), (5, Some(2)), (6, Some(3))] {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run(dir.path(), Some(killed_after)).0, None);
        let (outcome, weights) = run(dir.path(), None);
        assert_eq!(outcome.unwrap().resumed_from, resumed_from, "killed after {killed_after}");
        assert!(weights.equal(&expected), "killed after {killed_after}");
        assert_eq!(logs(dir.path()), expected_logs, "killed after {killed_after}");
    }
    let page = GrpoReport::read("A <run>", undisturbed.path()).unwrap().to_html();
    assert!(page.contains("A &lt;run&gt;") && page.contains("config.loss.beta"));
}

#[test]
fn a_run_stops_when_it_is_asked_to_and_another_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut policy, prompts) = (policy(), prompts(3));
    let stop = AtomicBool::new(false);
    let options = FitOptions { stop: Some(&stop), ..FitOptions::default() };
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, arbitrary(), small()).unwrap();
    let outcome = fit(&mut trainer, dir.path(), options, &mut |event| {
        stop.fetch_or(matches!(event, Event::Stepped(_)), Ordering::Relaxed);
        Ok(())
    });
    assert_eq!(outcome.map(|o| (o.ending, o.steps)).unwrap(), (Ending::Stopped, 1));
    drop(trainer);

    let others = [
        (equal(), small(), "run.rewards"),
        (arbitrary(), GrpoConfig { group_size: 5, ..small() }, "run.config.group_size"),
    ];
    for (rewards, config, field) in others {
        let mut trainer = GrpoTrainer::new(&mut policy, &prompts, rewards, config).unwrap();
        let error = fit(&mut trainer, dir.path(), Checkpointing::default(), &mut |_| Ok(()));
        let Err(Error::Training(error)) = error else { panic!("refused") };
        assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
    }
}
