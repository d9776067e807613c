//! The importance ratio is 1: the log-probabilities that the engine reports for the tokens it sampled are those of the
//! trainer's forward pass over the same tokens.

use tch::{Kind, Tensor};
use thinksafe_chat::Chat;
use thinksafe_core::generate::{Generate, Generated, Logprobs, Request};
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::{SampleSeed, Seed};
use thinksafe_runtime::{
    CausalLm, EngineOptions, LocalGenerator, LoraConfig, LoraSwitch, Mode, PaddedBatch, Placement,
    Precision, Targets,
};

/// Bounds of the largest and of the mean deviation. In f32 both sum the same numbers in another order; in bf16 libtorch
/// rounds what every operation gives, and the engine what goes into products and into the cache.
const BOUNDS: [(Precision, f64, f64); 2] =
    [(Precision::F32, 1e-4, 1e-6), (Precision::Bf16, 1.0, 2e-2)];

#[test]
fn log_probabilities_of_sampled_tokens_are_the_trainers() {
    let dir = tempfile::tempdir().unwrap();
    let world = thinksafe_mini::write_to(dir.path()).unwrap();
    println!("| precision | adapter | tokens | largest deviation of the ratio from 1 | mean |");
    for (precision, largest_allowed, mean_allowed) in BOUNDS {
        for switch in [LoraSwitch::Off, LoraSwitch::On] {
            let placement = Placement { precision, ..Placement::CPU_F32 };
            let mut model = CausalLm::load(&world.model, placement).unwrap();
            attach(&mut model);
            model.set_lora(switch);
            let (sampled, model) = sample(model, Chat::load(&world.model).unwrap());
            let deviations: Vec<f64> = sampled.iter().flat_map(|s| s.deviations(&model)).collect();
            let count = deviations.len();
            let largest = deviations.iter().copied().fold(0.0, f64::max);
            let mean = deviations.iter().sum::<f64>() / count as f64;
            println!("| {precision:?} | {switch:?} | {count} | {largest:.1e} | {mean:.1e} |");
            assert!(count > 500, "{count} tokens");
            assert!(largest < largest_allowed && mean < mean_allowed, "{precision:?}, {switch:?}");
        }
    }
}

/// An adapter with both factors filled, on every kind of projection.
fn attach(model: &mut CausalLm) {
    let targets = Targets::names(["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]);
    let config = LoraConfig { rank: 8, alpha: 8.0, rslora: false, dropout: 0.0, targets };
    model.attach_lora(config, Seed(1)).unwrap();
    for (name, tensor) in model.lora_parameters() {
        if name.contains("lora_B") {
            let noise = Tensor::arange(tensor.numel() as i64, tch::kind::FLOAT_CPU).sin() * 0.03;
            tch::no_grad(|| tensor.shallow_clone().copy_(&noise.view_as(&tensor)));
        }
    }
}

/// A sampled text with the prompt that it continues.
struct Sampled {
    prompt: Vec<u32>,
    generated: Generated,
}

impl Sampled {
    /// |p(engine) / p(trainer) - 1| of each token.
    fn deviations(&self, model: &CausalLm) -> Vec<f64> {
        let whole = [self.prompt.as_slice(), &self.generated.ids].concat();
        let batch = PaddedBatch::new(&[whole], 0, model.device()).unwrap();
        let logits = tch::no_grad(|| model.project(&model.hidden_states(&batch, Mode::Evaluate)));
        let expected = logits.get(0).to_kind(Kind::Double).log_softmax(-1, Kind::Double);
        let positions = self.prompt.len() as i64 - 1..;
        let engine = self.generated.logprobs.as_ref().unwrap();
        let tokens = positions.zip(&self.generated.ids).zip(engine);
        tokens
            .map(|((position, id), found)| {
                let trainer = expected.double_value(&[position, i64::from(*id)]);
                ((found.chosen - trainer).exp() - 1.0).abs()
            })
            .collect()
    }
}

fn sample(model: CausalLm, chat: Chat) -> (Vec<Sampled>, CausalLm) {
    let texts = ["What is 12 + 30?", "How do I open the window?", "Say 7 - 3.", "Why is it so?"];
    let sampling =
        Sampling { temperature: 1.0, top_p: 1.0, max_new_tokens: 64, ..Sampling::default() };
    let requests: Vec<Request> = (0..24)
        .map(|id| {
            let prompt = Prompt::Messages(vec![Message::user(texts[id as usize % texts.len()])]);
            let request = Request::new(id, prompt, sampling.clone(), SampleSeed(id));
            Request { logprobs: Some(Logprobs::default()), ..request }
        })
        .collect();
    let prompts = requests.iter().map(|r| chat.encode_prompt(&r.prompt, None).unwrap().ids);
    let prompts: Vec<Vec<u32>> = prompts.collect();
    let mut engine = LocalGenerator::new(model, chat, EngineOptions::default()).unwrap();
    let mut sampled = Vec::new();
    engine
        .generate(&mut requests.into_iter(), &mut |completion| {
            let prompt = prompts[completion.id as usize].clone();
            sampled.push(Sampled { prompt, generated: completion.outcome.unwrap() });
            Ok(())
        })
        .unwrap();
    (sampled, engine.into_parts().0)
}
