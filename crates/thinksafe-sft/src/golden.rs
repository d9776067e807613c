//! AdamW, clipping and schedules against numbers of torch and transformers (`tests/golden/optimizer.py`).

use serde_json::Value;
use tch::Tensor;

use crate::optimizer::{AdamW, AdamWConfig, clip_gradients};
use crate::schedule::{Decay, Schedule, Warmup};

fn golden() -> Value {
    serde_json::from_str(include_str!("../tests/golden/optimizer.json")).unwrap()
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// A matrix `[3, 2]` and a vector `[4]`.
fn tensors(value: &Value) -> Vec<Tensor> {
    let tensor = |index: usize, shape: &[i64]| {
        let values: Vec<f32> = flat(&value[index]).iter().map(|v| *v as f32).collect();
        Tensor::from_slice(&values).reshape(shape)
    };
    vec![tensor(0, &[3, 2]), tensor(1, &[4])]
}

fn assert_close(actual: &Tensor, expected: &Tensor) {
    assert!(actual.allclose(expected, 1e-6, 1e-7, false), "{actual:?} instead of {expected:?}");
}

#[test]
fn adamw_makes_the_updates_of_torch() {
    for case in golden()["adamw"].as_array().unwrap() {
        let betas = flat(&case["betas"]);
        let config = AdamWConfig {
            lr: 1.0,
            betas: (betas[0], betas[1]),
            eps: case["eps"].as_f64().unwrap(),
            weight_decay: case["weight_decay"].as_f64().unwrap(),
        };
        let parameters = tensors(&case["start"]);
        let mut optimizer = AdamW::new(config, &parameters);
        for step in case["steps"].as_array().unwrap() {
            let gradients = tensors(&step["gradients"]);
            optimizer.step(&parameters, &gradients, step["lr"].as_f64().unwrap());
            for (actual, expected) in parameters.iter().zip(tensors(&step["parameters"])) {
                assert_close(actual, &expected);
            }
        }
        assert_eq!(optimizer.steps(), case["steps"].as_array().unwrap().len() as u64);
    }
}

#[test]
fn clipping_is_that_of_torch_and_returns_the_norm() {
    for case in golden()["clip"].as_array().unwrap() {
        let gradients = tensors(&case["gradients"]);
        let norm = clip_gradients(&gradients, case["max_norm"].as_f64());
        let expected = case["norm"].as_f64().unwrap();
        assert!((norm.double_value(&[]) / expected - 1.0).abs() < 1e-6);
        for (clipped, expected) in gradients.iter().zip(tensors(&case["clipped"])) {
            assert_close(clipped, &expected);
        }
    }
}

#[test]
fn without_a_bound_the_norm_is_only_measured() {
    let gradients = [Tensor::from_slice(&[3.0f32, 4.0])];
    assert!((clip_gradients(&gradients, None).double_value(&[]) - 5.0).abs() < 1e-6);
    assert_close(&gradients[0], &Tensor::from_slice(&[3.0f32, 4.0]));
}

#[test]
fn schedules_are_those_of_transformers() {
    for case in golden()["schedules"].as_array().unwrap() {
        let decay = match case["name"].as_str().unwrap() {
            "cosine" => Decay::Cosine,
            "linear" => Decay::Linear,
            _ => Decay::Constant,
        };
        let schedule = Schedule { warmup: Warmup::Ratio(case["ratio"].as_f64().unwrap()), decay };
        let total = case["total"].as_u64().unwrap();
        for (step, expected) in flat(&case["factors"]).into_iter().enumerate() {
            let factor = schedule.factor(step as u64, total);
            assert!((factor - expected).abs() < 1e-12, "{case}: step {step}: {factor}");
        }
    }
}
