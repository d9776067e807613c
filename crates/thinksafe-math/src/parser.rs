//! Tokens into an [`Expr`]: enumerations, relations, sets, sums, products, powers.
//!
//! A parser by descent whose depth is bounded, so that no input exhausts the stack.

mod bracket;
mod command;
mod numeral;
mod primary;
mod table;

use crate::expr::{Brackets, Expr, Relation};
use crate::lexer::{Commas, Kind, Token, tokens};

/// How deep brackets, fractions and exponents may lie in each other.
const MAX_DEPTH: u32 = 48;
/// How many tokens an answer may have.
const MAX_TOKENS: usize = 5_000;

/// Why a text is no mathematical expression.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// There is nothing.
    Empty,
    /// Brackets, fractions or exponents lie deeper in each other than 48 levels.
    TooDeep,
    /// There are more than 5,000 tokens, or digits in a number.
    TooLong,
    /// The text ends inside an expression.
    Unfinished,
    /// Something stands where no expression has it.
    Unexpected {
        /// What stands there.
        found: String,
    },
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no expression"),
            Self::TooDeep => write!(f, "the expression is nested deeper than {MAX_DEPTH} levels"),
            Self::TooLong => {
                write!(f, "the expression has more than {MAX_TOKENS} tokens or digits")
            }
            Self::Unfinished => f.write_str("the expression is not finished"),
            Self::Unexpected { found } => write!(f, "{found:?} is not expected there"),
        }
    }
}

impl std::error::Error for ParseError {}

type Parsed = Result<Expr, ParseError>;

/// Parses all of a text.
pub(crate) fn parse(text: &str, commas: Commas) -> Parsed {
    let text = text.trim().trim_end_matches(['.', ',', ';', ':']);
    let tokens = tokens(text, commas);
    let is_long = |token: &Token| matches!(&token.kind, Kind::Number(n) if n.len() > MAX_TOKENS);
    if tokens.len() > MAX_TOKENS || tokens.iter().any(is_long) {
        return Err(ParseError::TooLong);
    }
    let mut parser = Parser { tokens, at: 0, depth: 0, bars: 0, braces: 0 };
    let expr = parser.items()?;
    parser.finish()?;
    Ok(command::lower(expr))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    /// How many `|` are open.
    bars: u32,
    /// How many `\{` are open, in which `:` and `|` mean "such that".
    braces: u32,
}

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Option<&Kind> {
        self.tokens.get(self.at + by).map(|token| &token.kind)
    }

    fn is_spaced(&self) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.spaced)
    }

    fn next(&mut self) -> Result<Kind, ParseError> {
        let token = self.tokens.get(self.at).ok_or(ParseError::Unfinished)?;
        self.at += 1;
        Ok(token.kind.clone())
    }

    fn is_mark(&self, mark: char) -> bool {
        self.peek() == Some(&Kind::Mark(mark))
    }

    fn is_command(&self, names: &[&str]) -> bool {
        matches!(self.peek(), Some(Kind::Command(name)) if names.contains(&name.as_str()))
    }

    /// Takes a mark if it comes next.
    fn take(&mut self, mark: char) -> bool {
        let found = self.is_mark(mark);
        self.at += usize::from(found);
        found
    }

    fn take_command(&mut self, names: &[&str]) -> bool {
        let found = self.is_command(names);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char) -> Result<(), ParseError> {
        if self.take(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> ParseError {
        let describe = |kind: &Kind| match kind {
            Kind::Number(text) | Kind::Text(text) => text.clone(),
            Kind::Letter(c) | Kind::Mark(c) => c.to_string(),
            Kind::Command(name) | Kind::Begin(name) | Kind::End(name) => format!("\\{name}"),
            Kind::Row => "\\\\".to_owned(),
        };
        match self.peek() {
            None => ParseError::Unfinished,
            Some(kind) => ParseError::Unexpected { found: describe(kind) },
        }
    }

    fn finish(&self) -> Result<(), ParseError> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Runs a step one level deeper.
    fn nested<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        if self.depth == MAX_DEPTH {
            return Err(ParseError::TooDeep);
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    /// `a, b; c`: a single one is itself.
    fn items(&mut self) -> Parsed {
        let mut items = self.enumeration()?;
        if items.len() == 1 { Ok(items.remove(0)) } else { Ok(Expr::Items(Brackets::None, items)) }
    }

    /// What stands between commas; at least one, empty places are skipped.
    fn enumeration(&mut self) -> Result<Vec<Expr>, ParseError> {
        let mut items = Vec::new();
        loop {
            while self.take(',') || self.take(';') || self.take_command(&["and"]) {}
            if !self.starts_expression() {
                break;
            }
            items.push(self.relation()?);
            if !(self.is_mark(',') || self.is_mark(';') || self.is_command(&["and"])) {
                break;
            }
        }
        match (items.is_empty(), self.peek()) {
            (false, _) => Ok(items),
            (true, None) if self.tokens.is_empty() => Err(ParseError::Empty),
            (true, None) => Err(ParseError::Unfinished),
            (true, Some(_)) => Err(self.unexpected()),
        }
    }

    fn starts_expression(&self) -> bool {
        self.starts_factor()
            || matches!(self.relation_ahead(), Some((Relation::Equal, _)))
            || matches!(self.peek(), Some(Kind::Mark('-' | '+')))
            || self.is_command(&["pm", "mp"])
    }

    fn relation(&mut self) -> Parsed {
        // `\approx 3.14` and `= 5`: what it is about was left out.
        if matches!(self.relation_ahead(), Some((Relation::Equal, _))) {
            self.take_relation();
        }
        let mut sides = vec![self.sets()?];
        let mut relations = Vec::new();
        loop {
            if self.take_command(&["implies", "Rightarrow", "Longrightarrow", "iff", "therefore"]) {
                // What is concluded is the answer.
                sides = vec![self.sets()?];
                relations.clear();
                continue;
            }
            let Some(relation) = self.take_relation() else { break };
            relations.push(relation);
            sides.push(self.sets()?);
        }
        if relations.is_empty() {
            return Ok(sides.remove(0));
        }
        Ok(Expr::Relation(sides, relations))
    }

    fn take_relation(&mut self) -> Option<Relation> {
        let (relation, tokens) = self.relation_ahead()?;
        self.at += tokens;
        Some(relation)
    }

    /// The relation that comes next, and how many tokens it has.
    fn relation_ahead(&self) -> Option<(Relation, usize)> {
        let mark = match self.peek()? {
            Kind::Mark(mark) => *mark,
            Kind::Command(name) => return table::relation(name).map(|relation| (relation, 1)),
            _ => return None,
        };
        let equals = self.ahead(1) == Some(&Kind::Mark('='));
        let relation = match (mark, equals) {
            ('=', _) | (':', true) => Relation::Equal,
            ('<', true) => Relation::LessEqual,
            ('<', false) => Relation::Less,
            ('>', true) => Relation::GreaterEqual,
            ('>', false) => Relation::Greater,
            ('!', true) => Relation::NotEqual,
            _ => return None,
        };
        Some((relation, 1 + usize::from(equals)))
    }

    /// Sums joined by `∪`, `∩`, `∖`.
    fn sets(&mut self) -> Parsed {
        let mut left = self.sum()?;
        loop {
            let operation = if self.take_command(&["cup", "bigcup"]) || self.take_union_letter() {
                '∪'
            } else if self.take_command(&["cap", "bigcap"]) {
                '∩'
            } else if self.take_command(&["setminus", "backslash", "smallsetminus"]) {
                '∖'
            } else {
                return Ok(left);
            };
            let right = self.sum()?;
            left = match left {
                Expr::SetOperation(same, mut parts) if same == operation && same != '∖' => {
                    parts.push(right);
                    Expr::SetOperation(same, parts)
                }
                other => Expr::SetOperation(operation, vec![other, right]),
            };
        }
    }

    /// `U` between two brackets.
    fn take_union_letter(&mut self) -> bool {
        let is_union = self.is_union_letter();
        self.at += usize::from(is_union);
        is_union
    }

    fn is_union_letter(&self) -> bool {
        let closed = self.at > 0
            && matches!(
                self.tokens[self.at - 1].kind,
                Kind::Mark(')' | ']' | crate::lexer::CLOSE_SET)
            );
        closed
            && matches!(self.peek(), Some(Kind::Letter('U' | 'u')))
            && matches!(self.ahead(1), Some(Kind::Mark('(' | '[' | crate::lexer::OPEN_SET)))
    }

    fn sum(&mut self) -> Parsed {
        let mut terms = Vec::new();
        loop {
            let sign = match self.peek() {
                Some(Kind::Mark('+')) => Sign::Plus,
                Some(Kind::Mark('-')) => Sign::Minus,
                Some(Kind::Command(name)) if name == "pm" => Sign::PlusMinus(true),
                Some(Kind::Command(name)) if name == "mp" => Sign::PlusMinus(false),
                _ if terms.is_empty() => Sign::None,
                _ => break,
            };
            self.at += usize::from(sign != Sign::None);
            let term = self.product()?;
            terms.push(match sign {
                Sign::None | Sign::Plus => term,
                Sign::Minus => term.negated(),
                Sign::PlusMinus(plus) => Expr::PlusMinus(plus, Box::new(term)),
            });
        }
        Ok(Expr::sum(terms))
    }
}

#[derive(PartialEq)]
enum Sign {
    None,
    Plus,
    Minus,
    PlusMinus(bool),
}

#[cfg(test)]
mod tests;
