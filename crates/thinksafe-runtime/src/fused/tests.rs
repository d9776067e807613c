//! Our kernels against libtorch's operations, and both against automatic differentiation.
//!
//! Tensors in f64 take the path of libtorch's operations, which compute in f32 all the same.

use tch::{Kind, Tensor};

use super::*;
use crate::model::Activation;

/// Values in [-2, 2) that are exact in bf16, so that all formats start from the same numbers.
fn random(shape: &[i64], seed: i64) -> Tensor {
    let _alone = crate::fixture::generator();
    tch::manual_seed(seed);
    let values = Tensor::rand(shape, (Kind::Float, tch::Device::Cpu)) * 4.0 - 2.0;
    values.to_kind(Kind::BFloat16).to_kind(Kind::Float)
}

/// The largest difference, relative to the largest value.
fn difference(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    f64::try_from((&a - &b).abs().max()).unwrap() / f64::try_from(b.abs().max()).unwrap()
}

/// Asserts that an operation gives the same in every format: f32 by our kernels, f64 by libtorch, bf16 roughly.
fn same_in_every_format(name: &str, operation: impl Fn(Kind) -> Vec<Tensor>) {
    let expected = operation(Kind::Double);
    for (kind, tolerance) in [(Kind::Float, 3e-6), (Kind::BFloat16, 2e-2)] {
        for (i, (found, expected)) in operation(kind).iter().zip(&expected).enumerate() {
            let difference = difference(found, expected);
            assert!(difference < tolerance, "{name}, result {i}, {kind:?}: {difference:e}");
        }
    }
}

/// The gradients of `Σ out * dout` by the inputs, by automatic differentiation in f64.
fn automatic(inputs: &[Tensor], dout: &Tensor, f: impl Fn(&[Tensor]) -> Tensor) -> Vec<Tensor> {
    let wide = |t: &Tensor| t.to_kind(Kind::Double).set_requires_grad(true);
    let inputs: Vec<Tensor> = inputs.iter().map(wide).collect();
    let sum = (f(&inputs) * dout).sum(Kind::Double);
    Tensor::run_backward(&[sum], &inputs, false, false)
}

fn wide_norm(x: &Tensor, weight: &Tensor) -> Tensor {
    x * (x.square().mean_dim(-1, true, None) + 1e-5).rsqrt() * weight
}

#[test]
fn normalisation_and_its_gradients() {
    for width in [5, 16, 72] {
        let (x, dout) = (random(&[300, width], 1), random(&[300, width], 2));
        let weight = random(&[width], 3);
        let all = |kind| {
            let (x, dout) = (x.to_kind(kind), dout.to_kind(kind));
            let mut dx = dout.copy();
            rms_norm_backward(&x, &weight, 1e-5, &dout, &mut dx);
            vec![rms_norm(&x, &weight, 1e-5), dx, rms_norm_weight_gradient(&x, 1e-5, &dout)]
        };
        same_in_every_format("norm", all);
        let gradients = automatic(&[x.copy(), weight.copy()], &dout, |i| wide_norm(&i[0], &i[1]));
        let found = all(Kind::Float);
        // It is added to what is there: here the gradient of the result.
        assert!(difference(&found[1], &(&gradients[0] + &dout)) < 3e-6);
        assert!(difference(&found[2], &gradients[1]) < 3e-6);
    }
}

#[test]
fn rotation_and_its_gradients() {
    for (heads, dim, normed) in [(3, 10, true), (2, 64, true), (2, 64, false), (1, 260, true)] {
        let (x, dout) = (random(&[90, heads * dim], 1), random(&[90, heads * dim], 2));
        let weight = random(&[dim], 3);
        let norm = normed.then_some(HeadNorm { weight: &weight, epsilon: 1e-5 });
        let frequencies = random(&[dim / 2], 4);
        let positions = Tensor::arange(90, (Kind::Int64, tch::Device::Cpu));
        let angles = Angles::new(&frequencies, &positions);
        let all = |kind| {
            let (x, dout) = (x.to_kind(kind), dout.to_kind(kind));
            vec![rotary(&x, norm, &angles), rotary_backward(&x, norm, &angles, &dout)]
        };
        same_in_every_format("rotary", all);
        let wide = |i: &[Tensor]| {
            let heads = i[0].view([90, heads, dim]);
            let heads = if normed { wide_norm(&heads, &i[1]) } else { heads * &i[1].ones_like() };
            let turned =
                Tensor::cat(&[-heads.narrow(2, dim / 2, dim / 2), heads.narrow(2, 0, dim / 2)], 2);
            let double = |t: &Tensor| Tensor::cat(&[t, t], 1).unsqueeze(1);
            (heads * double(&angles.cos) + turned * double(&angles.sin)).view([90, -1])
        };
        let gradients = automatic(&[x.copy(), weight.copy()], &dout, wide);
        assert!(difference(&all(Kind::Float)[1], &gradients[0]) < 3e-6, "{heads} x {dim}");
        if let Some(norm) = norm {
            let found = rotary_weight_gradient(&x, norm, &angles, &dout);
            assert!(difference(&found, &gradients[1]) < 3e-6);
        }
    }
}

#[test]
fn gates_and_their_gradients() {
    let [gate, up, dout] = [1, 2, 3].map(|seed| random(&[70, 333], seed) * 4.0);
    for activation in [Activation::Silu, Activation::GeluTanh] {
        let all = |kind| {
            let [gate, up, dout] = [&gate, &up, &dout].map(|t| t.to_kind(kind));
            let out = gated(activation, &gate, &up);
            let (dgate, dup) = gated_backward(activation, gate.copy(), up.copy(), &dout);
            vec![out, dgate, dup]
        };
        same_in_every_format("gate", all);
        let wide = |i: &[Tensor]| match activation {
            Activation::Silu => i[0].silu() * &i[1],
            Activation::GeluTanh => i[0].gelu("tanh") * &i[1],
        };
        let gradients = automatic(&[gate.copy(), up.copy()], &dout, wide);
        let found = all(Kind::Float);
        assert!(difference(&found[1], &gradients[0]) < 3e-6, "{activation:?}");
        assert!(difference(&found[2], &gradients[1]) < 3e-6, "{activation:?}");
    }
}

#[test]
fn losses_and_their_gradients() {
    for vocabulary in [3, 101, 2500] {
        let (logits, reference) = (random(&[9, vocabulary], 1) * 3.0, random(&[9, vocabulary], 2));
        let targets = (random(&[9], 3) + 2.0) * (vocabulary as f64 / 4.0);
        let targets = targets.to_kind(Kind::Int64).clamp(0, vocabulary - 1);
        let coefficients = random(&[9], 4);
        let all = |kind| {
            let (logits, reference) = (|| logits.to_kind(kind), reference.to_kind(kind));
            let (a, da) = cross_entropy(logits().copy(), &targets, &coefficients);
            let (b, db) = kl(logits().copy(), &reference, false, &coefficients);
            let (c, dc) = kl(logits().copy(), &reference, true, &coefficients);
            vec![a, da, b, db, c, dc]
        };
        same_in_every_format("loss", all);
        let found = all(Kind::Float);
        let log_p = |i: &[Tensor]| i[0].log_softmax(-1, None);
        let log_q = reference.to_kind(Kind::Double).log_softmax(-1, None);
        let sum = |t: Tensor| t.sum_dim_intlist(-1, false, None);
        let chosen =
            |i: &[Tensor]| -log_p(i).gather(-1, &targets.unsqueeze(-1), false).squeeze_dim(-1);
        let forward = |i: &[Tensor]| sum(log_q.exp() * (&log_q - log_p(i)));
        let reverse = |i: &[Tensor]| sum(log_p(i).exp() * (log_p(i) - &log_q));
        let check = |i: usize, expected: &dyn Fn(&[Tensor]) -> Tensor| {
            let value = expected(&[logits.to_kind(Kind::Double)]);
            assert!(difference(&found[2 * i], &value) < 3e-6, "loss {i}");
            let gradient = &automatic(&[logits.copy()], &coefficients, expected)[0];
            assert!(difference(&found[2 * i + 1], gradient) < 1e-5, "gradient of loss {i}");
        };
        check(0, &chosen);
        check(1, &forward);
        check(2, &reverse);
    }
}

#[test]
fn a_logit_that_is_not_finite_shows_in_the_loss() {
    let logits = Tensor::from_slice(&[1.0f32, f32::NAN, 2.0]).view([1, 3]);
    let one = Tensor::from_slice(&[1.0f32]);
    let (losses, _) = cross_entropy(logits, &Tensor::from_slice(&[0i64]), &one);
    assert!(f64::try_from(losses.squeeze()).unwrap().is_nan());
}
