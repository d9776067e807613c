//! Brackets: groups, tuples, intervals, sets, absolute values, matrices.

use super::{ParseError, Parsed, Parser};
use crate::expr::{Brackets, Constant, Expr, Relation};
use crate::lexer::{CLOSE_SET, Kind, OPEN_SET};

impl Parser {
    /// `{...}` in LaTeX: seen by nobody.
    pub(super) fn group(&mut self) -> Parsed {
        self.expect('{')?;
        let (bars, braces) = (std::mem::take(&mut self.bars), std::mem::take(&mut self.braces));
        let inner = self.items();
        (self.bars, self.braces) = (bars, braces);
        let inner = inner?;
        self.expect('}')?;
        Ok(inner)
    }

    /// `( )`, `[ ]`, `( ]`, `[ )`: a single item in brackets of one kind is itself.
    pub(super) fn bracketed(&mut self) -> Parsed {
        let left_open = self.next()? == Kind::Mark('(');
        let (bars, braces) = (std::mem::take(&mut self.bars), std::mem::take(&mut self.braces));
        let items = self.enumeration();
        (self.bars, self.braces) = (bars, braces);
        let mut items = items?;
        let right_open = match self.next()? {
            Kind::Mark(')') => true,
            Kind::Mark(']') => false,
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        };
        match items.len() {
            1 if left_open == right_open => Ok(items.remove(0)),
            1 => Err(self.unexpected()),
            _ => Ok(Expr::Items(Brackets::Ends { left_open, right_open }, items)),
        }
    }

    /// `\{ \}`, with or without a condition behind `|` or `:`.
    pub(super) fn braced(&mut self) -> Parsed {
        self.expect(OPEN_SET)?;
        if self.take(CLOSE_SET) {
            return Ok(Expr::Constant(Constant::Empty));
        }
        let bars = std::mem::take(&mut self.bars);
        self.braces += 1;
        let items = self.enumeration();
        self.braces -= 1;
        self.bars = bars;
        let items = items?;
        if self.take('|') || self.take(':') || self.take_command(&["mid", "vert"]) {
            let condition = self.items()?;
            self.expect(CLOSE_SET)?;
            return Ok(such_that(items, condition));
        }
        self.expect(CLOSE_SET)?;
        Ok(Expr::Items(Brackets::Braces, items))
    }

    /// `| |`.
    pub(super) fn absolute(&mut self) -> Parsed {
        self.expect('|')?;
        self.bars += 1;
        let inner = self.items();
        self.bars -= 1;
        let inner = inner?;
        self.expect('|')?;
        Ok(Expr::call("abs", vec![inner]))
    }

    /// Brackets that are commands: `\lfloor \rfloor`.
    pub(super) fn delimited(&mut self, close: &str) -> Parsed {
        let inner = self.items()?;
        if self.take_command(&[close]) { Ok(inner) } else { Err(self.unexpected()) }
    }

    /// What stands between `\begin` and `\end`.
    pub(super) fn environment(&mut self, name: &str) -> Parsed {
        let rows = self.rows()?;
        let lines = || rows.iter().filter_map(|row| row.first().cloned()).collect::<Vec<_>>();
        Ok(match name.trim_end_matches('*') {
            // Without conditions beside its lines it is a system.
            "cases" | "rcases" | "dcases" if rows.iter().any(|row| row.len() > 1) => {
                Expr::Call("cases".to_owned(), rows.into_iter().flatten().collect())
            }
            "vmatrix" | "Vmatrix" => Expr::call("det", vec![Expr::Matrix(rows)]),
            "cases" | "rcases" | "dcases" | "align" | "aligned" | "gathered" | "gather"
            | "split" | "equation" => Expr::Items(Brackets::None, lines()),
            _ => Expr::Matrix(rows),
        })
    }

    fn rows(&mut self) -> Result<Vec<Vec<Expr>>, ParseError> {
        let mut rows = Vec::new();
        let mut row = Vec::new();
        loop {
            match self.peek() {
                Some(Kind::End(_)) => {
                    self.at += 1;
                    if !row.is_empty() {
                        rows.push(row);
                    }
                    return if rows.is_empty() { Err(ParseError::Empty) } else { Ok(rows) };
                }
                Some(Kind::Row) => {
                    self.at += 1;
                    if !row.is_empty() {
                        rows.push(std::mem::take(&mut row));
                    }
                }
                Some(Kind::Mark('&')) => self.at += 1,
                _ => row.push(self.items()?),
            }
        }
    }
}

/// `{x : x > 0}` is the set of its condition; other sets by a condition are known by their parts alone.
fn such_that(mut items: Vec<Expr>, condition: Expr) -> Expr {
    let variable = match items.as_slice() {
        [Expr::Symbol(_)] => true,
        [Expr::Relation(sides, relations)] => {
            matches!(sides.first(), Some(Expr::Symbol(_))) && relations == &[Relation::Element]
        }
        _ => false,
    };
    if variable {
        return Expr::Items(Brackets::Braces, vec![condition]);
    }
    items.push(condition);
    Expr::Call("such_that".to_owned(), items)
}
