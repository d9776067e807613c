//! Interrupted runs end as undisturbed ones.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tch::Tensor;
use thinksafe_runtime::Precision;

use super::{base, config, examples, flat, lora_values, with_lora};
use crate::{
    Checkpointing, Duration, Error, Example, Objective, Outcome, Reduction, SftConfig, Trainable,
    Trainer, fit, latest_checkpoint,
};

const DROPOUT: f64 = 0.3;

fn settings() -> SftConfig {
    let objective = Objective::thinksafe_kl(Reduction::TokenMean);
    SftConfig { duration: Duration::Steps(5), objective, ..config(2, 2, 1e-2) }
}

/// Fits a fresh model in `dir`; the process "dies" right after a step if told so.
fn run(dir: &Path, settings: &SftConfig, dies_after: Option<u64>) -> (Option<Outcome>, Tensor) {
    let examples = examples(7);
    let mut model = with_lora(Precision::F32, DROPOUT);
    let checkpointing = Checkpointing { every_steps: 2, keep: 2 };
    let mut trainer = Trainer::new(&mut model, &examples, settings.clone()).unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        fit(&mut trainer, dir, checkpointing, &mut |progress| {
            assert!(dies_after != Some(progress.done), "killed");
        })
        .unwrap()
    }));
    drop(trainer);
    (outcome.ok(), lora_values(&model))
}

#[test]
fn an_interrupted_run_ends_with_the_same_weights_and_the_same_log() {
    let undisturbed = tempfile::tempdir().unwrap();
    let (outcome, expected) = run(undisturbed.path(), &settings(), None);
    assert_eq!(outcome.unwrap().resumed_from, None);
    let log = |dir: &Path| std::fs::read_to_string(dir.join("train.jsonl")).unwrap();
    assert_eq!(log(undisturbed.path()).lines().count(), 6);
    for (killed_at, resumed_from) in
        [(1, None), (2, None), (3, Some(2)), (4, Some(2)), (5, Some(4))]
    {
        let dir = tempfile::tempdir().unwrap();
        let (outcome, _) = run(dir.path(), &settings(), Some(killed_at));
        assert_eq!(outcome, None);
        let (outcome, weights) = run(dir.path(), &settings(), None);
        assert_eq!(outcome.unwrap().resumed_from, resumed_from, "killed at {killed_at}");
        assert!(weights.equal(&expected), "killed at {killed_at}");
        assert_eq!(log(dir.path()), log(undisturbed.path()), "killed at {killed_at}");
    }
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
    assert_eq!(outcome.unwrap(), Outcome { steps: 5, resumed_from: Some(5), last: None });
    assert!(weights.equal(&expected));
    let mut names: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["step-00000004", "step-00000005", "train.jsonl"]);
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
