//! What tests share: small models of every kind, prompts, and what libtorch computes for them without a cache.

use tch::{Kind, Tensor};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_kernels::Pool;

use crate::engine::{Backend, Draw, PageId, Pages, Segment, TOKENS_PER_PAGE};
use crate::{CausalLm, Mode, ModelConfig, PaddedBatch, Placement, Precision};

/// What tells the architectures apart.
pub(crate) const SHAPES: [&str; 6] = [
    r#""architectures": ["Qwen3ForCausalLM"], "head_dim": 10, "tie_word_embeddings": true"#,
    r#""architectures": ["Qwen2ForCausalLM"], "head_dim": 8"#,
    r#""architectures": ["LlamaForCausalLM"], "head_dim": 16, "attention_bias": true, "mlp_bias": true"#,
    r#""architectures": ["MistralForCausalLM"], "head_dim": 6, "sliding_window": 5"#,
    r#""architectures": ["Gemma2ForCausalLM"], "head_dim": 12, "sliding_window": 5, "query_pre_attn_scalar": 9,
       "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0, "tie_word_embeddings": false"#,
    r#""architectures": ["GraniteForCausalLM"], "embedding_multiplier": 3.0, "attention_multiplier": 0.3,
       "residual_multiplier": 0.7, "logits_scaling": 2.0"#,
];

/// A random model of a shape, with 101 tokens.
pub(crate) fn model(shape: &str, precision: Precision) -> CausalLm {
    model_on(shape, Placement { precision, ..Placement::CPU_F32 })
}

/// The same model elsewhere.
pub(crate) fn model_on(shape: &str, placement: Placement) -> CausalLm {
    let json = format!(
        r#"{{{shape}, "hidden_size": 36, "intermediate_size": 50, "num_hidden_layers": 3,
        "num_attention_heads": 6, "num_key_value_heads": 2, "vocab_size": 101,
        "max_position_embeddings": 128, "initializer_range": 0.2}}"#
    );
    let config = ModelConfig::from_json(&json, "config.json".as_ref()).unwrap();
    CausalLm::random(config, placement, Seed(3)).unwrap()
}

/// Prompts around the borders of pages.
pub(crate) fn prompts() -> Vec<Vec<u32>> {
    let prompt = |n: u32| (0..n).map(|i| (i * i * 7 + n) % 101).collect();
    [1, 40, 16, 17].map(prompt).into()
}

/// Logits at the end of each chunk, with their positions, for each of the [`prompts`].
pub(crate) type Positions = Vec<Vec<(usize, Vec<f32>)>>;

/// The [`prompts`], each with its pages.
#[derive(Debug)]
pub(crate) struct Tables(Vec<Vec<PageId>>);

impl Tables {
    pub(crate) fn new() -> Self {
        let mut pages = Pages::new(64);
        let table = |prompt: &Vec<u32>| {
            let count = prompt.len().div_ceil(TOKENS_PER_PAGE);
            (0..count).map(|_| pages.allocate().unwrap()).collect()
        };
        Self(prompts().iter().map(table).collect())
    }

    /// Computes the given prompts side by side, `chunk` tokens a step.
    pub(crate) fn logits(
        &self,
        backend: &mut dyn Backend,
        pool: &Pool,
        which: &[usize],
        chunk: usize,
    ) -> Positions {
        let (prompts, sampling) = (prompts(), Sampling::greedy(1));
        let mut logits = vec![Vec::new(); prompts.len()];
        for start in (0..40).step_by(chunk) {
            let some = which.iter().copied().filter(|i| prompts[*i].len() > start);
            let owners: Vec<usize> = some.collect();
            let segment = |index: &usize| {
                let end = prompts[*index].len().min(start + chunk);
                let tokens = &prompts[*index][start..end];
                let seen = &prompts[*index][..end];
                let draw = Draw {
                    sampling: &sampling,
                    tokens: seen,
                    prompt: end,
                    uniform: 0.0,
                    logprobs: None,
                };
                Segment {
                    tokens,
                    start,
                    pages: &self.0[*index],
                    adapter: Some(0),
                    draw: Some(draw),
                }
            };
            let segments: Vec<Segment<'_>> = owners.iter().map(segment).collect();
            let step = backend.logits(pool, &segments);
            for ((owner, segment), row) in owners.iter().zip(&segments).zip(step.chunks_exact(101))
            {
                logits[*owner].push((start + segment.tokens.len() - 1, row.to_vec()));
            }
        }
        logits
    }
}

/// What libtorch computes for the prompts.
pub(crate) fn reference(model: &CausalLm) -> Vec<Vec<f32>> {
    let logits = |prompt: Vec<u32>| {
        let batch = PaddedBatch::new(&[prompt], 0, model.device()).unwrap();
        let logits = tch::no_grad(|| model.project(&model.hidden_states(&batch, Mode::Evaluate)));
        let logits = logits.to_kind(Kind::Float).contiguous().view(-1);
        Vec::<f32>::try_from(logits).unwrap()
    };
    prompts().into_iter().map(logits).collect()
}

/// Against the reference's logits at the same positions.
pub(crate) fn largest_difference(native: &Positions, reference: &[Vec<f32>]) -> f32 {
    let mut largest = 0f32;
    for (native, reference) in native.iter().zip(reference) {
        for (position, logits) in native {
            let expected = &reference[position * 101..][..101];
            let pairs = logits.iter().zip(expected);
            largest = pairs.map(|(a, b)| (a - b).abs()).fold(largest, f32::max);
        }
    }
    largest
}

/// All logits of each prompt, one after the other.
pub(crate) fn flat(positions: &Positions) -> Vec<Vec<f32>> {
    positions.iter().map(|p| p.iter().flat_map(|(_, logits)| logits).copied().collect()).collect()
}

/// Gives every B of the model's adapter values.
pub(crate) fn stir_adapter(model: &CausalLm) {
    for (name, tensor) in model.lora_parameters() {
        if name.contains("lora_B") {
            let noise = Tensor::arange(tensor.numel() as i64, tch::kind::FLOAT_CPU).sin() * 0.3;
            tch::no_grad(|| tensor.shallow_clone().copy_(&noise.view_as(&tensor)));
        }
    }
}

/// Whoever draws from libtorch's generator, of which a process has one, holds this between seeding and drawing.
pub(crate) fn generator() -> std::sync::MutexGuard<'static, ()> {
    static GENERATOR: std::sync::Mutex<()> = std::sync::Mutex::new(());
    GENERATOR.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
