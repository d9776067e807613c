//! Equal items, overlapping items, and neither.

use proptest::prelude::*;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;

use super::*;
use crate::benchmark::{Item, Settings};

fn benchmark(texts: &[&str]) -> Benchmark {
    let items = texts.iter().enumerate().map(|(i, text)| Item::new(i.to_string(), *text));
    let settings = Settings::new(Sampling::greedy(8), Seed(1));
    Benchmark::new("b", items.collect(), settings).unwrap()
}

fn compare(items: &[&str], training: &[&str]) -> Contamination {
    let prompt = |(i, text): (usize, &&str)| LabeledPrompt {
        id: format!("t{i}"),
        text: (*text).to_owned(),
        label: PromptLabel::VanillaBenign,
    };
    let training: Vec<LabeledPrompt> = training.iter().enumerate().map(prompt).collect();
    contamination(&benchmark(items), &training)
}

const TEN: &str = "one two three four five six seven eight nine ten";

#[test]
fn case_and_punctuation_do_not_hide_an_equal_item() {
    let found = compare(&["Is it, really?", TEN], &["is it REALLY", "unrelated"]);
    assert_eq!((found.items, found.short, found.training), (2, 1, 2));
    let expected = Overlap { item: "0".into(), training: "t0".into(), share: 1.0, equal: true };
    assert_eq!(found.overlaps, [expected]);
}

#[test]
fn the_share_is_of_the_items_words_and_of_the_nearest_prompt() {
    let cases = [
        ("zero one two three four five six seven eight x", 0.8, false),
        ("x one two three four five six seven eight nine ten x", 1.0, false),
        ("one two three four five six seven", 0.0, false),
        ("one two three four x five six seven eight nine ten", 0.0, false),
        (TEN, 1.0, true),
    ];
    for (training, share, equal) in cases {
        let found = compare(&[TEN], &["three four five six seven eight nine ten y", training]);
        let best = &found.overlaps[0];
        assert_eq!((best.share, best.equal), (f64::max(share, 0.8), equal), "{training}");
    }
}

#[test]
fn equal_items_come_first_and_all_are_counted() {
    let item = format!("{TEN} eleven twelve");
    let found = compare(&[&item, TEN, "short one"], &[TEN, "SHORT one"]);
    let order: Vec<_> = found.overlaps.iter().map(|o| (&*o.item, o.equal)).collect();
    assert_eq!(order, [("1", true), ("2", true), ("0", false)]);
    assert_eq!(found.at_least(0.8).count(), 3);
    let text = found.to_string();
    assert!(
        text.starts_with("of 3 items, 2 equal one of 2 training prompts; 3 share 80 %"),
        "{text}"
    );
}

#[test]
fn texts_without_words_are_equal_to_nothing() {
    assert_eq!(compare(&["?!"], &["...", ""]).overlaps, []);
}

proptest! {
    #[test]
    fn an_item_is_found_wherever_it_is_hidden(
        words in prop::collection::vec("[a-d]{1,2}", NGRAM..30),
        before in "[x-z ]{0,20}", after in "[x-z ]{0,20}",
    ) {
        let item = words.join(" ");
        let found = compare(&[&item], &[&format!("{before} {item} {after}")]);
        prop_assert_eq!(found.overlaps[0].share, 1.0);
    }

    #[test]
    fn no_text_panics(item in any::<String>(), training in any::<String>()) {
        compare(&[&item], &[&training, &item]);
    }
}
