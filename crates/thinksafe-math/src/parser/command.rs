//! Commands that begin an expression: fractions, roots, functions, large operators.

use super::{Parsed, Parser};
use crate::expr::{Brackets, Constant, Expr};
use crate::lexer::{Kind, Token};
use crate::number;
use crate::words::{self, FUNCTIONS};

impl Parser {
    pub(super) fn command(&mut self, name: &str) -> Parsed {
        match name {
            "frac" | "dfrac" | "tfrac" | "cfrac" | "nicefrac" | "sfrac" => {
                let (above, below) = (self.argument()?, self.argument()?);
                Ok(Expr::call("fraction", vec![above, below]))
            }
            "binom" | "dbinom" | "tbinom" => {
                let (above, below) = (self.argument()?, self.argument()?);
                Ok(Expr::call("binomial", vec![above, below]))
            }
            "sqrt" => self.root(),
            "infty" => Ok(Expr::Constant(Constant::Infinity)),
            "pi" => Ok(Expr::Constant(Constant::Pi)),
            "emptyset" | "varnothing" => Ok(Expr::Constant(Constant::Empty)),
            "R" | "reals" => Ok(Expr::Constant(Constant::Reals)),
            "imath" => Ok(Expr::Constant(Constant::I)),
            "mathbb" | "Bbb" => self.blackboard(),
            "lfloor" => Ok(Expr::call("floor", vec![self.delimited("rfloor")?])),
            "lceil" => Ok(Expr::call("ceil", vec![self.delimited("rceil")?])),
            "lvert" => Ok(Expr::call("abs", vec![self.delimited("rvert")?])),
            "vert" => {
                self.at -= 1;
                self.tokens[self.at].kind = Kind::Mark('|');
                for token in &mut self.tokens[self.at..] {
                    if token.kind == Kind::Command("vert".to_owned()) {
                        token.kind = Kind::Mark('|');
                    }
                }
                self.absolute()
            }
            "langle" => self.angled(),
            "ldots" | "dots" | "cdots" | "dotsc" | "vdots" | "ddots" => Ok(Expr::symbol("…")),
            "sum" | "prod" | "int" | "oint" | "iint" | "lim" | "sup" | "limsup" | "liminf"
            | "bigoplus" => self.large_operator(name),
            "not" => Err(self.unexpected()),
            _ if words::is_wrapper(name) => self.argument(),
            _ if FUNCTIONS.contains(&name) => self.function(name),
            _ => Ok(Expr::symbol(name)),
        }
    }

    /// A group in braces, or one token of which a number gives its first digit.
    fn argument(&mut self) -> Parsed {
        self.nested(|parser| match parser.peek() {
            Some(Kind::Mark('{')) => parser.group(),
            Some(Kind::Number(_)) => parser.digit(),
            Some(Kind::Mark('-')) => {
                parser.at += 1;
                parser.primary().map(Expr::negated)
            }
            _ => parser.primary(),
        })
    }

    /// `\frac12`: the first digit is the argument, the others are left.
    fn digit(&mut self) -> Parsed {
        let Kind::Number(digits) = self.next()? else { return Err(self.unexpected()) };
        let (first, rest) = digits.split_at(1);
        if !rest.is_empty() {
            self.at -= 1;
            self.tokens[self.at] = Token { kind: Kind::Number(rest.to_owned()), spaced: false };
        }
        number::decimal(first).map(Expr::Number).ok_or_else(|| self.unexpected())
    }

    /// `\sqrt{x}`, `\sqrt[3]{x}`, `\sqrt 12` (all its digits), `sqrt(x)`.
    fn root(&mut self) -> Parsed {
        let degree = if self.is_mark('[') { Some(self.nested(Self::bracketed)?) } else { None };
        let radicand = match self.peek() {
            Some(Kind::Number(_)) => self.primary()?,
            _ => self.argument()?,
        };
        Ok(radicand.power(degree.unwrap_or_else(|| Expr::integer(2)).inverse()))
    }

    fn blackboard(&mut self) -> Parsed {
        let braced = self.take('{');
        let Kind::Letter(letter) = self.next()? else {
            self.at -= 1;
            return Err(self.unexpected());
        };
        if braced {
            self.expect('}')?;
        }
        Ok(match letter {
            'R' => Expr::Constant(Constant::Reals),
            other => Expr::Symbol(format!("mathbb {other}")),
        })
    }

    fn angled(&mut self) -> Parsed {
        let items = self.enumeration()?;
        if !self.take_command(&["rangle"]) {
            return Err(self.unexpected());
        }
        Ok(Expr::Items(Brackets::Ends { left_open: true, right_open: true }, items))
    }

    /// `\sin x`, `\sin^2 x`, `\sin^{-1} x`, `\log_2 x`, `\max(a, b)`.
    fn function(&mut self, name: &str) -> Parsed {
        let (mut base, mut exponent) = (None, None);
        loop {
            if base.is_none() && self.take('_') {
                base = Some(self.script_value()?);
            } else if exponent.is_none() && self.take('^') {
                exponent = Some(self.script_value()?);
            } else {
                break;
            }
        }
        let arguments = self.function_arguments()?;
        let inverse = exponent.as_ref().is_some_and(|e| e.literal() == Expr::integer(-1).literal());
        let mut arguments = match arguments {
            Expr::Items(_, items) => items,
            single => vec![single],
        };
        arguments.extend(base);
        if name == "lg" && arguments.len() == 1 {
            arguments.push(Expr::integer(10));
        }
        let name = match name {
            "lg" => "log",
            "sign" => "sgn",
            other => other,
        };
        if inverse && matches!(name, "sin" | "cos" | "tan" | "cot") {
            return Ok(Expr::Call(format!("arc{name}"), arguments));
        }
        let call = Expr::call(name, arguments);
        Ok(match exponent {
            Some(exponent) => call.power(exponent),
            None => call,
        })
    }

    /// A script as a value: a group, or one token.
    fn script_value(&mut self) -> Parsed {
        self.nested(|parser| match parser.peek() {
            Some(Kind::Mark('{')) => parser.group(),
            Some(Kind::Mark('-')) => parser.factor(),
            _ => parser.primary(),
        })
    }

    /// What a function applies to: brackets, or factors up to the next sign or function.
    fn function_arguments(&mut self) -> Parsed {
        match self.peek() {
            Some(Kind::Mark('(' | '[')) => return self.nested(Self::bracketed),
            Some(Kind::Mark('{')) => return self.nested(Self::group),
            Some(Kind::Mark('-')) => return self.nested(Self::factor),
            _ => {}
        }
        let mut factors = vec![self.nested(Self::power)?];
        while self.starts_factor()
            && !matches!(self.peek(), Some(Kind::Mark('(' | '[')))
            && !matches!(self.peek(), Some(Kind::Text(_) | Kind::Begin(_)))
            && !matches!(self.peek(), Some(Kind::Command(name)) if FUNCTIONS.contains(&name.as_str()))
        {
            factors.push(self.nested(Self::power)?);
        }
        Ok(Expr::product(factors))
    }

    /// `\sum_{k=1}^{n} ...`: known by its limits and its body, not evaluated.
    fn large_operator(&mut self, name: &str) -> Parsed {
        let mut parts = Vec::new();
        loop {
            if self.take('_') {
                parts.push(Expr::call("from", vec![self.limit()?]));
            } else if self.take('^') {
                parts.push(Expr::call("up_to", vec![self.limit()?]));
            } else {
                break;
            }
        }
        parts.push(self.nested(Self::product)?);
        Ok(Expr::call(name, parts))
    }

    fn limit(&mut self) -> Parsed {
        if self.is_mark('{') { self.nested(Self::group) } else { self.nested(Self::primary) }
    }
}

/// Makes fractions products, once mixed numbers are recognised.
pub(super) fn lower(expr: Expr) -> Expr {
    expr.map(&|part| match part {
        Expr::Call(name, mut parts) if name == "fraction" && parts.len() == 2 => {
            let below = parts.remove(1);
            Expr::Product(vec![parts.remove(0), below.inverse()])
        }
        other => other,
    })
}
