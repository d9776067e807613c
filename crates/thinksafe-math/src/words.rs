//! The names that texts use: commands, symbols, functions, units.

/// What a run of letters stands for, if it is no product of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Command(&'static str),
    Mark(char),
}

/// Words of plain text that mean a command or a mark.
pub(crate) fn plain(word: &str) -> Option<Word> {
    Some(match word {
        "and" | "or" => Word::Mark(','),
        "percent" | "percentage" | "pct" => Word::Mark('%'),
        "infinity" | "infty" | "inf" | "oo" => Word::Command("infty"),
        "degrees" | "degree" => Word::Command("degree"),
        "pi" => Word::Command("pi"),
        "sqrt" => Word::Command("sqrt"),
        "frac" => Word::Command("frac"),
        "dfrac" => Word::Command("dfrac"),
        "boxed" => Word::Command("boxed"),
        _ => return FUNCTIONS.iter().find(|name| **name == word).copied().map(Word::Command),
    })
}

/// Characters that mean a command.
pub(crate) fn of_character(c: char) -> Option<&'static str> {
    Some(match c {
        'π' => "pi",
        '∞' => "infty",
        '°' | 'º' => "degree",
        '√' => "sqrt",
        '×' => "times",
        '·' | '⋅' | '∙' => "cdot",
        '÷' => "div",
        '±' => "pm",
        '∓' => "mp",
        '≤' | '⩽' => "le",
        '≥' | '⩾' => "ge",
        '≠' => "ne",
        '≈' => "approx",
        '≡' => "equiv",
        '∈' => "in",
        '∪' => "cup",
        '∩' => "cap",
        '∅' => "emptyset",
        'ℝ' => "R",
        '→' => "to",
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'θ' => "theta",
        'λ' => "lambda",
        'μ' => "mu",
        'φ' => "phi",
        'ω' => "omega",
        '⌊' => "lfloor",
        '⌋' => "rfloor",
        '⌈' => "lceil",
        '⌉' => "rceil",
        '⟨' => "langle",
        '⟩' => "rangle",
        _ => return None,
    })
}

/// Digits set high.
pub(crate) fn superscript(c: char) -> Option<u32> {
    Some(match c {
        '⁰' => 0,
        '¹' => 1,
        '²' => 2,
        '³' => 3,
        '⁴'..='⁹' => c as u32 - '⁰' as u32,
        _ => return None,
    })
}

/// Functions that apply to what follows them.
pub(crate) const FUNCTIONS: [&str; 34] = [
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "arccot", "sinh",
    "cosh", "tanh", "coth", "ln", "log", "lg", "exp", "min", "max", "gcd", "lcm", "det", "arg",
    "Re", "Im", "deg", "dim", "ker", "sgn", "sign", "tr", "rank", "mod",
];

/// Commands that change how things look, not what they mean.
pub(crate) fn is_layout(name: &str) -> bool {
    matches!(
        name,
        "left"
            | "right"
            | "mleft"
            | "mright"
            | "big"
            | "Big"
            | "bigg"
            | "Bigg"
            | "bigl"
            | "bigr"
            | "Bigl"
            | "Bigr"
            | "biggl"
            | "biggr"
            | "Biggl"
            | "Biggr"
            | "quad"
            | "qquad"
            | "displaystyle"
            | "textstyle"
            | "scriptstyle"
            | "limits"
            | "nolimits"
            | "allowbreak"
            | "nobreak"
            | "rm"
            | "bf"
            | "it"
            | "hline"
            | "hfill"
            | "newline"
            | "thinspace"
            | "medspace"
            | "thickspace"
            | "enspace"
            | "negthinspace"
    )
}

/// Commands whose braces hold words.
pub(crate) fn is_text(name: &str) -> bool {
    matches!(
        name,
        "text"
            | "textbf"
            | "textit"
            | "textrm"
            | "textsf"
            | "texttt"
            | "textnormal"
            | "mbox"
            | "hbox"
            | "mathrm"
            | "mathbf"
            | "mathit"
            | "mathsf"
            | "mathtt"
            | "operatorname"
            | "emph"
    )
}

/// Commands whose braces hold what is meant.
pub(crate) fn is_wrapper(name: &str) -> bool {
    matches!(
        name,
        "boxed"
            | "fbox"
            | "overline"
            | "underline"
            | "hat"
            | "widehat"
            | "bar"
            | "vec"
            | "overrightarrow"
            | "tilde"
            | "mathcal"
            | "mathscr"
            | "mathfrak"
            | "boldsymbol"
            | "bm"
            | "pmb"
            | "phantom"
            | "ensuremath"
            | "dot"
            | "ddot"
    )
}

/// Whether a word behind a number says what was counted or measured.
pub(crate) fn is_unit(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let singular = lower.strip_suffix("es").into_iter().chain(lower.strip_suffix('s'));
    std::iter::once(lower.as_str()).chain(singular).any(|w| UNITS.contains(&w))
}

const UNITS: [&str; 76] = [
    "acre",
    "apple",
    "bin",
    "book",
    "box",
    "cc",
    "cent",
    "child",
    "children",
    "cm",
    "coin",
    "cubic",
    "cup",
    "day",
    "degree",
    "dm",
    "dollar",
    "edge",
    "euro",
    "face",
    "feet",
    "foot",
    "ft",
    "gallon",
    "game",
    "gram",
    "hectare",
    "hour",
    "hr",
    "inch",
    "integer",
    "kg",
    "kilogram",
    "kilometer",
    "km",
    "kmh",
    "kph",
    "lb",
    "liter",
    "litre",
    "meter",
    "metre",
    "mg",
    "mile",
    "min",
    "minute",
    "ml",
    "mm",
    "mol",
    "month",
    "mph",
    "ohm",
    "page",
    "people",
    "person",
    "piece",
    "point",
    "pound",
    "rad",
    "radian",
    "rd",
    "rupee",
    "sec",
    "second",
    "sq",
    "square",
    "st",
    "student",
    "th",
    "time",
    "unit",
    "vertex",
    "way",
    "week",
    "yard",
    "year",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_in_singular_and_plural() {
        for unit in ["cm", "inches", "Meters", "miles", "years"] {
            assert!(is_unit(unit), "{unit}");
        }
        for word in ["xy", "ab", "sin"] {
            assert!(!is_unit(word), "{word}");
        }
    }

    #[test]
    fn superscripts() {
        assert_eq!(superscript('²'), Some(2));
        assert_eq!(superscript('⁷'), Some(7));
        assert_eq!(superscript('7'), None);
    }
}
