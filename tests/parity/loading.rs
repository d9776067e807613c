//! Checkpoints in shards and in half precision.

use tch::{Kind, Tensor};
use thinksafe_runtime::{CausalLm, Device, Placement, Precision};
use thinksafe_tests::close::{Tolerance, assert_close};
use thinksafe_tests::golden::{self, Tensors};

use crate::support::{Case, PROMPTS, load, logits};

const SOURCE: &str = "qwen3-gqa-tied";

#[test]
fn shards_load_as_the_same_model() {
    let case = Case::named(SOURCE);
    let (whole, sharded) = (case.model(), load(&golden::path("loading/sharded")));
    for prompt in case.prompts() {
        let (a, b) = (logits(&sharded, &prompt), logits(&whole, &prompt));
        assert_close("sharded", &a, &b, Tolerance::EXACT);
    }
}

#[test]
fn stored_half_precision_widens_to_the_same_logits() {
    for (name, _) in HALVES {
        let folder = golden::path("loading").join(name);
        let expected = Tensors::read(&folder.join("expected.safetensors"));
        let model = load(&folder);
        let errors = Case::named(SOURCE).prompts().into_iter().enumerate().map(|(i, prompt)| {
            let expected = expected.tensor(&format!("f32.{i}"));
            assert_close(name, &logits(&model, &prompt), expected, Tolerance::F32)
        });
        println!("| {name} weights in f32 | {:.1e} |", errors.fold(0.0, f64::max));
    }
}

/// Half precision rounds at every step, so two implementations differ as much as either does from f32; ours may
/// not be further from f32 than twice what `transformers` is.
#[test]
fn half_precision_computes_as_exactly_as_transformers() {
    for (name, precision) in HALVES {
        let folder = golden::path("loading").join(name);
        let expected = Tensors::read(&folder.join("expected.safetensors"));
        let placement = Placement { device: Device::CPU, precision };
        let model = CausalLm::load(&folder, placement).unwrap();
        let [mut ours, mut theirs, mut between] = [0.0f64; 3];
        for (i, prompt) in Case::named(SOURCE).prompts().iter().enumerate().take(PROMPTS) {
            let logits = logits(&model, prompt);
            let reference = expected.tensor(&format!("f32.{i}"));
            let half = expected.tensor(&format!("half.{i}"));
            assert_eq!(logits.kind(), half.kind(), "{name}: the model's own precision");
            ours = ours.max(largest_difference(&logits, reference));
            theirs = theirs.max(largest_difference(half, reference));
            between = between.max(largest_difference(&logits, half));
        }
        println!("| {name} | to f32: ours {ours:.1e}, transformers {theirs:.1e} | {between:.1e} |");
        assert!(ours <= 2.0 * theirs, "{name}: {ours} from f32, transformers {theirs}");
    }
}

const HALVES: [(&str, Precision); 2] = [("bf16", Precision::Bf16), ("f16", Precision::F16)];

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a.to_kind(Kind::Double) - b.to_kind(Kind::Double)).abs().max().double_value(&[])
}
