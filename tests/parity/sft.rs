//! Ten optimizer steps against TRL's trainer over PEFT.

use serde::Deserialize;
use thinksafe_sft::StepRecord;
use thinksafe_tests::close::{Tolerance, assert_close};
use thinksafe_tests::golden::{self, Tensors};
use thinksafe_tests::training::Settings;

use crate::support::Case;

#[derive(Debug, Deserialize)]
struct Step {
    loss: f64,
    grad_norm: f64,
    lr: f64,
}

#[test]
fn ten_steps_match_trl_in_loss_gradient_norm_and_weights() {
    let folder = golden::path("sft");
    let settings = Settings::read(&folder.join("settings.json"));
    let expected: Vec<Step> = golden::json(&folder.join("history.json"));
    let mut model = Case::named(&settings.base).model();
    model.load_lora(&folder.join("adapter")).unwrap();
    let steps = settings.train(&mut model, &folder.join("data.json")).unwrap();
    assert_eq!(steps.len(), expected.len());
    let loss = compare("loss", &steps, &expected, |s| s.loss, |e| e.loss);
    let norm = compare("gradient norm", &steps, &expected, |s| s.grad_norm, |e| e.grad_norm);
    let lr = compare("learning rate", &steps, &expected, |s| s.lr, |e| e.lr);
    let trained = Tensors::read(&folder.join("trained/adapter_model.safetensors"));
    let start = Tensors::read(&folder.join("adapter/adapter_model.safetensors"));
    let ours = model.lora_parameters();
    assert_eq!(ours.len(), trained.names().len());
    let mut weights = 0.0f64;
    for (name, tensor) in ours {
        let moved = (trained.tensor(&name) - start.tensor(&name)).abs().max().double_value(&[]);
        assert!(moved > 100.0 * Tolerance::F32.atol, "{name} was not trained");
        weights = weights.max(assert_close(&name, &tensor, trained.tensor(&name), Tolerance::F32));
    }
    println!(
        "| ten steps | loss {loss:.1e} | gradient norm {norm:.1e} | rate {lr:.1e} | weights {weights:.1e} |"
    );
}

/// The largest relative error over the steps.
fn compare(
    what: &str,
    ours: &[StepRecord],
    theirs: &[Step],
    our_value: impl Fn(&StepRecord) -> f64,
    their_value: impl Fn(&Step) -> f64,
) -> f64 {
    let errors = ours.iter().zip(theirs).map(|(a, b)| {
        let (step, a, b) = (a.step, our_value(a), their_value(b));
        assert!(Tolerance::STEPS.holds(a, b), "{what} of step {step}: {a}, TRL has {b}");
        if b == 0.0 { a.abs() } else { (a / b - 1.0).abs() }
    });
    errors.fold(0.0, f64::max)
}
