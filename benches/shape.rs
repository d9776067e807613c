//! The shapes of models that are measured.

use clap::ValueEnum;
use serde_json::{Value, json};
use thinksafe_runtime::ModelConfig;

/// A model with random weights, Qwen3's unless another is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "a choice of the command line")]
pub enum Shape {
    /// 7 million parameters, which a processor's cache holds.
    Tiny,
    /// 54 million.
    Small,
    /// 104 million in Llama's layout, with the vocabulary of Llama 3: small for a guard, with a guard's tokenizer.
    GuardSmall,
    /// Qwen3-0.6B.
    #[value(name = "qwen3-0.6b")]
    Qwen3B06,
    /// Qwen3-1.7B.
    #[value(name = "qwen3-1.7b")]
    Qwen3B17,
    /// Qwen3-8B.
    #[value(name = "qwen3-8b")]
    Qwen3B8,
}

/// The dimensions in which the shapes differ.
struct Dimensions {
    family: &'static str,
    hidden: u32,
    layers: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    intermediate: u32,
    vocab: u32,
    tied: bool,
}

impl Shape {
    /// The name on the command line, and that of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::GuardSmall => "guard-small",
            Self::Qwen3B06 => "qwen3-0.6b",
            Self::Qwen3B17 => "qwen3-1.7b",
            Self::Qwen3B8 => "qwen3-8b",
        }
    }

    /// The configuration as `config.json` has it. It names no token that ends a turn, so that every text has the length
    /// that was asked for.
    pub fn json(self) -> Value {
        let d = self.dimensions();
        json!({
            "architectures": [format!("{}ForCausalLM", d.family)],
            "model_type": d.family.to_lowercase(),
            "attention_bias": false,
            "attention_dropout": 0.0,
            "head_dim": d.head_dim,
            "hidden_act": "silu",
            "hidden_size": d.hidden,
            "initializer_range": 0.02,
            "intermediate_size": d.intermediate,
            "max_position_embeddings": 40_960,
            "num_attention_heads": d.heads,
            "num_hidden_layers": d.layers,
            "num_key_value_heads": d.kv_heads,
            "pad_token_id": 0,
            "rms_norm_eps": 1e-6,
            "rope_theta": 1e6,
            "tie_word_embeddings": d.tied,
            "use_cache": true,
            "vocab_size": d.vocab,
        })
    }

    /// The configuration.
    ///
    /// # Panics
    /// If the library refuses it.
    pub fn config(self) -> ModelConfig {
        ModelConfig::from_json(&self.json().to_string(), "config.json".as_ref())
            .expect("the shapes are supported")
    }

    fn dimensions(self) -> Dimensions {
        let shape = |hidden, layers, heads, kv_heads, head_dim| Dimensions {
            family: "Qwen3",
            hidden,
            layers,
            heads,
            kv_heads,
            head_dim,
            intermediate: 3 * hidden,
            vocab: 151_936,
            tied: true,
        };
        match self {
            Self::Tiny => Dimensions { vocab: 4096, ..shape(256, 6, 8, 4, 64) },
            Self::Small => Dimensions { vocab: 32_000, ..shape(512, 12, 8, 4, 64) },
            Self::GuardSmall => {
                Dimensions { family: "Llama", vocab: 128_256, ..shape(512, 12, 8, 4, 64) }
            }
            Self::Qwen3B06 => shape(1024, 28, 16, 8, 128),
            Self::Qwen3B17 => shape(2048, 28, 16, 8, 128),
            Self::Qwen3B8 => Dimensions { tied: false, ..shape(4096, 36, 32, 8, 128) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for shape in Shape::value_variants() {
            assert_eq!(shape.to_possible_value().unwrap().get_name(), shape.name());
        }
    }
}
