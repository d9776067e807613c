//! What training promises, on tiny random models.

#[expect(clippy::float_cmp, reason = "weights are copied, not computed")]
mod encoding;
mod gradients;
mod parity;
#[expect(clippy::float_cmp, reason = "runs repeat bit for bit")]
mod resume;
mod training;

use std::path::Path;

use tch::{Kind, Tensor};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::seed::{Philox, Seed};
use thinksafe_runtime::{CausalLm, Device, LoraConfig, ModelConfig, Placement, Precision};

use crate::{BatchSize, Example, SftConfig};

const VOCABULARY: u32 = 31;

/// A random Qwen3 of two layers with tied embeddings.
fn base(precision: Precision) -> CausalLm {
    random(precision, 0.3)
}

/// The same with weights of another size: logits are the larger the larger the embeddings.
fn random(precision: Precision, deviation: f64) -> CausalLm {
    let config = r#"{
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 31,
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "hidden_act": "silu",
        "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 64,
        "tie_word_embeddings": true, "attention_bias": false, "initializer_range": DEVIATION,
        "torch_dtype": "float32"
    }"#;
    let config = ModelConfig::from_json(
        &config.replace("DEVIATION", &deviation.to_string()),
        Path::new("config.json"),
    )
    .unwrap();
    CausalLm::random(config, Placement { device: Device::CPU, precision }, Seed(3)).unwrap()
}

/// The same with an adapter.
fn with_lora(precision: Precision, dropout: f64) -> CausalLm {
    let mut model = base(precision);
    let lora = LoraConfig { rank: 4, alpha: 8.0, dropout, ..LoraConfig::default() };
    model.attach_lora(lora, Seed(5)).unwrap();
    model
}

/// `n` examples of unequal lengths, the first third of each being prompt; labels alternate.
fn examples(n: usize) -> Vec<Example> {
    let draws = Philox::new(11);
    (0..n as u64)
        .map(|i| {
            let length = 4 + draws.bits(i) % 14;
            let ids: Vec<u32> = (0..length)
                .map(|t| (draws.bits(1000 + 100 * i + t) % u64::from(VOCABULARY)) as u32)
                .collect();
            let supervised: Vec<bool> = (0..length).map(|t| t > length / 3).collect();
            let harmful = i % 2 == 0;
            let label =
                if harmful { PromptLabel::VanillaHarmful } else { PromptLabel::VanillaBenign };
            Example::from_mask(format!("e{i}"), ids, &supervised).labeled(label)
        })
        .collect()
}

fn config(micro_batch: usize, accumulation: usize, lr: f64) -> SftConfig {
    let mut config = SftConfig {
        batch: BatchSize::accumulated(micro_batch, accumulation),
        ..SftConfig::default()
    };
    config.optimizer.lr = lr;
    config
}

/// All tensors of a list in one vector.
fn flat(tensors: impl IntoIterator<Item = Tensor>) -> Tensor {
    let parts: Vec<Tensor> = tensors.into_iter().map(|t| t.detach().flatten(0, -1)).collect();
    Tensor::cat(&parts, 0).to_kind(Kind::Double)
}

fn lora_values(model: &CausalLm) -> Tensor {
    flat(model.lora_parameters().into_iter().map(|(_, tensor)| tensor))
}

fn lora_gradients(model: &CausalLm) -> Tensor {
    flat(model.lora_parameters().into_iter().map(|(_, tensor)| tensor.grad()))
}

/// Moves lora_B away from zero, so that gradients reach both factors.
fn disturb(model: &CausalLm) {
    let draws = Philox::new(1);
    tch::no_grad(|| {
        for (i, (_, mut tensor)) in model.lora_parameters().into_iter().enumerate() {
            let noise: Vec<f32> = (0..tensor.numel() as u64)
                .map(|n| 0.3 * (draws.uniform(((i as u64) << 32) | n) - 0.5) as f32)
                .collect();
            let _ = tensor.g_add_(&Tensor::from_slice(&noise).reshape(tensor.size()));
        }
    });
}

/// The largest difference relative to the largest value.
fn relative_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[]) / b.abs().max().double_value(&[])
}
