//! The Hugging Face folders of the two models, without their weights: tokenizer, templates, configurations.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use thinksafe_core::seed::Seed;

use crate::pools::Pool;
use crate::pretraining::Pretraining;
use crate::prompts::{HeldOut, post_training};
use crate::tokenizer::{Added, first_added_id, pieces, tokenizer_json, vocabulary_size};
use crate::words::Type;

/// A file of a folder: name and content.
pub type File = (&'static str, String);

const MODEL_TEMPLATE: &str = include_str!("../data/model/chat_template.jinja");
const GUARD_TEMPLATE: &str = include_str!("../data/guard/chat_template.jinja");

/// How many samples the vocabulary is collected from; every word occurs among them.
const SWEEP: u64 = 30_000;

const fn special(text: &'static str) -> Added {
    Added { text, special: true }
}

const fn mark(text: &'static str) -> Added {
    Added { text, special: false }
}

const MODEL_TOKENS: [Added; 5] = [
    special("<|endoftext|>"),
    special("<|im_start|>"),
    special("<|im_end|>"),
    mark("<think>"),
    mark("</think>"),
];

const GUARD_TOKENS: [Added; 5] = [
    special("<|begin_of_text|>"),
    special("<|end_of_text|>"),
    special("<|start_header_id|>"),
    special("<|end_header_id|>"),
    special("<|eot_id|>"),
];

/// Every file of the reasoner's folder but its weights: Qwen3's architecture, chat template and turn marks.
pub fn model_files() -> Vec<File> {
    let words = &*WORDS;
    let end_of_text = first_added_id(words);
    let end_of_turn = end_of_text + 2;
    let config = json!({
        "architectures": ["Qwen3ForCausalLM"],
        "attention_bias": false,
        "attention_dropout": 0.0,
        "bos_token_id": null,
        "eos_token_id": end_of_turn,
        "head_dim": 32,
        "hidden_act": "silu",
        "hidden_size": 128,
        "initializer_range": 0.05,
        "intermediate_size": 384,
        "max_position_embeddings": 1024,
        "model_type": "qwen3",
        "num_attention_heads": 4,
        "num_hidden_layers": 5,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_scaling": null,
        "rope_theta": 10000.0,
        "sliding_window": null,
        "tie_word_embeddings": true,
        "torch_dtype": "bfloat16",
        "use_cache": true,
        "use_sliding_window": false,
        "vocab_size": vocabulary_size(words, &MODEL_TOKENS),
    });
    let generation = json!({
        "do_sample": true,
        "eos_token_id": [end_of_turn, end_of_text],
        "pad_token_id": end_of_text,
        "temperature": 0.6,
        "top_p": 0.95,
    });
    vec![
        ("config.json", text(&config)),
        ("generation_config.json", text(&generation)),
        ("tokenizer.json", text(&tokenizer_json(words, &MODEL_TOKENS, None))),
        ("tokenizer_config.json", text(&tokenizer_config(None, "<|im_end|>", "<|endoftext|>"))),
        ("chat_template.jinja", MODEL_TEMPLATE.to_owned()),
    ]
}

/// Every file of the guard's folder but its weights: Llama's architecture, the layout of Llama Guard.
pub fn guard_files() -> Vec<File> {
    let words = &*WORDS;
    let first = first_added_id(words);
    let config = json!({
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": false,
        "attention_dropout": 0.0,
        "bos_token_id": first,
        "eos_token_id": first + 4,
        "head_dim": 32,
        "hidden_act": "silu",
        "hidden_size": 64,
        "initializer_range": 0.05,
        "intermediate_size": 192,
        "max_position_embeddings": 2048,
        "mlp_bias": false,
        "model_type": "llama",
        "num_attention_heads": 4,
        "num_hidden_layers": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5,
        "rope_scaling": null,
        "rope_theta": 10000.0,
        "tie_word_embeddings": true,
        "torch_dtype": "bfloat16",
        "use_cache": true,
        "vocab_size": vocabulary_size(words, &GUARD_TOKENS),
    });
    let generation = json!({
        "bos_token_id": first,
        "do_sample": false,
        "eos_token_id": [first + 1, first + 4],
        "pad_token_id": first + 1,
    });
    let bos = "<|begin_of_text|>";
    vec![
        ("config.json", text(&config)),
        ("generation_config.json", text(&generation)),
        ("tokenizer.json", text(&tokenizer_json(words, &GUARD_TOKENS, Some(bos)))),
        (
            "tokenizer_config.json",
            text(&tokenizer_config(Some(bos), "<|eot_id|>", "<|end_of_text|>")),
        ),
        ("chat_template.jinja", GUARD_TEMPLATE.to_owned()),
    ]
}

fn tokenizer_config(bos: Option<&str>, eos: &str, pad: &str) -> Value {
    json!({
        "add_bos_token": bos.is_some(),
        "add_prefix_space": false,
        "bos_token": bos,
        "clean_up_tokenization_spaces": false,
        "eos_token": eos,
        "model_max_length": 1024,
        "pad_token": pad,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": null,
    })
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

static WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(world_pieces);

/// What the text of the world consists of, in both models' layouts.
fn world_pieces() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |text: &str| {
        for piece in pieces(text) {
            if !found.contains(piece) {
                found.insert(piece.to_owned());
            }
        }
    };
    let pretraining = Pretraining::new(Seed(1));
    for index in 0..SWEEP {
        let sample = pretraining.sample(index);
        let turn = format!("<think>\n{}\n</think>\n\n{}", sample.thinking, sample.answer);
        add(&format!("user\n{}", sample.prompt));
        add(&format!("assistant\n{turn}"));
        add(&format!("User: {}\n\nAgent: {turn} {}", sample.prompt, sample.answer));
    }
    let held_out = [Pool::Development, Pool::Evaluation].map(HeldOut::of);
    let sets = held_out.iter().flat_map(HeldOut::prompt_sets).flat_map(|(_, prompts)| prompts);
    for prompt in sets.chain(&post_training()) {
        add(&format!("User: {}", prompt.text));
        add(&prompt.text);
    }
    for object in Type::THINGS.iter().chain(&Type::SUBSTANCES).flat_map(|kind| kind.objects()) {
        add(&format!(" {object}"));
    }
    add(GUARD_TEMPLATE);
    add("safe\nunsafe\nS");
    found
}
