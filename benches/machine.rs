//! What the machine can do at best, measured by libtorch on the device and with the threads in use.

use tch::{Kind, Tensor};
use thinksafe_runtime::{Device, Precision};

use crate::timing::timed;

/// Repetitions of which the fastest counts: a limit is what was reached, not what is usual.
const REPETITIONS: usize = 5;

/// Bytes read a second when a large array is summed.
pub fn bandwidth(device: Device) -> f64 {
    // Far more than caches hold; on a GPU also enough for the start of the kernel not to count.
    let numbers: i64 = if device.is_cpu() { 1 << 27 } else { 1 << 30 };
    let array = Tensor::ones([numbers], (Kind::Float, device.into()));
    let sum = || array.sum(Kind::Float).double_value(&[]);
    4.0 * numbers as f64 / fastest(&sum)
}

/// Floating-point operations a second in a product of square matrices.
pub fn matrix_rate(device: Device, precision: Precision) -> f64 {
    let size: i64 = if device.is_cpu() { 2048 } else { 8192 };
    let matrix = Tensor::randn([size, size], (Kind::Float, device.into()));
    let matrix = matrix.to_kind(precision.kind());
    // Reading one number waits for the device.
    let product = || matrix.matmul(&matrix).double_value(&[0, 0]);
    2.0 * (size as f64).powi(3) / fastest(&product)
}

fn fastest(compute: &dyn Fn() -> f64) -> f64 {
    compute();
    (0..REPETITIONS).map(|_| timed(compute).1).fold(f64::INFINITY, f64::min)
}
