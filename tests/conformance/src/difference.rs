//! Where two texts part, for people.

/// Describes the first difference with a little of what is around it; `None` if there is none.
pub(crate) fn difference(expected: &str, actual: &str) -> Option<String> {
    if expected == actual {
        return None;
    }
    let pairs = expected.chars().zip(actual.chars());
    let at = pairs.take_while(|(a, b)| a == b).count();
    let around = |text: &str| text.chars().skip(at.saturating_sub(30)).take(70).collect::<String>();
    Some(format!(
        "differs at character {at}\n    expected {:?}\n    actual   {:?}",
        around(expected),
        around(actual)
    ))
}
