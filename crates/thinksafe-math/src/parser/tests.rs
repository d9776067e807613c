//! What texts are read as, and what is refused.

use super::*;

#[track_caller]
fn parsed(text: &str) -> Expr {
    parse(text, Commas::Group).expect(text)
}

#[test]
fn digits_behind_fractions_and_roots() {
    assert_eq!(parsed(r"\frac12"), parsed(r"\frac{1}{2}"));
    assert_eq!(parsed(r"\frac1{72}"), parsed(r"\frac{1}{72}"));
    assert_eq!(parsed(r"\frac{14}3"), parsed(r"\frac{14}{3}"));
    assert_eq!(parsed(r"\sqrt13"), parsed(r"\sqrt{13}"));
    assert_eq!(parsed("sqrt(x+1)"), parsed(r"\sqrt{x+1}"));
    assert_eq!(parsed("x^10"), parsed("x^{10}"));
}

#[test]
fn layout_is_not_meaning() {
    for other in [
        r"\left( 1 , 2 \right)",
        r"$(1,\,2)$",
        r"\bigl(1, 2\bigr)",
        r"(\textbf{1},\mathrm{2})",
        r"\boxed{(1, 2)}",
        r"(1, 2).",
    ] {
        assert_eq!(parsed(other), parsed("(1, 2)"), "{other}");
    }
}

#[test]
fn commas_group_only_three_digits() {
    let group = |text| parse(text, Commas::Group).unwrap();
    assert_eq!(group("1,234"), Expr::integer(1234));
    assert_eq!(group("1,23"), parsed("1, 23"));
    assert_eq!(group("0,123"), parsed("0, 123"));
    assert_eq!(group(r"32,\! 349"), Expr::integer(32_349));
    assert_eq!(parse("1,234", Commas::Separate), Ok(parsed("1, 234")));
}

#[test]
fn functions_take_what_follows_them() {
    assert_eq!(parsed(r"\sin 2x + 1"), parsed(r"\sin(2x) + 1"));
    assert_eq!(parsed(r"\sin^2 x"), parsed(r"(\sin x)^2"));
    assert_eq!(parsed(r"\sin^{-1} x"), parsed(r"\arcsin x"));
    assert_eq!(parsed(r"\sin x \cos y"), parsed(r"\sin(x) \cdot \cos(y)"));
}

#[test]
fn conclusions_are_what_counts() {
    assert_eq!(parsed(r"a = b \Rightarrow c = 2"), parsed("c=2"));
    assert_eq!(parsed(r"\approx 3"), parsed("3"));
    assert_eq!(parsed(r"9 \pmod{11}"), parsed("9"));
}

#[test]
fn what_is_wrong_is_said() {
    let unexpected = |found: &str| Err(ParseError::Unexpected { found: found.to_owned() });
    for (text, expected) in [
        ("", Err(ParseError::Empty)),
        (" . ", Err(ParseError::Empty)),
        ("1 +", Err(ParseError::Unfinished)),
        (r"\frac{1}{", Err(ParseError::Unfinished)),
        ("1 ? 2", unexpected("?")),
        ("(1, 2}", unexpected("}")),
        ("3 4", unexpected("4")),
    ] {
        assert_eq!(parse(text, Commas::Group), expected, "{text}");
    }
    let deep = format!("{}7{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(parse(&deep, Commas::Group), Err(ParseError::TooLong));
    let deep = format!("{}7{}", "{".repeat(1_000), "}".repeat(1_000));
    assert_eq!(parse(&deep, Commas::Group), Err(ParseError::TooDeep));
}
