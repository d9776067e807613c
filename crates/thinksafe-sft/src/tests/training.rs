//! What steps do to a model.

use tch::Tensor;
use thinksafe_core::seed::Seed;
use thinksafe_runtime::{
    CausalLm, LoraConfig, LoraSwitch, ModelConfig, Pattern, Placement, Precision, Recompute,
    Targets,
};

use super::{base, config, examples, lora_values, random, with_lora};
use crate::{
    BatchSize, Decay, Duration, Error, Example, MicroBatch, Objective, Order, Reduction, Schedule,
    SftConfig, Trainable, Trainer, Warmup, evaluate,
};

fn constant(lr: f64, steps: u64) -> SftConfig {
    let schedule = Schedule { warmup: Warmup::Steps(0), decay: Decay::Constant };
    let mut config = SftConfig { schedule, duration: Duration::Steps(steps), ..config(4, 1, lr) };
    config.order = Order::AsGiven;
    config
}

#[test]
fn a_model_that_asks_for_dropped_attention_is_refused_by_name() {
    let json = r#"{"architectures": ["GraniteForCausalLM"], "vocab_size": 31, "hidden_size": 16,
        "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
        "max_position_embeddings": 64, "attention_dropout": 0.1}"#;
    let model_config = ModelConfig::from_json(json, "config.json".as_ref()).unwrap();
    let mut model = CausalLm::random(model_config, Placement::CPU_F32, Seed(1)).unwrap();
    let error = Trainer::new(&mut model, &examples(2), constant(1e-3, 1)).unwrap_err();
    assert!(matches!(error, Error::Config { field: "attention_dropout", .. }), "{error}");
}

#[test]
fn the_defaults_are_those_of_the_paper() {
    let config = SftConfig::default();
    assert_eq!(config.batch.examples, 8);
    assert_eq!(config.duration, Duration::Epochs(3));
    assert_eq!((config.optimizer.lr, config.optimizer.weight_decay), (1e-5, 0.0));
    let mut model = base(Precision::F32);
    let examples = examples(2);
    drop(Trainer::new(&mut model, &examples, config).unwrap());
    let names: Vec<String> = model.lora_parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 2 * 2 * 2, "A and B of q_proj and v_proj in two layers: {names:?}");
    assert!(model.lora_parameters().iter().any(|(_, t)| t.size()[0] == 32));
}

#[test]
fn one_batch_is_learnt_by_heart_in_f32_and_bf16() {
    for (precision, bound) in [(Precision::F32, 0.05), (Precision::Bf16, 0.1)] {
        let mut model = random(precision, 1.0);
        let targets = Targets::all_linear();
        let lora = LoraConfig { rank: 8, alpha: 16.0, rslora: false, dropout: 0.0, targets };
        model.attach_lora(lora, Seed(5)).unwrap();
        let examples = examples(2);
        let mut trainer = Trainer::new(&mut model, &examples, constant(1e-2, 200)).unwrap();
        let first = trainer.step().unwrap().loss;
        while !trainer.is_finished() {
            trainer.step().unwrap();
        }
        drop(trainer);
        let last = evaluate(&mut model, &examples, &Objective::cross_entropy(), 4).unwrap().loss;
        assert!(first > 2.0 && last < bound, "{precision:?}: {first} {last}");
    }
}

#[test]
fn only_the_adapter_moves_and_all_of_it_gets_a_gradient() {
    let mut model = with_lora(Precision::F32, 0.0);
    let base: Vec<Tensor> = model.parameters().into_iter().map(|(_, t)| t.copy()).collect();
    let before = lora_values(&model);
    let examples = examples(4);
    let mut trainer = Trainer::new(&mut model, &examples, constant(1e-2, 2)).unwrap();
    trainer.step().unwrap();
    for (name, gradient) in trainer.gradients() {
        let gradient = gradient.abs().max().double_value(&[]);
        assert_eq!(gradient > 0.0, name.contains("lora_B"), "{name} after step 1: {gradient}");
    }
    trainer.step().unwrap();
    for (name, gradient) in trainer.gradients() {
        assert!(gradient.abs().max().double_value(&[]) > 0.0, "{name} after step 2");
    }
    drop(trainer);
    assert!(!lora_values(&model).equal(&before));
    for ((name, now), then) in model.parameters().into_iter().zip(base) {
        assert!(now.equal(&then), "{name}");
        assert!(!now.requires_grad(), "{name}");
    }
}

#[test]
fn every_weight_of_a_model_with_tied_embeddings_trains() {
    let mut model = base(Precision::F32);
    let before: Vec<Tensor> = model.parameters().into_iter().map(|(_, t)| t.copy()).collect();
    let examples = examples(4);
    let settings = SftConfig { trainable: Trainable::All, ..constant(1e-2, 120) };
    let mut trainer = Trainer::new(&mut model, &examples, settings).unwrap();
    let first = trainer.step().unwrap().loss;
    for (name, gradient) in trainer.gradients() {
        assert!(gradient.abs().max().double_value(&[]) > 0.0, "{name}");
    }
    while !trainer.is_finished() {
        trainer.step().unwrap();
    }
    drop(trainer);
    let last = evaluate(&mut model, &examples, &Objective::cross_entropy(), 4).unwrap().loss;
    assert!(last < 0.05 && first > 2.0, "{first} {last}");
    for ((name, now), then) in model.parameters().into_iter().zip(before) {
        assert!(!now.equal(&then), "{name} did not move");
        assert!(!now.requires_grad(), "{name}");
    }
}

#[test]
fn what_cannot_be_trained_is_refused_by_name() {
    let examples = examples(2);
    let all = SftConfig { trainable: Trainable::All, ..config(1, 1, 1e-3) };
    let mut kl = all.clone();
    kl.objective = Objective::thinksafe_kl(Reduction::TokenMean);
    let cases = [
        (base(Precision::Bf16), all.clone(), "f32"),
        (with_lora(Precision::F32, 0.0), all, "while an adapter is attached"),
        (base(Precision::F32), kl, "KL needs an adapter"),
    ];
    for (mut model, settings, reason) in cases {
        let error = Trainer::new(&mut model, &examples, settings).unwrap_err();
        assert!(matches!(error, Error::Config { .. }));
        assert!(error.to_string().contains(reason), "{error}");
    }
    let mut model = with_lora(Precision::F32, 0.0);
    let error = Trainer::new(&mut model, &[], config(1, 1, 1e-3)).unwrap_err();
    assert!(matches!(error, Error::NoExamples));
    let foreign = [Example::from_mask("far", vec![1, 99], &[false, true])];
    let error = Trainer::new(&mut model, &foreign, config(1, 1, 1e-3)).unwrap_err();
    assert!(error.to_string().contains("`far`: token 99"), "{error}");
}

#[test]
fn a_loss_that_is_not_finite_names_its_examples_and_touches_nothing() {
    let mut model = with_lora(Precision::F32, 0.0);
    let embedding = model.parameters().swap_remove(0).1;
    let mut examples = examples(4);
    for (example, id) in examples.iter_mut().zip([1, 1, 7, 1]) {
        example.ids.fill(id);
    }
    let _ = tch::no_grad(|| embedding.get(7).fill_(f64::NAN));
    let before = lora_values(&model);
    let settings = SftConfig { batch: BatchSize::accumulated(1, 4), ..constant(1e-2, 9) };
    let mut trainer = Trainer::new(&mut model, &examples, settings).unwrap();
    // With tied weights the row is also a logit of every other example: the first micro-batch names itself.
    let error = trainer.step().unwrap_err();
    let Error::NonFinite { quantity: "loss", step: 1, examples, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(examples.len(), 1);
    assert_eq!(trainer.steps_done(), 0);
    drop(trainer);
    assert!(lora_values(&model).equal(&before));
}

#[test]
fn a_record_says_what_a_step_did() {
    let mut model = with_lora(Precision::F32, 0.0);
    let examples = examples(5);
    let mut settings = config(2, 2, 1e-3);
    settings.objective = Objective::thinksafe_kl(Reduction::TokenMean);
    let mut trainer = Trainer::new(&mut model, &examples, settings).unwrap();
    assert_eq!(trainer.total_steps(), 6);
    let (first, second) = (trainer.step().unwrap(), trainer.step().unwrap());
    assert_eq!((first.step, first.epoch, first.lr), (1, 0.5, 0.0), "warm-up starts at 0");
    assert_eq!((second.step, second.epoch, second.lr), (2, 1.0, 1e-3));
    let tokens: usize = examples.iter().map(|e| e.ids.len()).sum();
    let supervised: usize = examples.iter().map(Example::supervised_tokens).sum();
    assert_eq!(first.tokens + second.tokens, tokens as u64);
    assert_eq!(first.supervised_tokens + second.supervised_tokens, supervised as u64);
    let names: Vec<&str> = first.terms.iter().map(|t| t.loss.as_str()).collect();
    assert_eq!(names, ["cross_entropy", "forward_kl"]);
    let sum: f64 = first.terms.iter().map(|t| t.value).sum();
    assert!((sum - first.loss).abs() < 1e-12 && first.grad_norm > 0.0);
    assert_ne!(first.key, second.key);
}

/// Losses, gradient norms and final adapter of a run.
fn run(batch: BatchSize, recompute: Recompute, dropout: f64) -> (Vec<[f64; 2]>, Tensor) {
    let mut model = with_lora(Precision::F32, dropout);
    let examples = examples(12);
    let settings = SftConfig { batch, ..constant(1e-2, 4) };
    let mut trainer =
        Trainer::new(&mut model, &examples, settings).unwrap().with_recompute(recompute);
    let mut history = Vec::new();
    while !trainer.is_finished() {
        let record = trainer.step().unwrap();
        history.push([record.loss, record.grad_norm]);
    }
    drop(trainer);
    let values = lora_values(&model);
    (history, values)
}

#[test]
fn packed_micro_batches_train_as_single_examples_do() {
    let sizes = |micro| BatchSize { examples: 6, micro };
    let (alone, _) = run(sizes(MicroBatch::Examples(1)), Recompute::Nothing, 0.0);
    for micro in [MicroBatch::Examples(6), MicroBatch::Tokens(25), MicroBatch::Tokens(1)] {
        let (packed, _) = run(sizes(micro), Recompute::Nothing, 0.0);
        for (a, b) in packed.iter().flatten().zip(alone.iter().flatten()) {
            assert!((a / b - 1.0).abs() < 1e-5, "{micro:?}: {packed:?} {alone:?}");
        }
    }
}

#[test]
fn recomputing_layers_trains_to_the_same_bits() {
    for dropout in [0.0, 0.2] {
        let batch = BatchSize::accumulated(3, 2);
        let (kept, values) = run(batch, Recompute::Nothing, dropout);
        for recompute in [Recompute::Layers, Recompute::FirstLayers(1)] {
            let (recomputed, other) = run(batch, recompute, dropout);
            assert_eq!(kept, recomputed, "{recompute:?}");
            assert!(values.equal(&other));
        }
    }
}

#[test]
fn training_leaves_the_reference_as_it_was() {
    let mut model = with_lora(Precision::F32, 0.0);
    let examples = examples(4);
    let objective = Objective::cross_entropy();
    let before = evaluate(&mut model, &examples, &objective, 4).unwrap().loss;
    let mut settings = constant(1e-2, 5);
    settings.objective = Objective::thinksafe_kl(Reduction::ExampleMean);
    let mut trainer = Trainer::new(&mut model, &examples, settings).unwrap();
    while !trainer.is_finished() {
        trainer.step().unwrap();
    }
    drop(trainer);
    let trained = evaluate(&mut model, &examples, &objective, 4).unwrap().loss;
    model.set_lora(LoraSwitch::Off);
    let reference = evaluate(&mut model, &examples, &objective, 4).unwrap().loss;
    assert!((reference - before).abs() < 1e-9, "{reference} {before}");
    assert!((trained - before).abs() > 1e-3);
}

#[test]
fn frozen_parameters_stay_as_they_are_and_the_others_train() {
    let examples = examples(4);
    let frozen = |text: &str| vec![Pattern::new(text).unwrap()];
    let weights = SftConfig {
        trainable: Trainable::All,
        frozen: frozen(r"model\.embed_tokens\..*|model\.layers\.0\..*"),
        ..constant(1e-2, 3)
    };
    let adapter = SftConfig { frozen: frozen(r".*\.layers\.0\..*"), ..constant(1e-2, 3) };
    for (mut model, settings) in
        [(base(Precision::F32), weights), (with_lora(Precision::F32, 0.0), adapter)]
    {
        let lora = settings.trainable == Trainable::Lora;
        let values = |model: &CausalLm| {
            let named = if lora { model.lora_parameters() } else { model.parameters() };
            named.into_iter().map(|(name, tensor)| (name, tensor.copy())).collect::<Vec<_>>()
        };
        let before = values(&model);
        let mut trainer = Trainer::new(&mut model, &examples, settings).unwrap();
        let trained: Vec<String> = trainer.parameters().into_iter().map(|(n, _)| n).collect();
        while !trainer.is_finished() {
            trainer.step().unwrap();
        }
        drop(trainer);
        let stays = |name: &str| name.contains("layers.0.") || name.contains("embed_tokens");
        for ((name, then), (_, now)) in before.iter().zip(values(&model)) {
            assert_eq!(now.equal(then), stays(name), "{name}");
            assert_eq!(trained.contains(name), !stays(name), "{name}");
        }
    }
}

#[test]
fn patterns_that_freeze_nothing_or_everything_are_refused_by_name() {
    let examples = examples(2);
    for (pattern, reason) in
        [("layers.0", "`layers.0` matches no parameter"), (".*", "nothing is left")]
    {
        let mut model = with_lora(Precision::F32, 0.0);
        let frozen = vec![Pattern::new(pattern).unwrap()];
        let settings = SftConfig { frozen, ..constant(1e-2, 1) };
        let error = Trainer::new(&mut model, &examples, settings).unwrap_err().to_string();
        assert!(error.contains("`frozen`") && error.contains(reason), "{error}");
    }
}
