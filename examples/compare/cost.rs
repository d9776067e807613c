//! What training data is like to the model, and what it costs to make and to learn.

use anyhow::Result;
use thinksafe_recipes::flops::ModelSize;
use thinksafe_runtime::{CausalLm, LocalGenerator};
use thinksafe_sft::{Example, Objective};

use crate::examples::Made;

/// The perplexity of the examples' learnt tokens under the model as it is: each token counts with its weight.
pub(crate) fn perplexity(model: &mut LocalGenerator, examples: &[Example]) -> Result<Option<f64>> {
    let texts: Vec<Vec<u32>> = examples.iter().map(|example| example.ids.clone()).collect();
    let (mut nats, mut weight) = (0.0, 0.0);
    for (example, logprobs) in examples.iter().zip(model.score(&texts)?) {
        for (w, logprob) in example.weights[1..].iter().zip(logprobs) {
            nats -= f64::from(*w) * logprob;
            weight += f64::from(*w);
        }
    }
    Ok((weight > 0.0).then(|| (nats / weight).exp()))
}

/// The model's size, with its adapter if it has one.
pub(crate) fn size(model: &CausalLm) -> ModelSize {
    let config = model.config();
    // An embedding is looked up; only as the output head is it a product.
    let is_product = |name: &str| config.tie_word_embeddings || !name.contains("embed_tokens");
    let weights = model.parameters().into_iter().filter(|(name, _)| is_product(name));
    let matrices = weights.filter(|(_, tensor)| tensor.dim() == 2);
    let adapter = model.lora_parameters();
    ModelSize {
        frozen: matrices.map(|(_, tensor)| tensor.numel() as u64).sum(),
        trained: adapter.iter().map(|(_, tensor)| tensor.numel() as u64).sum(),
        layers: config.layers as u64,
        attention_width: (config.heads * config.head_dim) as u64,
    }
}

/// Operations of generating what the examples were made from; a teacher counts as if it had the student's size.
pub(crate) fn generating(size: ModelSize, made: &Made) -> u64 {
    made.generated.iter().map(|(prompt, turn)| size.forward(prompt + turn)).sum()
}

/// Operations of training. A KL term needs a forward pass of the frozen model on the examples that it applies to.
pub(crate) fn training(
    size: ModelSize,
    examples: &[Example],
    objective: &Objective,
    epochs: u32,
) -> u64 {
    let reference = |example: &Example| {
        let mut terms = objective.terms.iter().filter(|term| term.loss.needs_reference());
        terms.any(|term| term.on.contains(example.label))
    };
    let of = |example: &Example| {
        let tokens = example.ids.len() as u64;
        size.training(tokens) + if reference(example) { size.forward(tokens) } else { 0 }
    };
    u64::from(epochs) * examples.iter().map(of).sum::<u64>()
}
