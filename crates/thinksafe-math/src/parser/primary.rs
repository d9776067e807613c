//! Products, powers and what they are made of.

use super::{ParseError, Parsed, Parser, numeral, table};
use crate::expr::{Constant, Expr};
use crate::lexer::{Kind, OPEN_SET};
use crate::number::{self, Rational};

impl Parser {
    /// Whether a factor can begin with what comes next.
    pub(super) fn starts_factor(&self) -> bool {
        match self.peek() {
            Some(
                Kind::Number(_)
                | Kind::Text(_)
                | Kind::Begin(_)
                | Kind::Mark('(' | '[' | '{' | '…'),
            ) => true,
            Some(Kind::Letter(_)) => !self.is_union_letter(),
            Some(Kind::Command(name)) => !table::is_infix(name),
            Some(Kind::Mark('|')) => self.bars == 0 && self.braces == 0,
            Some(Kind::Mark(mark)) => *mark == OPEN_SET,
            _ => false,
        }
    }

    pub(super) fn product(&mut self) -> Parsed {
        let mut factors = vec![self.factor()?];
        let mut unit = false;
        loop {
            if self.skip_unit(&factors, unit) {
                unit = true;
            } else if self.take('*') || self.take_command(&["cdot", "times", "ast", "bullet"]) {
                while self.take('*') {}
                factors.push(self.factor()?);
            } else if self.take('/')
                || self.take_command(&["div", "slash"])
                || self.take_ratio_colon()
            {
                factors.push(self.factor()?.inverse());
            } else if self.take_command(&["bmod", "mod"]) {
                let modulus = self.factor()?;
                let value = Expr::product(std::mem::take(&mut factors));
                factors.push(Expr::call("mod", vec![value, modulus]));
            } else if self.take_command(&["pmod", "pod"]) {
                // `9 (mod 11)` is the residue 9.
                self.factor()?;
            } else if self.take_command(&["choose"]) {
                let below = self.factor()?;
                let above = Expr::product(std::mem::take(&mut factors));
                factors.push(Expr::call("binomial", vec![above, below]));
            } else if self.continues(&factors) {
                let next = self.power()?;
                let mixed = factors.last().and_then(|whole| numeral::mixed_number(whole, &next));
                match mixed {
                    Some(number) => {
                        factors.pop();
                        factors.push(number);
                    }
                    _ => factors.push(next),
                }
            } else {
                return Ok(Expr::product(factors));
            }
        }
    }

    /// Whether a factor follows with no sign between. Two literal numbers are no product.
    fn continues(&self, factors: &[Expr]) -> bool {
        let two_numbers = matches!(self.peek(), Some(Kind::Number(_)))
            && self.at > 0
            && matches!(self.tokens[self.at - 1].kind, Kind::Number(_));
        self.starts_factor() && !two_numbers && !factors.is_empty()
    }

    /// `:` divides, except where it means "such that" or belongs to `:=`.
    fn take_ratio_colon(&mut self) -> bool {
        self.braces == 0 && self.ahead(1) != Some(&Kind::Mark('=')) && self.take(':')
    }

    /// Passes over a unit behind a value: words, their exponents, and `/h` behind a former unit.
    fn skip_unit(&mut self, factors: &[Expr], behind_unit: bool) -> bool {
        let valued = factors.iter().any(|f| !matches!(f, Expr::Text(_)));
        let divided = self.is_mark('/')
            && (matches!(self.ahead(1), Some(Kind::Text(_)))
                || behind_unit && matches!(self.ahead(1), Some(Kind::Letter(_))));
        if valued && divided {
            self.at += 2;
            return true;
        }
        if !valued || !matches!(self.peek(), Some(Kind::Text(_))) {
            return false;
        }
        self.at += 1;
        while matches!(self.peek(), Some(Kind::Text(_))) {
            self.at += 1;
        }
        if self.is_mark('^') && matches!(self.ahead(1), Some(Kind::Number(_))) {
            self.at += 2;
        } else if self.is_mark('^')
            && self.ahead(1) == Some(&Kind::Mark('{'))
            && matches!(self.ahead(2), Some(Kind::Number(_)))
            && self.ahead(3) == Some(&Kind::Mark('}'))
        {
            self.at += 4;
        }
        true
    }

    /// A power with its signs.
    pub(super) fn factor(&mut self) -> Parsed {
        let mut negative = false;
        loop {
            if self.take('-') {
                negative = !negative;
            } else if !self.take('+') {
                break;
            }
        }
        let value = self.power()?;
        Ok(if negative { value.negated() } else { value })
    }

    /// A primary with everything that can stand behind it.
    pub(super) fn power(&mut self) -> Parsed {
        let mut base = self.nested(Self::primary)?;
        loop {
            if self.take('^') {
                base = self.raised(base)?;
            } else if self.is_mark('*') && self.ahead(1) == Some(&Kind::Mark('*')) {
                self.at += 2;
                base = self.raised(base)?;
            } else if self.take('_') {
                base = self.subscripted(base)?;
            } else if self.is_mark('!') && self.ahead(1) != Some(&Kind::Mark('=')) {
                self.at += 1;
                let name = if self.take('!') { "double_factorial" } else { "factorial" };
                base = Expr::call(name, vec![base]);
            } else if self.take('%') {
                base = Expr::Percent(Box::new(base));
            } else if self.take('\'') || self.take_command(&["prime"]) {
                base = match base {
                    Expr::Symbol(name) => Expr::Symbol(name + "'"),
                    other => Expr::call("prime", vec![other]),
                };
            } else if !self.take_command(&["degree", "circ"]) {
                return Ok(base);
            }
        }
    }

    fn raised(&mut self, base: Expr) -> Parsed {
        if self.take_command(&["circ", "degree"]) {
            return Ok(base);
        }
        if self.is_mark('{')
            && matches!(self.ahead(1), Some(Kind::Command(c)) if c == "circ" || c == "degree")
            && self.ahead(2) == Some(&Kind::Mark('}'))
        {
            self.at += 3;
            return Ok(base);
        }
        if self.take_command(&["prime"]) {
            return Ok(Expr::call("prime", vec![base]));
        }
        let exponent = self.nested(Self::factor)?;
        Ok(base.power(exponent))
    }

    /// A subscript: the base of a numeral, or a part of a name.
    fn subscripted(&mut self, base: Expr) -> Parsed {
        let start = self.at;
        self.script()?;
        let subscript: String = self.tokens[start..self.at]
            .iter()
            .filter(|t| !matches!(t.kind, Kind::Mark('{' | '}')))
            .map(|t| match &t.kind {
                Kind::Number(s) | Kind::Text(s) | Kind::Command(s) => s.clone(),
                Kind::Letter(c) | Kind::Mark(c) => c.to_string(),
                Kind::Begin(_) | Kind::End(_) | Kind::Row => String::new(),
            })
            .collect();
        let numeral = base.natural().zip(subscript.parse().ok());
        Ok(match (base, numeral) {
            (_, Some((digits, radix))) => match number::in_base(&digits.to_string(), radix) {
                Some(value) => Expr::Call(
                    "numeral".to_owned(),
                    vec![
                        Expr::Number(value),
                        Expr::Number(Rational::from_integer(radix.into())),
                        Expr::Number(Rational::from_integer(digits.into())),
                    ],
                ),
                None => Expr::Symbol(format!("{digits}_{subscript}")),
            },
            (Expr::Symbol(name), _) => Expr::Symbol(format!("{name}_{subscript}")),
            (Expr::Constant(Constant::E), _) => Expr::Symbol(format!("e_{subscript}")),
            (Expr::Constant(Constant::I), _) => Expr::Symbol(format!("i_{subscript}")),
            (other, _) => Expr::call(&format!("sub_{subscript}"), vec![other]),
        })
    }

    /// A group in braces, or one token; digits are one token.
    fn script(&mut self) -> Result<(), ParseError> {
        if !self.is_mark('{') {
            return self.next().map(|_| ());
        }
        let mut depth = 0usize;
        loop {
            match self.next()? {
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') if depth == 1 => return Ok(()),
                Kind::Mark('}') => depth -= 1,
                _ => {}
            }
        }
    }

    pub(super) fn primary(&mut self) -> Parsed {
        match self.peek() {
            Some(Kind::Number(_)) => self.number(),
            Some(Kind::Mark('(' | '[')) => self.bracketed(),
            Some(Kind::Mark('{')) => self.group(),
            Some(Kind::Mark('|')) => self.absolute(),
            Some(Kind::Mark(mark)) if *mark == OPEN_SET => self.braced(),
            _ => match self.next()? {
                Kind::Letter(c) => self.letter(c),
                Kind::Text(words) => Ok(Expr::Text(words)),
                Kind::Command(name) => self.command(&name),
                Kind::Begin(name) => self.environment(&name),
                Kind::Mark('…') => Ok(Expr::symbol("…")),
                _ => {
                    self.at -= 1;
                    Err(self.unexpected())
                }
            },
        }
    }

    fn letter(&mut self, letter: char) -> Parsed {
        let applied = self.is_mark('(') && !self.is_spaced();
        Ok(match letter {
            'e' => Expr::Constant(Constant::E),
            'i' => Expr::Constant(Constant::I),
            'f' | 'g' | 'h' | 'F' | 'G' if applied => {
                let argument = self.bracketed()?;
                Expr::call(&letter.to_string(), vec![argument])
            }
            _ => Expr::symbol(letter),
        })
    }
}
