//! A run that is broken off twice, with event files: what TensorBoard must show as one.

use std::path::Path;
use std::time::Duration;

use thinksafe_core::prompt::PromptLabel;
use thinksafe_runtime::{CausalLm, Placement};
use thinksafe_sft::{
    Checkpointing, Duration as Length, Error, Event, Example, FitOptions, HeldOut, Meter,
    Objective, Reduction, SftConfig, TensorBoard, Trainer, fit,
};

use crate::Failure;

/// Optimizer steps, a checkpoint after every third, an evaluation after every second.
const STEPS: u64 = 12;

/// Trains in `out`: broken off before the first checkpoint, then two steps after one, then to the end.
pub(crate) fn watch(model: &Path, out: &Path) -> Result<(), Failure> {
    for dies_at in [2, 8] {
        if train(model, out, Some(dies_at)).is_ok() {
            return Err(format!("the run did not break off at step {dies_at}").into());
        }
    }
    train(model, out, None)
}

fn train(model: &Path, out: &Path, dies_at: Option<u64>) -> Result<(), Failure> {
    let mut model = CausalLm::load(model, Placement::CPU_F32)?;
    let (training, held_out): (Vec<Example>, Vec<Example>) =
        ((0..12).map(example).collect(), (12..15).map(example).collect());
    let objective = Objective::thinksafe_kl(Reduction::TokenMean);
    let config = SftConfig {
        duration: Length::Steps(STEPS),
        objective: objective.clone(),
        ..SftConfig::default()
    };
    let mut trainer = Trainer::new(&mut model, &training, config)?;
    let options = FitOptions {
        checkpointing: Checkpointing { every_steps: 3, keep: 1 },
        held_out: Some(HeldOut {
            every_steps: 2,
            keep_best: false,
            objective,
            ..HeldOut::new(&held_out)
        }),
        stop: None,
    };
    // A wall clock that stands still: files are told apart all the same.
    let mut board =
        TensorBoard::new(out.join("tensorboard"), || Duration::from_secs(1_700_000_000));
    let mut milliseconds = 0;
    let mut meter = Meter::new(|| {
        milliseconds += 1;
        Duration::from_millis(milliseconds)
    });
    fit(&mut trainer, out, options, &mut |event| {
        board.write(event, meter.read(event).as_ref())?;
        match event {
            Event::Stepped(record) if Some(record.step) == dies_at => Err(Error::NoExamples),
            _ => Ok(()),
        }
    })?;
    Ok(())
}

fn example(index: u32) -> Example {
    let ids: Vec<u32> = (0..20 + index).map(|i| 6 + (i * i + index) % 90).collect();
    let supervised: Vec<bool> = (0..ids.len()).map(|i| i >= 5).collect();
    let harmful = index.is_multiple_of(2);
    let label = if harmful { PromptLabel::VanillaHarmful } else { PromptLabel::VanillaBenign };
    Example::from_mask(index.to_string(), ids, &supervised).labeled(label)
}
