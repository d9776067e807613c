//! Greedy texts of 64 tokens: with and without cache, alone and together with others; and the engine's own numbers.

use tch::{Kind, Tensor};
use thinksafe_chat::Chat;
use thinksafe_core::generate::{Finish, Generate, Generated, Logprobs, Request};
use thinksafe_core::message::Prompt;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;
use thinksafe_runtime::{CausalLm, EngineOptions, LocalGenerator, ModelConfig};
use thinksafe_tests::close::Tolerance;
use thinksafe_tests::golden;

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

#[test]
fn greedy_texts_of_the_engine_match_transformers_in_every_batch() {
    for case in Case::all() {
        let mut model = case.model();
        for (what, options) in schedules(model.config()) {
            let (generated, given_back) = generate(model, case.prompts(), options);
            let texts: Vec<Vec<u32>> = generated.into_iter().map(|g| g.ids).collect();
            assert_eq!(texts, greedy(&case), "{}, {what}", case.name);
            model = given_back;
        }
    }
}

/// The engine computes with its own kernels; its log-probabilities are those of the decoder that is compared above.
#[test]
fn log_probabilities_of_the_engine_are_those_of_the_decoder() {
    println!("| case | largest error of a log-probability of the engine |");
    for case in Case::all() {
        let largest = engine_error(case.model(), &case.prompts());
        println!("| {} | {largest:.1e} |", case.name);
    }
    for (name, folder) in golden::cases("lora") {
        let base = std::fs::read_to_string(folder.join("base.txt")).unwrap();
        let case = Case::named(base.trim());
        let mut model = case.model();
        model.load_lora(&folder).unwrap();
        println!("| adapter {name} | {:.1e} |", engine_error(model, &case.prompts()));
    }
}

/// One at a time; all together; two, where the third takes the place of the first to finish, prompts in pieces; and with
/// less memory than three sequences need.
fn schedules(config: &ModelConfig) -> [(&'static str, EngineOptions); 4] {
    let default = EngineOptions::default();
    // Values are stored in whole vectors of sixteen.
    let width = config.head_dim + (config.head_dim + 15) / 16 * 16;
    let bytes_of_a_token = config.layers as i64 * config.kv_heads * width * 4;
    let kv_bytes = (bytes_of_a_token * 128) as usize;
    [
        ("alone", EngineOptions { max_batch: 1, ..default }),
        ("batched", EngineOptions { max_batch: PROMPTS, ..default }),
        ("prompts in pieces", EngineOptions { max_batch: 2, step_tokens: 3, ..default }),
        ("little memory", EngineOptions { kv_bytes, ..default }),
    ]
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

/// The greedy completions of all prompts, with the log-probabilities of the three most likely tokens.
fn generate(
    model: CausalLm,
    prompts: Vec<Vec<u32>>,
    options: EngineOptions,
) -> (Vec<Generated>, CausalLm) {
    let chat = Chat::load(golden::path("tokenizer")).unwrap();
    let mut engine = LocalGenerator::new(model, chat, options).unwrap();
    let mut completions: Vec<Option<Generated>> = prompts.iter().map(|_| None).collect();
    let mut requests = prompts.into_iter().zip(0..).map(|(ids, id)| {
        let sampling = Sampling::greedy(TOKENS as u32);
        let logprobs = Some(Logprobs { top: 3, of: Vec::new() });
        Request { logprobs, ..Request::new(id, Prompt::Ids(ids), sampling, SampleSeed(id)) }
    });
    engine
        .generate(&mut requests, &mut |completion| {
            let generated = completion.outcome.unwrap();
            assert_eq!(generated.finish, Finish::Length);
            assert!(completions[completion.id as usize].replace(generated).is_none());
            Ok(())
        })
        .unwrap();
    (completions.into_iter().map(Option::unwrap).collect(), engine.into_parts().0)
}

/// The largest difference of a log-probability along the engine's texts from that of a whole forward pass.
fn engine_error(model: CausalLm, prompts: &[Vec<u32>]) -> f64 {
    let options = EngineOptions { max_batch: PROMPTS, ..EngineOptions::default() };
    let (generated, model) = generate(model, prompts.to_vec(), options);
    let mut largest = 0.0f64;
    for (prompt, generated) in prompts.iter().zip(generated) {
        let whole = [prompt.as_slice(), &generated.ids].concat();
        let expected = logits(&model, &whole).to_kind(Kind::Double).log_softmax(-1, Kind::Double);
        let positions = prompt.len() as i64 - 1..;
        for (position, found) in positions.zip(generated.logprobs.unwrap()) {
            for (id, _, logprob) in found.top {
                let expected = expected.double_value(&[position, i64::from(id)]);
                assert!(Tolerance::F32.holds(logprob, expected), "{logprob}, expected {expected}");
                largest = largest.max((logprob - expected).abs());
            }
        }
    }
    largest
}
