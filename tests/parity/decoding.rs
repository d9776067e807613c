//! Greedy texts of 64 tokens, without a cache.

use tch::Tensor;
use thinksafe_runtime::CausalLm;

use crate::support::{Case, PROMPTS, logits};

const TOKENS: usize = 64;

#[test]
fn greedy_texts_without_a_cache_match_transformers() {
    for case in Case::all() {
        let model = case.model();
        for (prompt, expected) in case.prompts().iter().zip(greedy(&case)) {
            assert_eq!(without_cache(&model, prompt), expected, "{}", case.name);
        }
    }
}

fn greedy(case: &Case) -> Vec<Vec<u32>> {
    (0..PROMPTS).map(|i| case.expected.ids(&format!("greedy.{i}"))).collect()
}

fn without_cache(model: &CausalLm, prompt: &[u32]) -> Vec<u32> {
    let mut ids = prompt.to_vec();
    for _ in 0..TOKENS {
        let last: Tensor = logits(model, &ids).get(-1);
        ids.push(last.argmax(-1, false).int64_value(&[]) as u32);
    }
    ids.split_off(prompt.len())
}
