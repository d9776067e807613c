//! What SkyThought 0.1.0 does, quirks included.

use super::*;

#[test]
fn answers_are_found_and_stripped() {
    for (response, expected) in [
        ("Answer: 3.14", "3.14"),
        (r"The answer is \(\boxed{5x+1}\). Great!", "5x+1"),
        ("No explicit final. But here's some text 2 and 10", "10"),
        ("the final answer is $x=5$. I hope it is", "5"),
        ("So the answer is twelve.", "12"),
        (r"\boxed{\frac12}", r"\frac{1}{2}"),
        (r"\boxed{3, 1, 2}", "1,2,3"),
        ("boxed", ""),
        ("nothing", ""),
    ] {
        assert_eq!(extract(response), expected, "{response}");
    }
}

#[test]
fn one_spelling() {
    for (answer, expected) in [
        ("\n3.14.\n", "3.14"),
        (r"45^\circ", "45"),
        (r" \frac12 ", r"\frac{1}{2}"),
        (r"\sqrt4", r"\sqrt{4}"),
        (r"5 \text{ cm}", "5"),
        (r"\text{six}", "6"),
        ("k = 7", "7"),
        ("3.00", "3"),
        ("50\\%", "50"),
        ("12th grade", "12"),
        (".5", "0.5"),
        ("1/2", r"\frac{1}{2}"),
        ("two hundred and five", "205"),
        ("one point five", "1.5"),
        ("3,1,2", "1,2,3"),
        ("", ""),
    ] {
        assert_eq!(strip(answer), expected, "{answer}");
    }
}

#[test]
fn equality_with_its_quirks() {
    for (prediction, reference) in [
        ("2", "2.0001"),
        ("0.5", "50"),
        ("(x+1)^2", "x^2 + 2x + 1"),
        ("x = y + 2", " x - (y+2) = 0"),
        ("c", "C"),
        ("[1,2]", "(1,2)"),
        ("x<3", "x>3"),
        ("(1,0.5)", r"(1,\frac{1}{2})"),
    ] {
        assert!(equal(prediction, reference), "{prediction} {reference}");
    }
    for (prediction, reference) in
        [("", "0"), ("A", "B"), ("(x+1)^2", "x^2 + 2x - 1"), ("(1,2)", "(2,1)"), ("3", "4")]
    {
        assert!(!equal(prediction, reference), "{prediction} {reference}");
    }
}

#[test]
fn tasks() {
    assert!(gsm8k("The final answer is $1,200.", "steps #### 1,200"));
    assert!(!gsm8k(r"\boxed{18 dollars 50}", "#### 18"));
    assert!(math("The sum is 55", "55"));
    assert!(gpqa("a reason for it", "A"));
    assert_eq!(multiple_choice("No letter here"), "No letter here");
    assert_eq!(clean_choice("C.  "), "C");
    assert_eq!(mmlu_pro("the answer is (J)"), Some("J".to_owned()));
    assert_eq!(mmlu_pro("first A then B"), Some("B".to_owned()));
    assert_eq!(arc("The best answer is B."), Some("B".to_owned()));
}
