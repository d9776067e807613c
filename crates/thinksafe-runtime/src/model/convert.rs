//! Stored numbers: what they are in the precision of a model.
//!
//! Every value of every format that is read is an `f32` too, so a value is widened, rounded to the precision where that
//! is narrower (to nearest, ties to even, as libtorch rounds), and taken on from there.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::Dtype;

use crate::Precision;

/// Widens little-endian numbers.
///
/// # Panics
/// If the dtype is none of those that checkpoints are read from, or the bytes are not those of `out.len()` numbers.
pub(super) fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(bytes.len() * 8, out.len() * dtype.bitsize(), "as many numbers as asked for");
    match dtype {
        Dtype::F32 => {
            for (out, four) in out.iter_mut().zip(bytes.as_chunks().0) {
                *out = f32::from_le_bytes(*four);
            }
        }
        Dtype::BF16 => {
            for (out, two) in out.iter_mut().zip(bytes.as_chunks().0) {
                *out = f32::from_bits(u32::from(u16::from_le_bytes(*two)) << 16);
            }
        }
        Dtype::F16 => {
            let numbers = bytes.as_chunks().0.iter().map(|two| f16::from_le_bytes(*two));
            numbers.collect::<Vec<f16>>().convert_to_f32_slice(out);
        }
        other => unreachable!("{other:?} is refused when a tensor is looked up"),
    }
}

/// Rounds numbers to a precision.
pub(super) fn round(precision: Precision, numbers: &mut [f32]) {
    match precision {
        Precision::F32 => {}
        Precision::Bf16 => {
            for number in numbers {
                *number = bf16::from_f32(*number).to_f32();
            }
        }
        Precision::F16 => {
            let mut halves = vec![f16::ZERO; numbers.len()];
            halves.convert_from_f32_slice(numbers);
            halves.convert_to_f32_slice(numbers);
        }
    }
}

/// Appends the little-endian bytes that numbers of this precision are stored as.
pub(super) fn append(precision: Precision, numbers: &[f32], bytes: &mut Vec<u8>) {
    match precision {
        Precision::F32 => bytes.extend(numbers.iter().flat_map(|n| n.to_le_bytes())),
        Precision::Bf16 => {
            bytes.extend(numbers.iter().flat_map(|n| bf16::from_f32(*n).to_le_bytes()));
        }
        Precision::F16 => {
            let mut halves = vec![f16::ZERO; numbers.len()];
            halves.convert_from_f32_slice(numbers);
            bytes.extend(halves.iter().flat_map(|n| n.to_le_bytes()));
        }
    }
}

/// How many numbers are infinite or no numbers.
pub(super) fn count_not_finite(numbers: &[f32]) -> usize {
    const EXPONENT: u32 = 0x7f80_0000;
    let not_finite = |n: &&f32| n.to_bits() & EXPONENT == EXPONENT;
    numbers.iter().filter(not_finite).count()
}

/// Whether each number is a `bf16` too: the upper half of an `f32` whose lower half is zero.
pub(super) fn fit_bf16(numbers: &[f32]) -> bool {
    numbers.iter().fold(0, |low, n| low | n.to_bits() & 0xffff) == 0
}
