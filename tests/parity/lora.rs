//! Adapters that PEFT saved: logits with them, without them, merged, and saved again.

use std::path::Path;

use thinksafe_runtime::{CausalLm, LoraSwitch};
use thinksafe_tests::close::{Tolerance, assert_close};
use thinksafe_tests::golden::{self, Tensors};

use crate::support::{Case, logits};

#[test]
fn adapters_of_peft_give_its_logits() {
    println!("| adapter | added | merged | switched off | saved by us |");
    for (name, folder) in golden::cases("lora") {
        let base = std::fs::read_to_string(folder.join("base.txt")).unwrap();
        let case = Case::named(base.trim());
        let adapted = Tensors::read(&folder.join("expected.safetensors"));
        let mut model = case.model();
        model.load_lora(&folder).unwrap();
        let added = compare(&model, &case, &adapted, "logits");
        let saved = saved_again(&model, &case, &adapted);
        model.set_lora(LoraSwitch::Off);
        let off = compare(&model, &case, &case.expected, "logits");
        model.set_lora(LoraSwitch::On);
        model.merge_lora().unwrap();
        assert!(model.lora_parameters().is_empty());
        let merged = compare(&model, &case, &adapted, "merged");
        println!("| {name} | {added:.1e} | {merged:.1e} | {off:.1e} | {saved:.1e} |");
    }
}

#[test]
fn a_merged_model_saves_and_loads_as_itself() {
    let case = Case::named("qwen3-gqa-tied");
    let mut model = case.model();
    model.load_lora(&golden::path("lora/qv")).unwrap();
    model.merge_lora().unwrap();
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path()).unwrap();
    let again = crate::support::load(folder.path());
    for prompt in case.prompts() {
        let (a, b) = (logits(&again, &prompt), logits(&model, &prompt));
        assert_close("saved and loaded", &a, &b, Tolerance::EXACT);
    }
}

fn saved_again(model: &CausalLm, case: &Case, adapted: &Tensors) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    model.save_lora(folder.path()).unwrap();
    let files = |path: &Path| std::fs::read_dir(path).unwrap().count();
    assert_eq!(files(folder.path()), 2, "adapter_config.json and adapter_model.safetensors");
    let mut again = case.model();
    again.load_lora(folder.path()).unwrap();
    compare(&again, case, adapted, "logits")
}

fn compare(model: &CausalLm, case: &Case, expected: &Tensors, name: &str) -> f64 {
    let errors = case.prompts().into_iter().enumerate().map(|(i, prompt)| {
        let expected = expected.tensor(&format!("{name}.{i}"));
        let what = format!("{} {name}.{i}", case.name);
        assert_close(&what, &logits(model, &prompt), expected, Tolerance::F32)
    });
    errors.fold(0.0, f64::max)
}
