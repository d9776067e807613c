//! Any response and any reference, by every rule that finds an answer, and by the graders made of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use thinksafe_fuzz::two;
use thinksafe_math::{Comparison, Finder, choice, grade, last_boxed, skythought};

fuzz_target!(|bytes: &[u8]| {
    let (response, reference) = two(bytes);
    for finder in [
        Finder { latex: true, plain: true },
        Finder { latex: true, plain: false },
        Finder { latex: false, plain: true },
    ] {
        finder.find(&response);
    }
    grade(&response, &reference, Finder::default(), &Comparison::default());
    last_boxed(&response);
    choice(&response);
    skythought::math(&response, &reference);
    skythought::gsm8k(&response, &reference);
    skythought::gpqa(&response, &reference);
    skythought::mmlu_pro(&response);
});
