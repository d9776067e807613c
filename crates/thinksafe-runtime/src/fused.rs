//! What lies between the matrix products of a decoder layer, each with its derivative written out.
//!
//! On the CPU these are kernels of `thinksafe-kernels`, one pass each; elsewhere, and in formats that those lack, they are
//! made of libtorch's operations. Both compute in f32 and round once at the end.

mod attention;
mod gate;
mod losses;
mod norm;
mod product;
mod rotary;

pub(crate) use attention::{Sequences, attention, attention_backward};
pub(crate) use gate::{gated, gated_backward};
pub(crate) use losses::{cross_entropy, kl};
pub(crate) use norm::{rms_norm, rms_norm_backward, rms_norm_weight_gradient};
pub(crate) use product::{Frozen, has_products};
pub(crate) use rotary::{Angles, HeadNorm, rotary, rotary_backward, rotary_weight_gradient};

use tch::{Kind, Tensor};
use thinksafe_kernels::Level;

use crate::host::lends;

/// Values below which a range is not worth a thread: some microseconds of work.
const LEAST: usize = 8_192;

/// The format in which our kernels can take some tensors, if they can.
fn native(tensors: &[&Tensor]) -> Option<Kind> {
    let kind = tensors.first()?.kind();
    let fits = |tensor: &&Tensor| lends(tensor) && tensor.kind() == kind;
    (matches!(kind, Kind::Float | Kind::BFloat16) && tensors.iter().all(fits)).then_some(kind)
}

/// Runs a generic function in the format of a kind that [`native`] found.
macro_rules! in_format {
    ($kind:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $kind {
            tch::Kind::BFloat16 => $function::<half::bf16>($($argument),*),
            _ => $function::<f32>($($argument),*),
        }
    };
}
use in_format;

/// The machine's instructions, found once.
fn level() -> Level {
    static LEVEL: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
    *LEVEL.get_or_init(Level::detect)
}

/// A small tensor of any format as f32 on the host.
fn host(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.detach().to_kind(Kind::Float).to_device(tch::Device::Cpu).contiguous();
    let mut values = vec![0f32; tensor.numel()];
    let count = values.len();
    tensor.view(-1).copy_data(&mut values, count);
    values
}

/// Rows in a range that is worth a thread.
fn least_rows(width: usize) -> usize {
    LEAST.div_ceil(width.max(1))
}

#[cfg(test)]
mod tests;
