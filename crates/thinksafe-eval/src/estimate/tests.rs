//! pass@k and comparisons over scores that are not all there.

use thinksafe_core::sampling::Sampling;

use super::*;
use crate::benchmark::{Item, Settings};

fn benchmark() -> Benchmark {
    let item = |id: &str, category: &str| Item {
        category: Some(category.to_owned()),
        ..Item::new(id, format!("text of {id}"))
    };
    let settings = Settings { samples: 4, ..Settings::new(Sampling::greedy(8), Seed(1)) };
    let items = vec![item("a", "odd"), item("b", "even"), item("c", "odd")];
    Benchmark::new("b", items, settings).unwrap()
}

/// Scores from a word for each item: `+` right, `-` wrong, `?` cut off.
fn scores(words: [&str; 3]) -> Vec<Score> {
    let item = |(id, word): (&str, &str)| -> Vec<Score> {
        let score = |(sample, mark)| Score {
            item: id.to_owned(),
            sample,
            value: match mark {
                '+' => Value::Binary(true),
                '-' => Value::Binary(false),
                _ => Value::Unscored(Unscored::Truncated),
            },
            answer: None,
            explanation: None,
        };
        (0..).zip(word.chars()).map(score).collect()
    };
    ["a", "b", "c"].into_iter().zip(words).flat_map(item).collect()
}

#[test]
fn what_is_cut_off_is_neither_drawn_nor_wrong() {
    let scores = scores(["+--?", "++++", "+???"]);
    let two = pass_at_k(&benchmark(), &scores, 2);
    assert_eq!((two.items, two.too_few), (2, 1));
    assert!((two.rate.unwrap().value - f64::midpoint(2.0 / 3.0, 1.0)).abs() < 1e-12);
    let text = two.to_string();
    assert!(
        text.starts_with("83.3 % [")
            && text.ends_with("over 2 items, 1 with fewer than 2 scored samples left out"),
        "{text}"
    );
    let one = pass_at_k(&benchmark(), &scores, 1).rate.unwrap().value;
    assert!((one - (1.0 / 3.0 + 2.0) / 3.0).abs() < 1e-12);
    let mean = estimate(&benchmark(), &scores).rate.unwrap().value;
    assert!((mean - 6.0 / 8.0).abs() < 1e-12);
    assert_eq!(pass_at_k(&benchmark(), &[], 1).rate, None);
}

#[test]
fn runs_are_compared_on_what_both_scored() {
    let (first, second) = (scores(["----", "++++", "--??"]), scores(["++++", "+++-", "++++"]));
    let tests = paired_tests(&benchmark(), &first, &second, 500, Seed(1)).unwrap();
    assert_eq!((tests.units, tests.mcnemar), (3, None));
    let change = compare(&benchmark(), &first, &second).unwrap();
    assert_eq!((change.pairs, change.rose, change.fell), (10, 6, 1));
    assert!((tests.bootstrap.value - change.difference.value).abs() < 1e-12);
    let categories = compare_by_category(&benchmark(), &first, &second);
    assert_eq!(categories.keys().collect::<Vec<_>>(), ["even", "odd"]);
    assert_eq!((categories["odd"].pairs, categories["even"].fell), (6, 1));
}
