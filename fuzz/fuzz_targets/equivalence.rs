//! Any two answers, by every comparison.

#![no_main]

use libfuzzer_sys::fuzz_target;
use thinksafe_fuzz::two;
use thinksafe_math::{Comparison, hendrycks, skythought};

fuzz_target!(|bytes: &[u8]| {
    let (prediction, reference) = two(bytes);
    Comparison::default().verdict(&prediction, &reference);
    skythought::equal(&prediction, &reference);
    hendrycks::equal(&prediction, &reference);
});
