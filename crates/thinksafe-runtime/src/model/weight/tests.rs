//! Weights give the same values from their files as from libtorch.

use half::{bf16, f16};
use safetensors::Dtype;
use serde_json::json;

use super::*;
use crate::model::weights::{Checkpoint, Source};
use crate::{Device, Placement, Precision};

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::F16];

/// A weight of these bytes in a file of its own, at an odd address.
fn stored(dtype: Dtype, bytes: &[u8], precision: Precision) -> Weight {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("one.safetensors");
    let count = bytes.len() * 8 / dtype.bitsize();
    let header = json!({
        "a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
        "w": {"dtype": dtype, "shape": [count], "data_offsets": [3, 3 + bytes.len()]},
    });
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    std::fs::write(&path, [&length, header.as_bytes(), &[1, 2, 3], bytes].concat()).unwrap();
    let placement = Placement { device: Device::CPU, precision };
    let mut checkpoint = Checkpoint::open_file(&path, placement).unwrap();
    checkpoint.tensor("w", &[count as i64]).unwrap()
}

/// Every finite bf16, every finite f16, and f32 values around each value and each half-way point of both.
fn finite(dtype: Dtype, precision: Precision) -> Vec<u8> {
    let limit = if precision == Precision::F16 { 65519.0 } else { f32::MAX };
    let in_range = |n: f32| n.is_finite() && n.abs() <= limit;
    let bf16s = (0..=u16::MAX).map(bf16::from_bits);
    let f16s = (0..=u16::MAX).map(f16::from_bits);
    match dtype {
        Dtype::BF16 => bf16s.filter(|n| in_range(n.to_f32())).flat_map(bf16::to_le_bytes).collect(),
        Dtype::F16 => f16s.filter(|n| in_range(n.to_f32())).flat_map(f16::to_le_bytes).collect(),
        _ => {
            let around = |n: f32| {
                let bits = n.to_bits();
                [0, 1, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001]
                    .map(|low| f32::from_bits(bits ^ low))
            };
            // Rounding up the largest must not leave the range.
            let kept = |n: &f32| {
                let rounded =
                    if precision == Precision::Bf16 { bf16::from_f32(*n).to_f32() } else { *n };
                in_range(rounded)
            };
            let numbers = bf16s.map(bf16::to_f32).chain(f16s.map(f16::to_f32));
            numbers.flat_map(around).filter(kept).flat_map(f32::to_le_bytes).collect()
        }
    }
}

#[test]
fn values_hash_and_bytes_are_those_of_libtorchs_conversion() {
    for dtype in [Dtype::F32, Dtype::BF16, Dtype::F16] {
        for precision in PRECISIONS {
            let weight = stored(dtype, &finite(dtype, precision), precision);
            weight.in_file().unwrap().check().unwrap();
            let of_file = |weight: &Weight| {
                let all = 0..weight.len();
                let middle = 7..weight.len() - 5;
                let bits =
                    |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                (
                    bits(weight.values(all.clone())),
                    bits(weight.values(middle)),
                    weight.values::<bf16>(all),
                    weight.hash(),
                    weight.bytes(),
                    weight.fits_bf16(),
                )
            };
            let before = of_file(&weight);
            assert_eq!(weight.tensor().kind(), precision.kind());
            assert!(weight.in_file().is_none());
            let after = of_file(&weight);
            assert!(before == after, "{dtype:?} in {precision}");
        }
    }
}

#[test]
fn what_fits_bf16_is_seen() {
    let numbers =
        |numbers: &[f32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let cases = [
        (numbers(&[1.0, -0.0, 3.5, f32::MAX.min(1e30)]), false),
        (numbers(&[1.0, -0.0, 3.5, 2f32.powi(-130)]), true),
        (numbers(&[1.0, 1.0 + f32::EPSILON]), false),
    ];
    for (bytes, fits) in cases {
        for (precision, fits) in [(Precision::F32, fits), (Precision::Bf16, true)] {
            let weight = stored(Dtype::F32, &bytes, precision);
            weight.in_file().unwrap().check().unwrap();
            assert_eq!(weight.fits_bf16(), fits, "{precision}");
            weight.tensor();
            assert_eq!(weight.fits_bf16(), fits, "{precision}, in libtorch");
        }
    }
}

#[test]
fn what_was_changed_in_libtorch_wins_over_the_file() {
    let weight = stored(Dtype::BF16, &[0x80, 0x3f, 0, 0x40], Precision::F32);
    weight.in_file().unwrap().check().unwrap();
    let hash = weight.hash();
    assert_eq!(weight.values::<f32>(0..2), [1.0, 2.0]);
    tch::no_grad(|| _ = weight.tensor().shallow_clone().g_add_scalar_(0.125));
    assert_eq!(weight.values::<f32>(0..2), [1.125, 2.125]);
    assert_ne!(weight.hash(), hash);
    tch::no_grad(|| _ = weight.tensor().shallow_clone().g_add_scalar_(1e-3));
    assert!(!weight.fits_bf16());
}

#[test]
fn values_that_are_not_finite_are_counted_in_the_models_precision() {
    let bytes: Vec<u8> = [1.0, f32::NAN, f32::INFINITY, 1e5, -65519.9, 3e38]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    for (precision, expected) in [(Precision::F32, 2), (Precision::Bf16, 2), (Precision::F16, 4)] {
        let weight = stored(Dtype::F32, &bytes, precision);
        let error = weight.in_file().unwrap().check().unwrap_err();
        assert!(matches!(error, Error::NotFinite { count, .. } if count == expected), "{error}");
    }
}
