//! Short pieces of examples, of unequal lengths: enough to see a bug, and cheap to train on.

use crate::example::Example;

/// How many windows are taken.
const COUNT: usize = 6;

/// The longest window in tokens.
const LONGEST: usize = 64;

/// Takes windows from examples spread over the data; those that the model cannot be trained on are left out.
///
/// Each begins in the prompt and holds at least one trained token; the first is the shortest.
pub(super) fn of(examples: &[Example], vocabulary: usize) -> Vec<Example> {
    let usable: Vec<&Example> =
        examples.iter().filter(|e| e.validate(vocabulary).is_ok()).collect();
    let Some(longest) = usable.iter().map(|e| e.ids.len()).max() else { return Vec::new() };
    let longest = longest.min(LONGEST);
    let window = |index: usize| {
        let example = usable.get(index * usable.len() / COUNT)?;
        window(example, (longest * (index + 1)).div_ceil(COUNT).max(4))
    };
    (0..COUNT).filter_map(window).collect()
}

/// At most `length` tokens around the place where training begins, a third of them before it.
fn window(example: &Example, length: usize) -> Option<Example> {
    let first = (1..example.ids.len()).find(|position| example.weights[*position] > 0.0)?;
    let start = first - first.min((length / 3).max(1));
    let end = (start + length).min(example.ids.len());
    let (ids, weights) = (&example.ids[start..end], &example.weights[start..end]);
    Some(Example { ids: ids.to_vec(), weights: weights.to_vec(), ..example.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_short_unequal_and_trained() {
        let supervised: Vec<bool> = (0..500).map(|i| i >= 300).collect();
        let long = Example::from_mask("long", (0..500).collect(), &supervised);
        let short = Example::from_mask("short", vec![1, 2, 3], &[false, false, true]);
        let foreign = Example::from_mask("foreign", vec![1, 999], &[false, true]);
        let examples = [long, short, foreign];
        let windows = of(&examples, 500);
        assert_eq!(windows.len(), COUNT);
        let lengths: Vec<usize> = windows.iter().map(|w| w.ids.len()).collect();
        assert_eq!(lengths, [11, 22, 32, 3, 3, 3]);
        assert!(windows.iter().all(|w| w.validate(500).is_ok()), "{windows:?}");
        assert_eq!(windows[0].ids[0], 297, "a third of a window is prompt");
        assert_eq!(of(&examples[2..], 500), []);
    }

    #[test]
    fn one_example_gives_windows_of_many_lengths() {
        let example = Example::from_mask("a", (0..60).collect(), &[true; 60]);
        let lengths: Vec<usize> = of(&[example], 60).iter().map(|w| w.ids.len()).collect();
        assert_eq!(lengths, [10, 20, 30, 40, 50, 60]);
    }
}
