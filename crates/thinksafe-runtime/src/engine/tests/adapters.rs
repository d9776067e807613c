//! Several adapters in one batch.

use thinksafe_core::generate::AdapterChoice;
use thinksafe_core::seed::Seed;

use super::*;
use crate::{CausalLm, Targets};

/// A model with an adapter of its own that does something.
fn adapted(rank: u32, targets: &[&str]) -> CausalLm {
    let mut model = model(SHAPES[0], Precision::F32);
    let targets = Targets::names(targets.iter().copied());
    let config = LoraConfig { rank, alpha: 5.0, dropout: 0.0, targets, ..LoraConfig::default() };
    model.attach_lora(config, Seed(u64::from(rank))).unwrap();
    crate::fixture::stir_adapter(&model);
    model
}

fn engine_of(model: CausalLm) -> LocalGenerator {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { max_batch: 16, step_tokens: 90, ..small() };
    LocalGenerator::new(model, chat(dir.path()), options).unwrap()
}

/// The same prompts with a choice.
fn requests(choice: &AdapterChoice, first: u64) -> Vec<Request> {
    (0..12).map(|i| Request { id: first + i, adapter: choice.clone(), ..request(i + 5) }).collect()
}

fn outcomes(completions: Vec<Completion>) -> Vec<Result<Generated, RequestError>> {
    completions.into_iter().map(|c| c.outcome).collect()
}

#[test]
fn one_batch_with_three_adapters_and_none_gives_what_four_runs_give() {
    let all: [(u32, &[&str]); 3] = [
        (2, &["v_proj", "down_proj"]),
        (3, &["q_proj", "k_proj", "o_proj"]),
        (8, &["q_proj", "v_proj", "gate_proj", "up_proj"]),
    ];
    let folders = all.map(|_| tempfile::tempdir().unwrap());
    for ((rank, targets), folder) in all.iter().zip(&folders) {
        adapted(*rank, targets).save_lora(folder.path()).unwrap();
    }
    let model_as_it_is = || requests(&AdapterChoice::Model, 0);
    let mut runs = vec![outcomes(serve(&mut engine(small()), model_as_it_is()))];
    for (rank, targets) in all {
        runs.push(outcomes(serve(&mut engine_of(adapted(rank, targets)), model_as_it_is())));
    }

    let mut engine = engine_of(adapted(all[0].0, all[0].1));
    engine.add_adapter("second", folders[1].path()).unwrap();
    engine.add_adapter("third", folders[2].path()).unwrap();
    let named = |name: &str| AdapterChoice::Named(name.to_owned());
    let choices = [AdapterChoice::Off, AdapterChoice::Model, named("second"), named("third")];
    let groups = choices.iter().zip([0, 100, 200, 300]);
    let mut mixed: Vec<Request> = groups.flat_map(|(c, first)| requests(c, first)).collect();
    // The same prompt with each adapter side by side.
    mixed.sort_by_key(|request| request.id % 100);
    let mixed = outcomes(serve(&mut engine, mixed));
    for (number, (run, mixed)) in runs.iter().zip(mixed.chunks(12)).enumerate() {
        assert_eq!(run, mixed, "choice {number}");
    }
    assert!((1..4).all(|i| runs[i] != runs[0] && runs[i] != runs[i % 3 + 1]));
}

#[test]
fn adapters_have_names_identities_and_must_fit() {
    let folder = tempfile::tempdir().unwrap();
    let own = adapted(3, &["q_proj"]);
    own.save_lora(folder.path()).unwrap();
    let own = own.adapter_hash();
    let mut engine = engine(small());
    engine.add_adapter("a", folder.path()).unwrap();
    let again = engine.add_adapter("a", folder.path()).unwrap_err().to_string();
    assert!(again.contains("`adapter` is a"), "{again}");
    assert!(engine.add_adapter("b", "nowhere".as_ref()).is_err());

    let named = |name: &str| AdapterChoice::Named(name.to_owned());
    assert_eq!(engine.identity_with(&named("a")).unwrap().adapter, own);
    assert_eq!(engine.identity_with(&AdapterChoice::Off).unwrap(), *engine.identity());
    let unknown = Err(RequestError::UnknownAdapter { name: "b".to_owned() });
    assert_eq!(one(&mut engine, Request { adapter: named("b"), ..request(1) }), unknown);
    assert!(one(&mut engine, Request { adapter: named("a"), ..request(1) }).is_ok());
    assert!(engine.remove_adapter("a") && !engine.remove_adapter("a"));
    assert!(one(&mut engine, Request { adapter: named("a"), ..request(1) }).is_err());
}

/// Gives every B of the model's adapter other values.
fn train(model: &CausalLm) {
    for (name, tensor) in model.lora_parameters() {
        if name.contains("lora_B") {
            let _ = tch::no_grad(|| tensor.shallow_clone().g_mul_scalar_(-1.7));
        }
    }
}

#[test]
fn after_training_the_adapter_generates_as_a_new_engine_would() {
    let targets = ["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"];
    let own = || requests(&AdapterChoice::Model, 0);
    let mut engine = engine_of(adapted(3, &targets));
    let before = outcomes(serve(&mut engine, own()));
    let packed = |engine: &LocalGenerator| match &engine.backend.as_ref().unwrap().backend {
        crate::engine::Kind::Cpu(backend) => std::ptr::from_ref(&**backend).addr(),
        crate::engine::Kind::Torch(_) => panic!("a model on the CPU"),
    };
    let address = packed(&engine);
    train(engine.adapted_model_mut());
    let after = outcomes(serve(&mut engine, own()));
    assert_eq!(packed(&engine), address, "the packed weights stay");

    let trained = adapted(3, &targets);
    train(&trained);
    let hash = trained.adapter_hash();
    assert_eq!(after, outcomes(serve(&mut engine_of(trained), own())));
    assert_ne!(after, before);
    assert_eq!(engine.identity().adapter, hash);

    engine.adapted_model_mut().set_lora(LoraSwitch::Off);
    let off = outcomes(serve(&mut engine, own()));
    assert_eq!(off, outcomes(serve(&mut super::engine(small()), own())));
}
