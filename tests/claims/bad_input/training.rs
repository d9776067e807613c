//! Training data and checkpoints.

use std::path::Path;

use thinksafe_runtime::{CausalLm, Placement};
use thinksafe_sft::{Checkpointing, Duration, Example, SftConfig, Trainer, fit};
use thinksafe_tests::golden;

use super::{Bad, Failure, edit_bytes, edit_json};

pub(super) const CASES: &[Bad] = &[
    Bad {
        input: "nothing to train on",
        error: "Sft(NoExamples",
        says: &["no examples"],
        attempt: |dir| train(dir, &[], &config()),
    },
    Bad {
        input: "a token outside the model's vocabulary",
        error: "Sft(Example",
        says: &["`second`", "token 5000", "103"],
        attempt: |dir| {
            let mut examples = examples();
            examples[1].ids[2] = 5000;
            train(dir, &examples, &config())
        },
    },
    Bad {
        input: "an example without a supervised token",
        error: "Sft(Example",
        says: &["`first`", "no token is supervised"],
        attempt: |dir| {
            let mut examples = examples();
            examples[0].weights.fill(0.0);
            train(dir, &examples, &config())
        },
    },
    Bad {
        input: "a checkpoint of another configuration",
        error: "Sft(CheckpointMismatch",
        says: &["step-00000002", "`config.optimizer.lr`"],
        attempt: |dir| {
            train(dir, &examples(), &config())?;
            let mut other = config();
            other.optimizer.lr = 0.5;
            train(dir, &examples(), &other)
        },
    },
    Bad {
        input: "a checkpoint of other data",
        error: "Sft(CheckpointMismatch",
        says: &["step-00000002", "`data`"],
        attempt: |dir| {
            train(dir, &examples(), &config())?;
            train(dir, &examples()[..1], &config())
        },
    },
    Bad {
        input: "a checkpoint whose tensors were damaged",
        error: "Sft(Checkpoint {",
        says: &["step-00000002", "parameters.safetensors"],
        attempt: |dir| {
            damaged(dir, |checkpoint| {
                let file = checkpoint.join("parameters.safetensors");
                edit_bytes(&file, |bytes| *bytes.last_mut().unwrap() ^= 1);
            })
        },
    },
    Bad {
        input: "a checkpoint of another version",
        error: "Sft(Checkpoint {",
        says: &["step-00000002", "version 9"],
        attempt: |dir| {
            damaged(dir, |checkpoint| {
                edit_json(&checkpoint.join("state.json"), |state| state["version"] = 9.into());
            })
        },
    },
    Bad {
        input: "a checkpoint without its state",
        error: "Sft(Core(Io",
        says: &["step-00000002/state.json", "No such file"],
        attempt: |dir| {
            damaged(dir, |checkpoint| std::fs::remove_file(checkpoint.join("state.json")).unwrap())
        },
    },
    Bad {
        input: "a checkpoint whose train log is gone",
        error: "Sft(CheckpointMismatch",
        says: &["train.jsonl", "`number of records` is 0"],
        attempt: |dir| {
            train(dir, &examples(), &config())?;
            std::fs::remove_file(dir.join("train.jsonl")).unwrap();
            train(dir, &examples(), &config())
        },
    },
];

fn examples() -> Vec<Example> {
    vec![
        Example::from_mask("first", vec![7, 8, 9], &[false, true, true]),
        Example::from_mask("second", vec![9, 8, 7], &[false, false, true]),
    ]
}

fn config() -> SftConfig {
    SftConfig { duration: Duration::Steps(2), ..SftConfig::default() }
}

/// Trains a golden model to the end, with checkpoints and log in `dir`.
fn train(dir: &Path, examples: &[Example], config: &SftConfig) -> Result<(), Failure> {
    let mut model =
        CausalLm::load(&golden::path("models/qwen3-gqa-tied"), Placement::CPU_F32).unwrap();
    model.load_lora(&golden::path("lora/qv")).unwrap();
    let mut trainer = Trainer::new(&mut model, examples, config.clone())?;
    fit(&mut trainer, dir, Checkpointing::default(), &mut |_| Ok(()))?;
    Ok(())
}

fn damaged(dir: &Path, damage: fn(&Path)) -> Result<(), Failure> {
    train(dir, &examples(), &config())?;
    damage(&dir.join("step-00000002"));
    train(dir, &examples(), &config())
}
