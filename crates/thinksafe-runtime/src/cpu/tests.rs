//! The native decoder against libtorch, and its promise that rows do not see each other.

use half::bf16;
use thinksafe_core::seed::Seed;
use thinksafe_kernels::Pool;
use thinksafe_kernels::{Arithmetic, Element};

use super::Native;
use crate::fixture::{
    Positions, SHAPES, Tables, flat, largest_difference, model, reference, stir_adapter,
};
use crate::{CausalLm, LoraConfig, LoraSwitch, Precision, Targets};

const ALL: [usize; 4] = [0, 1, 2, 3];

fn logits<C: Element>(
    model: &CausalLm,
    threads: usize,
    which: &[usize],
    chunk: usize,
) -> Positions {
    let bf16 = size_of::<C>() == size_of::<bf16>();
    let arithmetic = if bf16 { Arithmetic::Bf16 } else { Arithmetic::F32 };
    let mut backend = Native::<C>::new((model, &[]), arithmetic);
    Tables::new().logits(&mut backend, &Pool::new(threads), which, chunk)
}

#[test]
fn logits_equal_libtorchs() {
    for shape in SHAPES {
        let model = model(shape, Precision::F32);
        let native = logits::<f32>(&model, 2, &ALL, 1);
        let difference = largest_difference(&native, &reference(&model));
        assert!(difference < 2e-4, "{shape}: {difference:e}");
    }
}

#[test]
fn logits_of_bf16_weights_equal_those_weights_in_f32() {
    let model = model(SHAPES[0], Precision::Bf16);
    let native = logits::<bf16>(&model, 1, &ALL, 1);
    let wide = flat(&logits::<f32>(&model, 1, &ALL, 1));
    // The difference that is left is that of keys and values, which are stored in bf16.
    let scale = wide.iter().flatten().fold(0f32, |a, b| a.max(b.abs()));
    let difference = largest_difference(&native, &wide);
    assert!(difference > 0.0 && difference < 2e-2 * scale, "{difference:e} of {scale}");
}

#[test]
fn an_adapter_is_added_without_a_merged_copy() {
    let mut model = model(SHAPES[1], Precision::F32);
    let targets = Targets::names(["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]);
    let config = LoraConfig { rank: 3, alpha: 7.0, rslora: true, dropout: 0.5, targets };
    model.attach_lora(config, Seed(5)).unwrap();
    stir_adapter(&model);
    let native = |model: &CausalLm| logits::<f32>(model, 1, &ALL, 1);
    let on = native(&model);
    assert!(largest_difference(&on, &reference(&model)) < 2e-4);
    model.set_lora(LoraSwitch::Off);
    assert!(largest_difference(&native(&model), &reference(&model)) < 2e-4);
    assert!(largest_difference(&native(&model), &flat(&on)) > 0.1);
}

#[test]
fn bits_depend_on_nothing_but_the_sequence() {
    for shape in SHAPES {
        let model = model(shape, Precision::F32);
        let one_by_one = logits::<f32>(&model, 1, &ALL, 1);
        for (threads, chunk) in [(1, 40), (2, 3), (3, 16), (2, 17)] {
            let again = logits::<f32>(&model, threads, &[3, 1, 0, 2], chunk);
            for (index, position, logits) in positions(&again) {
                let (_, expected) = &one_by_one[index][position];
                assert!(logits == expected, "{shape}: {threads} threads, chunks of {chunk}");
            }
        }
        for index in 0..4 {
            let alone = logits::<f32>(&model, 2, &[index], 1);
            assert!(alone[index] == one_by_one[index], "{shape}: prompt {index} alone");
        }
    }
}

fn positions(logits: &Positions) -> impl Iterator<Item = (usize, usize, &Vec<f32>)> {
    let prompts = logits.iter().enumerate();
    prompts.flat_map(|(index, p)| p.iter().map(move |(position, row)| (index, *position, row)))
}
