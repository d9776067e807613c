//! The comparison itself must be able to fail.

use std::panic::catch_unwind;

use tch::Tensor;
use thinksafe_tests::close::{Tolerance, assert_close};

fn message(actual: &Tensor, expected: &Tensor) -> String {
    let (actual, expected) = (actual.copy(), expected.copy());
    let check = std::panic::AssertUnwindSafe(|| {
        assert_close("x", &actual, &expected, Tolerance::F32);
    });
    let panic = catch_unwind(check).expect_err("the tensors differ");
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

#[test]
fn close_tensors_give_their_largest_difference() {
    let a = Tensor::from_slice(&[1.0f32, 2.0]);
    let b = Tensor::from_slice(&[1.0f32, 2.0 + 5e-5]);
    let largest = assert_close("x", &a, &b, Tolerance::F32);
    assert!((largest - 5e-5).abs() < 1e-6, "{largest}");
}

#[test]
fn a_mismatch_is_named_by_its_index() {
    let zeros = Tensor::zeros([2, 3, 4], (tch::Kind::Float, tch::Device::Cpu));
    let other = zeros.copy();
    let _ = other.get(1).get(2).get(3).fill_(0.5);
    let text = message(&other, &zeros);
    assert!(text.contains("1 of 24") && text.contains("[1, 2, 3]"), "{text}");
}

#[test]
fn shapes_dtypes_and_nans_never_pass() {
    let ones = Tensor::from_slice(&[1.0f32, 1.0]);
    assert!(message(&ones.view([1, 2]), &ones).contains("shapes differ"));
    assert!(message(&ones.to_kind(tch::Kind::Double), &ones).contains("dtypes differ"));
    let nan = Tensor::from_slice(&[1.0f32, f32::NAN]);
    assert!(message(&nan, &ones).contains("1 of 2"));
    assert!(message(&nan, &nan).contains("1 of 2"));
}
