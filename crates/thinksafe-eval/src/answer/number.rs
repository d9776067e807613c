//! Numbers as exact fractions, so that 0.5, 1/2 and \frac{1}{2} are one number and 0.3 is not 0.30000001.

/// An exact fraction in lowest terms, its denominator positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rational {
    numerator: i128,
    denominator: i128,
}

impl Rational {
    /// Reads an integer, a decimal, `a/b`, or `\frac{a}{b}` of integers, after [`normalize`].
    ///
    /// `None` for anything else, and for numbers beyond 128 bits: those are compared as text.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("-\\frac") {
            return Self::parse_frac(rest)?.negated();
        }
        if let Some(rest) = text.strip_prefix("\\frac") {
            return Self::parse_frac(rest);
        }
        match text.split_once('/') {
            Some((a, b)) => Self::quotient(Self::decimal(a)?, Self::decimal(b)?),
            None => Self::decimal(text),
        }
    }

    fn parse_frac(text: &str) -> Option<Self> {
        let (a, b) = text.strip_prefix('{')?.strip_suffix('}')?.split_once("}{")?;
        Self::quotient(Self::decimal(a)?, Self::decimal(b)?)
    }

    fn decimal(text: &str) -> Option<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut numerator: i128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = i128::from(byte.is_ascii_digit().then(|| byte - b'0')?);
            numerator = numerator.checked_mul(10)?.checked_add(digit)?;
        }
        let denominator = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        Self::new(sign * numerator, denominator)
    }

    fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let divisor = gcd(numerator.checked_abs()?, denominator.checked_abs()?);
        let sign = denominator.signum();
        Some(Self {
            numerator: sign * (numerator / divisor),
            denominator: sign * (denominator / divisor),
        })
    }

    fn quotient(a: Self, b: Self) -> Option<Self> {
        let numerator = a.numerator.checked_mul(b.denominator)?;
        Self::new(numerator, a.denominator.checked_mul(b.numerator)?)
    }

    fn negated(self) -> Option<Self> {
        Self::new(-self.numerator, self.denominator)
    }
}

/// Strips what does not change an answer: white space, `$`, `\(`, `\!`, `\left`, `\text{...}` around all of it, commas
/// between thousands, a trailing period, percent and degree signs; lower case.
pub fn normalize(answer: &str) -> String {
    let mut text: String = answer.chars().filter(|c| !c.is_whitespace() && *c != '$').collect();
    for mark in
        ["\\!", "\\,", "\\;", "\\(", "\\)", "\\left", "\\right", "\\%", "^\\circ", "^{\\circ}"]
    {
        text = text.replace(mark, "");
    }
    for (from, to) in [("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("\u{2212}", "-")] {
        text = text.replace(from, to);
    }
    for wrapper in ["\\text{", "\\mathrm{", "\\textbf{"] {
        if let Some(inner) = text.strip_prefix(wrapper).and_then(|t| t.strip_suffix('}')) {
            text = inner.to_owned();
        }
    }
    let text = text.trim_end_matches(['.', '%']);
    if is_grouped(text) { text.replace(',', "") } else { text.to_ascii_lowercase() }
}

/// Whether the text is a number with its thousands set off by commas, as in 1,234,567.8; `1,2` is a pair.
fn is_grouped(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    (1..=3).contains(&first.len())
        && !rest.is_empty()
        && rest.iter().all(|group| group.len() == 3 && digits(group))
        && digits(first)
        && digits(fraction)
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn same(a: &str, b: &str) {
        let (x, y) = (Rational::parse(&normalize(a)), Rational::parse(&normalize(b)));
        assert!(x.is_some() && x == y, "{a} {b}: {x:?} {y:?}");
    }

    #[test]
    fn spellings_of_one_number() {
        same("0.5", "1/2");
        same(r"\frac{1}{2}", ".5");
        same(r"-\dfrac{6}{4}", "-1.50");
        same("1,234,567", "1234567.0");
        same(r"$90^\circ$", "90");
        same("+7.", "7");
        same("-0", "0");
        same("\u{2212}3", "-3");
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", "-", ".", "1/0", "x", "1,2", "1e5", r"\frac12", "1/2/3", "--1"] {
            assert_eq!(Rational::parse(&normalize(text)), None, "{text}");
        }
        assert_eq!(Rational::parse(&"9".repeat(60)), None);
        assert_eq!(normalize("1,2"), "1,2");
        assert_eq!(normalize(r"\text{ Yes. }"), "yes");
    }

    proptest! {
        #[test]
        fn fractions_reduce(a in -10_000i64..10_000, b in 1i64..10_000, k in 1i64..1000) {
            let one = Rational::parse(&format!("{a}/{b}"));
            let scaled = Rational::parse(&format!("{}/{}", a * k, b * k));
            prop_assert!(one.is_some());
            prop_assert_eq!(one, scaled);
        }

        #[test]
        fn normalizing_and_parsing_never_panic(text in any::<String>(), digits in r"[-0-9./,{}\\frac]{0,60}") {
            let _ = Rational::parse(&normalize(&text));
            let _ = Rational::parse(&normalize(&digits));
        }
    }
}
