//! Any two texts, by every grader: `cargo +nightly fuzz run graders -- -max_total_time=600`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use thinksafe_math::{Comparison, Finder, choice, grade, hendrycks, skythought};

fuzz_target!(|texts: (&str, &str)| {
    let (prediction, reference) = texts;
    let comparison = Comparison::default();
    grade(prediction, reference, Finder::default(), &comparison);
    comparison.verdict(prediction, reference);
    skythought::math(prediction, reference);
    skythought::gsm8k(prediction, reference);
    skythought::mmlu_pro(prediction);
    hendrycks::equal(prediction, reference);
    choice(prediction);
});
