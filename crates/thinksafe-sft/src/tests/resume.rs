//! Interrupted runs end as undisturbed ones.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tch::Tensor;
use thinksafe_runtime::Precision;

use super::{base, config, examples, flat, lora_values, with_lora};
use crate::{
    Best, Checkpointing, Duration, Ending, Error, Event, Example, FitOptions, HeldOut, Objective,
    OnEvent, Outcome, Reduction, SftConfig, Trainable, Trainer, best_checkpoint, evaluate, fit,
    latest_checkpoint,
};

const CHECKPOINTING: Checkpointing = Checkpointing { every_steps: 2, keep: 2 };
const DROPOUT: f64 = 0.3;

fn settings() -> SftConfig {
    let objective = Objective::thinksafe_kl(Reduction::TokenMean);
    SftConfig { duration: Duration::Steps(5), objective, ..config(2, 2, 1e-2) }
}

/// Examples that are not among those trained on.
fn held_out_examples() -> Vec<Example> {
    examples(10).split_off(7)
}

fn held_out(examples: &[Example]) -> HeldOut<'_> {
    HeldOut { micro_batch: 2, every_steps: 2, ..HeldOut::new(examples) }
}

/// Fits a fresh model in `dir`, telling `on_event` what happens: a panic there is the death of the process.
fn run_with(
    dir: &Path,
    settings: &SftConfig,
    options: FitOptions<'_>,
    on_event: OnEvent<'_>,
) -> (Option<Outcome>, Tensor) {
    let examples = examples(7);
    let mut model = with_lora(Precision::F32, DROPOUT);
    let mut trainer = Trainer::new(&mut model, &examples, settings.clone()).unwrap();
    let outcome =
        catch_unwind(AssertUnwindSafe(|| fit(&mut trainer, dir, options, on_event).unwrap()));
    drop(trainer);
    (outcome.ok(), lora_values(&model))
}

/// Fits with a checkpoint every other step, evaluating held-out examples; dies right after an event if told so.
fn run(dir: &Path, settings: &SftConfig, dies_after: Option<usize>) -> (Option<Outcome>, Tensor) {
    let held_out_examples = held_out_examples();
    let held_out = Some(held_out(&held_out_examples));
    let options = FitOptions { checkpointing: CHECKPOINTING, held_out, stop: None };
    let mut events = 0;
    run_with(dir, settings, options, &mut |_| {
        events += 1;
        assert!(dies_after != Some(events), "killed");
        Ok(())
    })
}

/// The logs of a run.
fn logs(dir: &Path) -> [String; 2] {
    ["train.jsonl", "evaluations.jsonl"]
        .map(|name| std::fs::read_to_string(dir.join(name)).unwrap())
}

#[test]
fn a_run_killed_after_any_event_ends_with_the_same_weights_and_the_same_logs() {
    let undisturbed = tempfile::tempdir().unwrap();
    let (outcome, expected) = run(undisturbed.path(), &settings(), None);
    assert_eq!(outcome.unwrap().resumed_from, None);
    let expected_logs = logs(undisturbed.path());
    assert_eq!(expected_logs.each_ref().map(|log| log.lines().count()), [6, 4]);
    // Began, two steps with an evaluation and a checkpoint, twice; a step, an evaluation, a checkpoint.
    let resumed_from = [(1..=4, None), (5..=8, Some(2)), (9..=11, Some(4)), (12..=12, Some(5))];
    for (killed_after, resumed_from) in resumed_from {
        for killed_after in killed_after {
            let dir = tempfile::tempdir().unwrap();
            let (outcome, _) = run(dir.path(), &settings(), Some(killed_after));
            assert_eq!(outcome, None);
            let (outcome, weights) = run(dir.path(), &settings(), None);
            assert_eq!(outcome.unwrap().resumed_from, resumed_from, "killed after {killed_after}");
            assert!(weights.equal(&expected), "killed after {killed_after}");
            assert_eq!(logs(dir.path()), expected_logs, "killed after {killed_after}");
        }
    }
}

#[test]
fn evaluating_changes_neither_the_weights_nor_the_train_log() {
    let (with, without) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, expected) = run(with.path(), &settings(), None);
    let options = FitOptions::from(CHECKPOINTING);
    let (_, weights) = run_with(without.path(), &settings(), options, &mut |_| Ok(()));
    assert!(weights.equal(&expected));
    let [train, _] = logs(with.path());
    assert_eq!(std::fs::read_to_string(without.path().join("train.jsonl")).unwrap(), train);
    assert!(!without.path().join("evaluations.jsonl").exists());
}

/// What is called no improvement by a bar that nothing reaches: the first evaluation stays the best.
#[test]
fn training_ends_when_patience_does_and_the_best_checkpoint_stays() {
    let held_out_examples = held_out_examples();
    let settings = SftConfig { duration: Duration::Steps(9), ..settings() };
    let patient =
        HeldOut { min_improvement: 1e9, patience: Some(2), ..held_out(&held_out_examples) };
    let go = |dir: &Path, dies_after: Option<usize>| {
        let checkpointing = Checkpointing { every_steps: 3, keep: 1 };
        let options = FitOptions { checkpointing, held_out: Some(patient.clone()), stop: None };
        let mut events = 0;
        run_with(dir, &settings, options, &mut |_| {
            events += 1;
            assert!(dies_after != Some(events), "killed");
            Ok(())
        })
    };
    let (undisturbed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (outcome, expected) = go(undisturbed.path(), None);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.ending, outcome.steps), (Ending::OutOfPatience, 6));
    assert_eq!(checkpoints(undisturbed.path()), ["step-00000002", "step-00000006"]);

    // Killed within its first evaluation without improvement, and just before the end.
    for dies_after in [8, 9, 12] {
        assert_eq!(go(killed.path(), Some(dies_after)).0, None);
        let (again, weights) = go(killed.path(), None);
        let again = again.unwrap();
        assert_eq!((again.ending, again.best), (Ending::OutOfPatience, outcome.best));
        assert!(weights.equal(&expected));
        assert_eq!(logs(killed.path()), logs(undisturbed.path()));
        std::fs::remove_dir_all(killed.path()).unwrap();
    }
    let (again, _) = go(undisturbed.path(), None);
    let again = again.unwrap();
    assert_eq!((again.ending, again.last), (Ending::OutOfPatience, None));

    let best = outcome.best.unwrap();
    let path = best_checkpoint(undisturbed.path()).unwrap().unwrap();
    assert_eq!(path, undisturbed.path().join("step-00000002"));
    let examples = examples(7);
    let mut model = with_lora(Precision::F32, DROPOUT);
    let mut trainer = Trainer::new(&mut model, &examples, settings.clone()).unwrap();
    trainer.resume(path).unwrap();
    let HeldOut { examples, objective, micro_batch, .. } = &patient;
    let found = evaluate(trainer.model(), examples, objective, *micro_batch).unwrap();
    assert_eq!(best, Best { step: 2, loss: found.loss });
}

#[test]
fn a_run_that_is_asked_to_stop_saves_and_goes_on_as_if_it_had_not_been() {
    let undisturbed = tempfile::tempdir().unwrap();
    let (_, expected) = run(undisturbed.path(), &settings(), None);
    for stopped_at in 1..=5 {
        let dir = tempfile::tempdir().unwrap();
        let held_out_examples = held_out_examples();
        let stop = AtomicBool::new(false);
        let options = FitOptions {
            held_out: Some(held_out(&held_out_examples)),
            stop: Some(&stop),
            checkpointing: CHECKPOINTING,
        };
        let (outcome, _) = run_with(dir.path(), &settings(), options, &mut |event| {
            let is_time = matches!(event, Event::Stepped(record) if record.step == stopped_at);
            stop.fetch_or(is_time, Ordering::Relaxed);
            Ok(())
        });
        let outcome = outcome.unwrap();
        let ending = if stopped_at == 5 { Ending::Finished } else { Ending::Stopped };
        assert_eq!((outcome.ending, outcome.steps), (ending, stopped_at));
        let (outcome, weights) = run(dir.path(), &settings(), None);
        assert_eq!(outcome.unwrap().resumed_from, Some(stopped_at));
        assert!(weights.equal(&expected));
        assert_eq!(logs(dir.path()), logs(undisturbed.path()));
    }
}

#[test]
fn a_run_that_is_stopped_before_it_began_leaves_no_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(true);
    let options = FitOptions { stop: Some(&stop), ..FitOptions::default() };
    let (outcome, _) = run_with(dir.path(), &settings(), options, &mut |_| Ok(()));
    let outcome = outcome.unwrap();
    assert_eq!((outcome.ending, outcome.steps), (Ending::Stopped, 0));
    assert_eq!(latest_checkpoint(dir.path()).unwrap(), None);
}

#[test]
fn other_evaluations_than_the_checkpoints_are_refused_with_the_setting() {
    let dir = tempfile::tempdir().unwrap();
    let _ = run(dir.path(), &settings(), None);
    let (three, two) = (held_out_examples(), held_out_examples().split_off(1));
    let cases = [
        (Some(HeldOut { every_steps: 3, ..held_out(&three) }), "held_out.every_steps"),
        (Some(HeldOut { min_improvement: 0.5, ..held_out(&three) }), "held_out.min_improvement"),
        (Some(held_out(&two)), "held_out.data"),
        (None, "held_out"),
    ];
    for (held_out, expected) in cases {
        let examples = examples(7);
        let mut model = with_lora(Precision::F32, DROPOUT);
        let mut trainer = Trainer::new(&mut model, &examples, settings()).unwrap();
        let options = FitOptions { held_out, ..FitOptions::default() };
        let error = fit(&mut trainer, dir.path(), options, &mut |_| Ok(())).unwrap_err();
        let Error::CheckpointMismatch { field, .. } = &error else { panic!("{error}") };
        assert_eq!(field, expected);
    }
}

#[test]
fn evaluations_that_would_fail_are_refused_before_the_first_step() {
    let good = held_out_examples();
    let wild = [Example::from_mask("wild", vec![1, 99], &[false, true])];
    let cases = [
        (HeldOut::new(&[]), "there are no examples"),
        (HeldOut::new(&wild), "example `wild`: token 99"),
        (HeldOut { micro_batch: 0, ..HeldOut::new(&good) }, "`micro_batch`"),
        (HeldOut { patience: Some(0), ..HeldOut::new(&good) }, "`held_out.patience`"),
        (HeldOut { min_improvement: -1.0, ..HeldOut::new(&good) }, "`held_out.min_improvement`"),
    ];
    for (held_out, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let examples = examples(7);
        let mut model = with_lora(Precision::F32, 0.0);
        let mut trainer = Trainer::new(&mut model, &examples, settings()).unwrap();
        let options = FitOptions { held_out: Some(held_out), ..FitOptions::default() };
        let error = fit(&mut trainer, dir.path(), options, &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(trainer.steps_done(), 0);
    }
}

fn checkpoints(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("step-"));
    names.sort();
    names
}

#[test]
fn dropout_is_on_and_drawn_by_seed() {
    let losses = |dropout, seed| {
        let examples = examples(4);
        let mut model = with_lora(Precision::F32, dropout);
        super::disturb(&model);
        let mut settings = config(4, 1, 1e-2);
        settings.seed = thinksafe_core::seed::Seed(seed);
        settings.order = crate::Order::AsGiven;
        Trainer::new(&mut model, &examples, settings).unwrap().step().unwrap().loss
    };
    assert_eq!(losses(0.3, 1), losses(0.3, 1));
    assert_ne!(losses(0.3, 1), losses(0.3, 2));
    assert_eq!(losses(0.0, 1), losses(0.0, 2));
}

#[test]
fn a_finished_run_has_nothing_to_do_and_keeps_the_newest_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let (_, expected) = run(dir.path(), &settings(), None);
    let (outcome, weights) = run(dir.path(), &settings(), None);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.ending, outcome.steps), (Ending::Finished, 5));
    assert_eq!((outcome.resumed_from, outcome.last), (Some(5), None));
    assert!(weights.equal(&expected));
    let newest = checkpoints(dir.path()).split_off(checkpoints(dir.path()).len() - 2);
    assert_eq!(newest, ["step-00000004", "step-00000005"]);
}

#[test]
fn all_weights_resume_too() {
    let examples = examples(4);
    let settings = SftConfig { trainable: Trainable::All, ..config(2, 1, 1e-2) };
    let train = |dir: Option<&Path>, split: u64| {
        let mut model = base(Precision::F32);
        let mut trainer = Trainer::new(&mut model, &examples, settings.clone()).unwrap();
        if let Some(dir) = dir.and_then(|dir| latest_checkpoint(dir).unwrap()) {
            trainer.resume(dir).unwrap();
        }
        while trainer.steps_done() < split {
            trainer.step().unwrap();
        }
        if let Some(dir) = dir {
            trainer.save_checkpoint(dir, 1).unwrap();
        }
        drop(trainer);
        flat(model.parameters().into_iter().map(|(_, tensor)| tensor))
    };
    let dir = tempfile::tempdir().unwrap();
    let _ = train(Some(dir.path()), 2);
    assert!(train(Some(dir.path()), 5).equal(&train(None, 5)));
}

/// A trainer of other data, settings or parameters, and the field that gives it away.
#[test]
fn the_checkpoint_of_another_run_is_refused_with_the_field() {
    let dir = tempfile::tempdir().unwrap();
    let _ = run(dir.path(), &settings(), None);
    let checkpoint = latest_checkpoint(dir.path()).unwrap().unwrap();
    let mut other_lr = settings();
    other_lr.optimizer.lr = 0.5;
    let other_seed = SftConfig { seed: thinksafe_core::seed::Seed(1), ..settings() };
    let cases: [(&str, usize, SftConfig); 4] = [
        ("data", 6, settings()),
        ("config.optimizer.lr", 7, other_lr),
        ("config.seed", 7, other_seed),
        ("config.batch.examples", 7, {
            let mut other = settings();
            other.batch.examples = 1;
            other
        }),
    ];
    for (expected, n, settings) in cases {
        let examples = examples(n);
        let mut model = with_lora(Precision::F32, DROPOUT);
        let mut trainer = Trainer::new(&mut model, &examples, settings).unwrap();
        let error = trainer.resume(&checkpoint).unwrap_err();
        let Error::CheckpointMismatch { field, .. } = &error else { panic!("{error}") };
        assert_eq!(field, expected);
    }
    let examples = examples(7);
    let mut model = base(Precision::F32);
    let mut trainer = Trainer::new(&mut model, &examples, settings()).unwrap();
    let error = trainer.resume(&checkpoint).unwrap_err().to_string();
    assert!(error.contains("`parameters`") || error.contains("`adapter"), "{error}");
}

#[test]
fn damaged_checkpoints_are_refused_with_the_file() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("state.json", |path| std::fs::write(path.join("state.json"), "{").unwrap()),
        ("parameters.safetensors", |path| truncate(&path.join("parameters.safetensors"))),
        ("optimizer.safetensors", |path| truncate(&path.join("optimizer.safetensors"))),
        ("optimizer.safetensors", |path| {
            std::fs::remove_file(path.join("optimizer.safetensors")).unwrap();
        }),
    ];
    for (file, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let examples: Vec<Example> = examples(4);
        let mut model = with_lora(Precision::F32, 0.0);
        let mut trainer = Trainer::new(&mut model, &examples, config(2, 1, 1e-2)).unwrap();
        trainer.step().unwrap();
        let path = trainer.save_checkpoint(dir.path(), 1).unwrap();
        damage(&path);
        let error = trainer.resume(&path).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains("step-00000001"), "{error}");
    }
}

fn truncate(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() - 3]).unwrap();
}
