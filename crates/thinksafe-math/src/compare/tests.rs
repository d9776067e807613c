//! Pairs of answers with their verdicts, and inputs that try to break the comparison.

use proptest::prelude::*;

use super::*;

/// The verdicts of all pairs, one a line: `prediction | reference`.
#[track_caller]
fn check(pairs: &str, expected: Verdict) {
    for pair in pairs.trim().lines() {
        let (prediction, reference) = pair.split_once(" | ").expect("a pair a line");
        let verdict = Comparison::default().verdict(prediction.trim(), reference.trim());
        assert_eq!(verdict, expected, "{pair}");
    }
}

#[test]
fn numbers_in_all_spellings() {
    check(
        r"
0.5 | \frac12
2\frac{1}{3} | \frac{7}{3}
1 1/2 | 1.5
0.\overline{3} | \frac13
0.1\overline{6} | 1/6
1,000,000 | 1000000
1{,}000 | 1000
10\,000 | 10000
0,111 | 0.111
2^{10} | 1024
1.2 \times 10^3 | 1200
\frac{-1}{2} | -\frac{1}{2}
0.333333 | 1/3
3.141593 | \pi
10! | 3628800
\log_2 8 | 3
\sin(\pi/6) | 1/2
\tan 45^\circ | \tan 45
e^{i\pi} | -1
\sqrt{3+2\sqrt{2}} | 1+\sqrt{2}
2516_8 | 2516
\lfloor 3.7 \rfloor | 3
\infty | +\infty",
        Verdict::Equal,
    );
    check(
        r"
0.3333 | 1/3
3.14159 | \pi
100000000000000000001 | 100000000000000000002
2024^{4046} | 2024^{4046}+1
-\infty | \infty
101_2 | 5
2 | \pm 2
3 | 3 + 10^{-12}
[0,9) | (0,9)",
        Verdict::Different,
    );
}

#[test]
fn percentages_units_and_money() {
    check(
        r"
50\% | 0.5
50\% | 50
28 percent | 28\%
33\frac{1}{3}\% | \frac13
5\text{ cm} | 5
5 cm^2 | 5
5 km/h | 5
\$5.00 | 5
90^{\circ} | 90
74° | 74^\circ",
        Verdict::Equal,
    );
    check("50\\% | 0.05\n5\\text{ cm} | 6\\text{ cm}", Verdict::Different);
}

#[test]
fn expressions_up_to_what_algebra_allows() {
    check(
        r"
(x+1)^2 | x^2+2x+1
\frac{x^2-1}{x-1} | x+1
\sqrt{12} | 2\sqrt{3}
\sqrt{x^2} | |x|
\sin^2 x+\cos^2 x | 1
e^{x+y} | e^x e^y
\frac{n(n+1)}{2} | \binom{n+1}{2}
x_1+x_2 | x_{2}+x_{1}
\sum_{k=0}^{n-1} F_{n-k-1} F_k | \sum_{k=0}^{n-1} F_k F_{n-k-1}
(n+1)!/n! | n+1",
        Verdict::Equal,
    );
    check(
        r"
\sqrt{x^2} | x
x+1 | y+1
(+5)(b+2) | (a+5)(b+2)
x^2+3x+2 | x^2+3x+3
\log x | \ln x
\sum_{k=1}^{n} k | \sum_{k=1}^{m} k",
        Verdict::Different,
    );
}

#[test]
fn sets_tuples_and_intervals() {
    check(
        r"
\{1,2\} | \{2,1,1\}
1,2 | 2, 1
(1,2) | 1, 2
(1;2) | (1,2)
(1,4.5) | (1,\frac{9}{2})
1 \pm \sqrt{2} | 1+\sqrt{2}, 1-\sqrt{2}
2 \text{ or } 3 | 2,3
(0,1) \cup (1,2) | (1,2)\cup(0,1)
[0,1]\cup[1,2] | [0,2]
(-\infty,0) U (0,\infty) | \mathbb{R}\setminus\{0\}
x \in \mathbb{R} | (-\infty,\infty)
\{(1,2),(3,4)\} | (3,4),(1,2)
\emptyset | \{\}
15\frac{39}{40}, \frac{639}{40} | \frac{639}{40}",
        Verdict::Equal,
    );
    check(
        r"
(1,2) | (2,1)
[1,2] | (1,2)
1,2 | 1,2,3
32, 349 | 32349
(-\infty,2)\cup(3,\infty) | (-\infty,3)\cup(3,\infty)
(0,0) | (2,1)",
        Verdict::Different,
    );
}

#[test]
fn matrices() {
    check(
        r"
\begin{pmatrix}1\\2\end{pmatrix} | \left[\begin{array}{c}1\\2\end{array}\right]
2\begin{pmatrix}1\\2\end{pmatrix} | \begin{pmatrix}2\\4\end{pmatrix}
\begin{pmatrix}1&2\\3&4\end{pmatrix} \begin{pmatrix}0&1\\1&0\end{pmatrix} | \begin{pmatrix}2&1\\4&3\end{pmatrix}
\begin{pmatrix}1/2\\0.25\end{pmatrix} | \begin{pmatrix}\frac12\\\frac14\end{pmatrix}",
        Verdict::Equal,
    );
    check(
        "\\begin{pmatrix}1&2\\end{pmatrix} | \\begin{pmatrix}1\\\\2\\end{pmatrix}\n\
         \\begin{pmatrix}1\\end{pmatrix} | 2",
        Verdict::Different,
    );
}

#[test]
fn equations_and_inequalities() {
    check(
        r"
x=5 | 5
5 | x=5
x = 5+5+1 = 11 | x = 11
f(x)=1 | 1
(p,q)=(3,2) | (3,2)
2=x | x=2
2x+4y=6 | x+2y=3
y=2x+1 | 2x-y+1=0
a=1,b=2 | 1,2
x < 3 | (-\infty,3)
2x < 6 | x < 3
-x > -3 | x < 3
-2 \le x \le 7 | x \in [-2,7]
1 < x < 2 | 2 > x > 1
0 < f(x) < 1 | (0,1)
x \neq 0 | (-\infty,0)\cup(0,\infty)
\{x \mid x>0\} | (0,\infty)
\begin{cases} x=1 \\ y=2 \end{cases} | x=1, y=2",
        Verdict::Equal,
    );
    check(
        r"
x=5 | y=5
11a+c | 7 = 11a+c
0 | a +3z = 0
x \leq 5 | x \geq 5
x < 3 | x \le 3",
        Verdict::Different,
    );
}

#[test]
fn a_predicted_inequality_is_a_set_only_if_asked_for() {
    let strict = Comparison { inequalities_as_sets: false, ..Comparison::default() };
    assert_eq!(strict.verdict("x<3", r"(-\infty,3)"), Verdict::Different);
    assert_eq!(strict.verdict(r"(-\infty,3)", "x<3"), Verdict::Equal);
}

#[test]
fn words_and_choices() {
    check(
        r"
\text{yes} | yes
Even | \text{even}
\text{(C)} | \text{C}
\text{the Midpoints form} | \text{The midpoints  form.}
e | \text{e}",
        Verdict::Equal,
    );
    check("\\text{yes} | \\text{no}\n\\text{A} | \\text{B}", Verdict::Different);
}

#[test]
fn decimals_are_rounded_as_asked() {
    let two = Comparison { decimals: 2, ..Comparison::default() };
    assert_eq!(two.verdict("(0.6,2.6667]", r"(\frac{3}{5},\frac{8}{3}]"), Verdict::Equal);
    assert_eq!(Comparison::default().verdict("2.6667", r"\frac{8}{3}"), Verdict::Different);
}

#[test]
fn what_cannot_be_told_is_undecided() {
    let verdict = |p: &str, r: &str| Comparison::default().verdict(p, r);
    assert!(matches!(verdict("1 +", "1"), Verdict::Undecided(Reason::Prediction(_))));
    assert!(matches!(verdict("1", r"\frac{1}{"), Verdict::Undecided(Reason::Reference(_))));
    assert_eq!(verdict("9^{9^{9}}", "1"), Verdict::Undecided(Reason::Steps));
    assert_eq!(verdict(r"\frac{1}{0}", "1"), Verdict::Undecided(Reason::NoValue));
    // The same text is the same answer, whatever it means.
    assert_eq!(verdict("9^{9^{9}}", "9^{9^{9}}"), Verdict::Equal);
    assert_eq!(verdict("12:00", "12:00"), Verdict::Equal);
}

#[test]
fn deep_and_long_inputs_end() {
    for (open, close) in [("{", "}"), ("(", ")"), (r"\frac{", "}{2}"), (r"\sqrt{", "}"), ("|", "|")]
    {
        let deep = format!("{}7{}", open.repeat(10_000), close.repeat(10_000));
        let verdict = Comparison::default().verdict(&deep, "7");
        assert!(matches!(verdict, Verdict::Undecided(_)), "{open}");
    }
    for part in ["2^", "-", "!", r"\sin ", "_", "x", "1+", "((", r"\text{", r"\left("] {
        Comparison::default().verdict(&part.repeat(20_000), "7");
    }
    let wide = format!("({})", "x+1)(".repeat(400) + "x");
    Comparison::default().verdict(&wide, &wide.replace('1', "2"));
}

/// Pieces of which answers are made, right and wrong, one between each two blanks.
const PIECES: &str = r"1 23 0.5 , x y e i + - * / ^ _ ! % = < ( ) [ ] { } \{ \} | : ; & \\ $ é
    \frac \sqrt \pi \infty \cup \in \pm \le \text{cm} \sin
    \log \sum \binom \boxed{ \begin{pmatrix} \end{pmatrix} \left \right
    \circ \overline{3} \lfloor \rfloor 999 \cdot answer is";

fn pieces() -> impl Strategy<Value = String> {
    let pieces: Vec<&str> = PIECES.split_whitespace().chain([" ", ", "]).collect();
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_input_panics(a in pieces(), b in pieces()) {
        crate::grade(&a, &b, crate::Finder::default(), &Comparison::default());
        Comparison::default().verdict(&a, &b);
        crate::skythought::math(&a, &b);
        crate::skythought::gsm8k(&a, &b);
        crate::hendrycks::equal(&a, &b);
        crate::choice(&a);
    }

    #[test]
    fn nor_does_any_text(a in any::<String>(), b in any::<String>()) {
        crate::grade(&a, &b, crate::Finder::default(), &Comparison::default());
        crate::skythought::math(&a, &b);
        crate::skythought::multiple_choice(&a);
        crate::choice(&a);
    }

    #[test]
    fn every_answer_equals_itself(a in pieces()) {
        let verdict = Comparison::default().verdict(&a, &a);
        prop_assert_ne!(verdict, Verdict::Different);
    }

    #[test]
    fn fractions_equal_their_multiples(n in -999i64..999, d in 1i64..999, k in 1i64..99) {
        let comparison = Comparison::default();
        let (a, b) = (format!("{n}/{d}"), format!(r"\frac{{{}}}{{{}}}", n * k, d * k));
        prop_assert_eq!(comparison.verdict(&a, &b), Verdict::Equal);
        let other = format!(r"\frac{{{}}}{{{}}}", n * k + 1, d * k);
        prop_assert_eq!(comparison.verdict(&a, &other), Verdict::Different);
    }
}

/// A hundred thousand generated inputs: a minute or two in a release build.
#[test]
#[ignore = "100,000 inputs take minutes in a debug build"]
fn no_panic_in_a_hundred_thousand() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100_000));
    let inputs = (pieces(), pieces());
    runner
        .run(&inputs, |(a, b)| {
            crate::grade(&a, &b, crate::Finder::default(), &Comparison::default());
            Comparison::default().verdict(&a, &b);
            crate::skythought::math(&a, &b);
            Ok(())
        })
        .unwrap();
}
