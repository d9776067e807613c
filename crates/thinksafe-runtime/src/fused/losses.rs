//! Losses on logits, which become their own gradient.

use tch::{Kind, Tensor};
use thinksafe_kernels::training::{CrossEntropyRows, KlRows};

use super::{in_format, level, native};
use crate::host::{Format, Values, indices, split, values};

/// Cross-entropy: the loss of each row, and in place of the logits the gradient of `Σ coefficient * loss`.
///
/// # Shapes
/// - `logits`: `[N, V]`; `targets`: `[N]`, i64; `coefficients`: `[N]`, f32
/// - losses: `[N]`, f32; gradient: `[N, V]` in the kind of the logits
pub(crate) fn cross_entropy(
    mut logits: Tensor,
    targets: &Tensor,
    coefficients: &Tensor,
) -> (Tensor, Tensor) {
    if let Some(kind) = native(&[&logits]) {
        let losses = in_format!(kind, cross_entropy_rows(&mut logits, targets, coefficients));
        return (losses, logits);
    }
    let log_probs = logits.log_softmax(-1, Kind::Float);
    let targets = targets.unsqueeze(-1);
    let chosen = log_probs.gather(-1, &targets, false);
    let mut gradient = log_probs.exp();
    let minus_one = Tensor::full_like(&chosen, -1.0);
    let _ = gradient.scatter_add_(-1, &targets, &minus_one);
    let gradient = (gradient * coefficients.unsqueeze(-1)).to_kind(logits.kind());
    (-chosen.squeeze_dim(-1), gradient)
}

/// The divergence of the model from a reference, or, reversed, of the reference from the model: the loss of each row, and in
/// place of the logits the gradient of `Σ coefficient * loss`.
///
/// Forward is `KL(reference || model)`, reverse `KL(model || reference)`, over the full vocabulary.
///
/// # Shapes
/// As [`cross_entropy`]; `reference`: `[N, V]`, logits in the kind of the model's.
pub(crate) fn kl(
    mut logits: Tensor,
    reference: &Tensor,
    reverse: bool,
    coefficients: &Tensor,
) -> (Tensor, Tensor) {
    if let Some(kind) = native(&[&logits, reference]) {
        let losses = in_format!(kind, kl_rows(&mut logits, reference, reverse, coefficients));
        return (losses, logits);
    }
    let log_p = logits.log_softmax(-1, Kind::Float);
    let log_q = reference.log_softmax(-1, Kind::Float);
    let (losses, gradient) = if reverse {
        let ratio = &log_p - log_q;
        let losses = (log_p.exp() * &ratio).sum_dim_intlist(-1, true, Kind::Float);
        let gradient = log_p.exp() * (ratio - &losses);
        (losses, gradient)
    } else {
        let q = log_q.exp();
        let losses = (&q * (log_q - &log_p)).sum_dim_intlist(-1, true, Kind::Float);
        (losses, log_p.exp() - q)
    };
    let gradient = (gradient * coefficients.unsqueeze(-1)).to_kind(logits.kind());
    (losses.squeeze_dim(-1), gradient)
}

fn cross_entropy_rows<T: Format>(
    logits: &mut Tensor,
    targets: &Tensor,
    coefficients: &Tensor,
) -> Tensor {
    let vocabulary = logits.size()[1] as usize;
    let mut losses = coefficients.empty_like();
    let (targets, coefficients) = (indices(targets), values::<f32>(coefficients));
    let (logits, out) = (Values::<T>::of(logits), Values::<f32>::of(&mut losses));
    split(targets.len(), 1, &|rows| {
        let logits = logits.part(rows.start * vocabulary..rows.end * vocabulary);
        let (targets, coefficients) = (&targets[rows.clone()], &coefficients[rows.clone()]);
        let losses = out.part(rows);
        T::cross_entropy(
            level(),
            CrossEntropyRows { logits, vocabulary, targets, coefficients, losses },
        );
    });
    losses
}

fn kl_rows<T: Format>(
    logits: &mut Tensor,
    reference: &Tensor,
    reverse: bool,
    coefficients: &Tensor,
) -> Tensor {
    let vocabulary = logits.size()[1] as usize;
    let mut losses = coefficients.empty_like();
    let (reference, coefficients) = (values::<T>(reference), values::<f32>(coefficients));
    let (logits, out) = (Values::<T>::of(logits), Values::<f32>::of(&mut losses));
    split(coefficients.len(), 1, &|rows| {
        let range = rows.start * vocabulary..rows.end * vocabulary;
        let (logits, reference) = (logits.part(range.clone()), &reference[range]);
        let (coefficients, losses) = (&coefficients[rows.clone()], out.part(rows));
        T::kl(level(), KlRows { logits, reference, vocabulary, reverse, coefficients, losses });
    });
    losses
}
