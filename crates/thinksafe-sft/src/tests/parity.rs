//! Ten optimizer steps of TRL's trainer over PEFT, from the same adapter and examples.

use std::path::{Path, PathBuf};

use serde_json::Value;
use thinksafe_runtime::{CausalLm, Device, Placement, Precision};

use super::{lora_values, relative_difference};
use crate::{BatchSize, Decay, Duration, Example, Order, Schedule, SftConfig, Trainer, Warmup};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn json(name: &str) -> Value {
    thinksafe_core::fs::read_json(golden().join("sft").join(name), "golden").unwrap()
}

fn model(adapter: &str) -> CausalLm {
    let placement = Placement { device: Device::CPU, precision: Precision::F32 };
    let mut model = CausalLm::load(&golden().join("models/qwen3-gqa-tied"), placement).unwrap();
    model.load_lora(&golden().join("sft").join(adapter)).unwrap();
    model
}

fn example(row: &Value) -> Example {
    let ids: Vec<u32> = serde_json::from_value(row["ids"].clone()).unwrap();
    let prompt = row["prompt"].as_u64().unwrap() as usize;
    let supervised: Vec<bool> = (0..ids.len()).map(|i| i >= prompt).collect();
    Example::from_mask("row", ids, &supervised)
}

#[test]
fn losses_norms_rates_and_weights_are_those_of_trl() {
    let settings = json("settings.json");
    let number = |name: &str| settings[name].as_f64().unwrap();
    let mut config = SftConfig {
        duration: Duration::Steps(number("steps") as u64),
        batch: BatchSize::accumulated(number("batch") as usize, number("accumulation") as usize),
        order: Order::AsGiven,
        schedule: Schedule { warmup: Warmup::Ratio(number("warmup_ratio")), decay: Decay::Cosine },
        max_grad_norm: Some(number("max_grad_norm")),
        ..SftConfig::default()
    };
    config.optimizer.lr = number("lr");
    let examples: Vec<Example> =
        json("data.json").as_array().unwrap().iter().map(example).collect();
    let mut model = model("adapter");
    let mut trainer = Trainer::new(&mut model, &examples, config).unwrap();
    let mut largest = 0.0f64;
    for expected in json("history.json").as_array().unwrap() {
        let record = trainer.step().unwrap();
        for (name, actual) in
            [("loss", record.loss), ("grad_norm", record.grad_norm), ("lr", record.lr)]
        {
            let expected = expected[name].as_f64().unwrap();
            let error = (actual - expected).abs() / expected.abs().max(1e-12);
            assert!(error < 1e-4, "step {}: {name} {actual}, TRL {expected}", record.step);
            largest = largest.max(error);
        }
    }
    drop(trainer);
    let difference =
        relative_difference(&lora_values(&model), &lora_values(&self::model("trained")));
    assert!(difference < 1e-3, "{difference}");
    println!("largest relative error {largest:.1e}, of the weights {difference:.1e}");
}
