use super::*;

#[track_caller]
fn check(prediction: &str, reference: &str, expected: bool) {
    let verdict = Comparison::default().verdict(prediction, reference);
    let expected = if expected { Verdict::Equal } else { Verdict::Different };
    assert_eq!(verdict, expected, "{prediction} against {reference}");
}
