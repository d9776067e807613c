//! Responses with their answers.

use super::*;

#[track_caller]
fn check(response: &str, expected: Option<&str>) {
    assert_eq!(Finder::default().find(response).as_deref(), expected, "{response}");
}

#[test]
fn boxes() {
    check(r"so \boxed{12} it is", Some("12"));
    check(r"$x = \boxed{\frac{1}{2}}$.", Some(r"\frac{1}{2}"));
    check(r"first \boxed{1} but much later I found a mistake: \boxed{2}", Some("2"));
    check(r"\boxed{1} and \boxed{2}", Some("1,2"));
    check(r"$\boxed{28 percent}", Some("28 percent"));
    check(r"\boxed 5 is it", Some("5"));
    check(r"\fbox{7}", Some("7"));
    check(r"\boxed{} 7", Some("7"));
    check(r"\\boxed{\\frac{1}{2}}", Some(r"\frac{1}{2}"));
    check(r"\boxed{42", Some("42"));
    assert_eq!(last_boxed(r"a \boxed{b} c"), Some("b"));
    check(r"2 + 3 is \boxed{1 + }", Some("1 +"));
    assert_eq!(last_boxed("boxes"), None);
}

#[test]
fn anchors() {
    check("The answer is 5, since 2 + 2 is not 7.", Some("5"));
    check("Final Answer: The final answer is $(0, 1)$. I hope it is correct. 7", Some("(0, 1)"));
    check("Answer: 3 = 3. And 4 follows", Some("3"));
    check("Réponse: elle aura 220 $ dans 12 mois.", Some("220"));
    check("答案是 5，共 7 步", Some("5"));
    // A box beats what was only an answer on the way.
    check(r"the answer is 3. No: \boxed{4}", Some("4"));
}

#[test]
fn the_last_expression_else() {
    check("it costs 3 and then 5 dollars", Some("5"));
    check("steps\n#### 1,800", Some("1800"));
    check("so $x$ is $3$ and $4$", Some("3,4"));
    check("about 28 percent", Some("28%"));
    check("it is -3.", Some("-3"));
    check("that makes 3 * 4 / 2", Some("3 * 4 / 2"));
    check("about 1,000.99m²", Some("1000.99"));
    check(r"we get \frac{1}{2} of it, or so", Some(r"\frac{1}{2}"));
    check("we get [ \\sqrt{2} ] then", Some("\\sqrt{2}"));
    check("XDY2K", None);
    check("no digits at all", None);
}

#[test]
fn bare_mathematics_is_taken_whole() {
    check(r"\sqrt{2}+1", Some(r"\sqrt{2}+1"));
    check("x = 5 cm", Some("x = 5 cm"));
    check(r"\text{Evelyn}", Some(r"\text{Evelyn}"));
}

#[test]
fn only_where_it_may_look() {
    let latex = Finder { plain: false, ..Finder::default() };
    assert_eq!(latex.find("so 5"), None);
    assert_eq!(latex.find("so $5$"), Some("5".to_owned()));
    let plain = Finder { latex: false, ..Finder::default() };
    assert_eq!(plain.find(r"so \(x\) is 5"), Some("5".to_owned()));
}

#[test]
fn choices() {
    for (response, expected) in [
        ("thinking about it I think the correct answer is C", "C"),
        ("It's not A because it makes no sense, therefore I think it's B", "B"),
        ("D. it can't be A or B", "D"),
        (r"A is wrong, so $\boxed{\text{(B) seven}}$", "B"),
        ("B。 不是 A", "B"),
        ("Ответ: Б", "Б"),
        ("**C**", "C"),
    ] {
        assert_eq!(choice(response).as_deref(), Some(expected), "{response}");
    }
    assert_eq!(choice("Apples and Bananas"), None);
    assert_eq!(first_of(&["yes", "no"], "The answer is no."), Some("no".to_owned()));
}

#[test]
fn long_responses_are_searched_in_one_pass() {
    for part in [r"\boxed{", r"\boxed", "$1", r"\[1", "answer is ", "1+", "1 ", "(A) ", r"\text{"] {
        let long = part.repeat(50_000);
        Finder::default().find(&long);
        choice(&long);
    }
    let deep = format!(r"\boxed{}7{}", "{".repeat(10_000), "}".repeat(10_000));
    assert!(Finder::default().find(&deep).is_some());
}
