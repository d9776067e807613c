//! LaTeX and plain text into tokens. One pass, no recursion.

use crate::braces::closing;
use crate::words::{self, Word};

/// A token, and whether white space stands before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) spaced: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Digits with at most one point, separators of thousands removed.
    Number(String),
    /// A letter.
    Letter(char),
    /// `\name` without its backslash.
    Command(String),
    /// `\text{...}` and its like: what is inside.
    Text(String),
    /// `\begin{name}`.
    Begin(String),
    /// `\end{name}`.
    End(String),
    /// Any other character; `\{` is `⦃` and `\}` is `⦄`, so that they differ from groups.
    Mark(char),
    /// `\\`, the end of a row.
    Row,
}

/// How commas between digits are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commas {
    /// `1,234` is one number.
    Group,
    /// `1,234` is two.
    Separate,
}

pub(crate) const OPEN_SET: char = '⦃';
pub(crate) const CLOSE_SET: char = '⦄';

/// Splits a text into tokens.
pub(crate) fn tokens(text: &str, commas: Commas) -> Vec<Token> {
    let braces = closing(text);
    let mut lexer = Lexer { text, rest: text, braces, commas, spaced: false, tokens: Vec::new() };
    while let Some(c) = lexer.rest.chars().next() {
        lexer.step(c);
    }
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    rest: &'a str,
    /// Which braces belong together.
    braces: Vec<(usize, usize)>,
    commas: Commas,
    spaced: bool,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn step(&mut self, c: char) {
        match c {
            _ if c.is_whitespace() || matches!(c, '~' | '$' | '"' | '\u{200b}') => {
                self.skip(c.len_utf8());
                self.spaced = true;
            }
            '\\' => self.command(),
            '0'..='9' => self.number(),
            '.' if self.rest[1..].starts_with(|d: char| d.is_ascii_digit()) => self.number(),
            'a'..='z' | 'A'..='Z' => self.letters(),
            _ => {
                self.skip(c.len_utf8());
                self.special(c);
            }
        }
    }

    fn skip(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, spaced: self.spaced });
        self.spaced = false;
    }

    fn push_command(&mut self, name: &str) {
        self.push(Kind::Command(name.to_owned()));
    }

    fn special(&mut self, c: char) {
        if let Some(name) = words::of_character(c) {
            return self.push_command(name);
        }
        if let Some(digit) = words::superscript(c) {
            self.push(Kind::Mark('^'));
            return self.push(Kind::Number(digit.to_string()));
        }
        self.push(Kind::Mark(if c == '\u{2212}' || c == '–' { '-' } else { c }));
    }

    fn command(&mut self) {
        self.skip(1);
        let letters = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if letters == 0 {
            let Some(c) = self.rest.chars().next() else { return };
            self.skip(c.len_utf8());
            return match c {
                '{' => self.push(Kind::Mark(OPEN_SET)),
                '}' => self.push(Kind::Mark(CLOSE_SET)),
                '\\' => self.push(Kind::Row),
                '%' => self.push(Kind::Mark('%')),
                '|' => self.push(Kind::Mark('|')),
                '&' => self.push_command("and"),
                _ => self.spaced = true,
            };
        }
        let name = self.skip(letters);
        self.named(name);
    }

    fn named(&mut self, name: &str) {
        if words::is_layout(name) {
            self.spaced = true;
            if matches!(name, "left" | "right") && self.rest.trim_start().starts_with('.') {
                let space = self.rest.len() - self.rest.trim_start().len();
                self.skip(space + 1);
            }
            return;
        }
        if words::is_text(name) {
            if let Some(content) = self.group() {
                return self.text(content);
            }
            self.spaced = true;
            return;
        }
        if matches!(name, "begin" | "end")
            && let Some(content) = self.group()
        {
            let environment = content.trim().to_owned();
            if environment == "array" {
                self.group();
            }
            return self.push(if name == "begin" {
                Kind::Begin(environment)
            } else {
                Kind::End(environment)
            });
        }
        self.push_command(name);
    }

    /// The content of the braces that come next, if they are closed.
    fn group(&mut self) -> Option<&'a str> {
        let space = self.rest.len() - self.rest.trim_start().len();
        let open = self.text.len() - self.rest.len() + space;
        let pair = self.braces.binary_search_by_key(&open, |(open, _)| *open).ok()?;
        let close = self.braces[pair].1;
        self.rest = &self.text[close + 1..];
        Some(&self.text[open + 1..close])
    }

    fn text(&mut self, content: &str) {
        let word = content.trim();
        let mut letters = word.chars();
        match (letters.next(), letters.next()) {
            (None, _) => self.spaced = true,
            // `\mathrm{e}` and `\text{A}` are letters.
            (Some(c), None) if c.is_ascii_alphabetic() => self.push(Kind::Letter(c)),
            _ if matches!(word.trim_matches(','), "and" | "or") => self.push(Kind::Mark(',')),
            _ => self.words(word),
        }
    }

    /// A text that a name or number hides in: `\mathrm{sin}`, `\text{percent}`, `\mathbf{12}`.
    fn words(&mut self, word: &str) {
        match words::plain(&word.to_ascii_lowercase()) {
            Some(Word::Command(name)) => self.push_command(name),
            Some(Word::Mark(mark)) => self.push(Kind::Mark(mark)),
            // Not what has groups of its own, which would nest.
            _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                && word.bytes().any(|b| b.is_ascii_digit())
                && !word.contains('{') =>
            {
                self.tokens.extend(tokens(word, self.commas));
            }
            _ => self.push(Kind::Text(word.to_owned())),
        }
    }

    /// A run of letters: a known word, a unit behind a number, or one variable a letter.
    fn letters(&mut self) {
        let length = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let run = &self.rest[..length];
        let behind_number = matches!(
            self.tokens.last(),
            Some(Token { kind: Kind::Number(_) | Kind::Mark('}' | ')'), .. })
        );
        match words::plain(run) {
            Some(Word::Command(name)) => self.push_command(name),
            Some(Word::Mark(mark)) => self.push(Kind::Mark(mark)),
            None if length > 1 && behind_number && words::is_unit(run) => {
                self.push(Kind::Text(run.to_owned()));
            }
            None => {
                for letter in run.chars() {
                    self.push(Kind::Letter(letter));
                }
            }
        }
        self.skip(length);
    }

    fn number(&mut self) {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut end = digits(0);
        let mut number = self.rest[..end].to_owned();
        while let Some(separator) = self.separator(&number, end) {
            number.push_str(&self.rest[end + separator..end + separator + 3]);
            end += separator + 3;
        }
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            let fraction = digits(end + 1);
            number.push_str(&self.rest[end..=end + fraction]);
            end += 1 + fraction;
        }
        self.skip(end);
        self.push(Kind::Number(number));
    }

    /// The length of a separator of thousands at `at`, behind `number`: exactly three digits must follow.
    fn separator(&self, number: &str, at: usize) -> Option<usize> {
        if at == 0 || number.starts_with('0') || (number.len() > 3 && number.len() == at) {
            return None;
        }
        let rest = &self.rest[at..];
        let separators: &[&str] = match self.commas {
            Commas::Group => &[",\\!", "{,}", "\\,", "{\\,}", ",", "~", " "],
            Commas::Separate => &[",\\!", "{,}", "\\,", "{\\,}"],
        };
        separators.iter().find_map(|separator| {
            let mut behind = rest.strip_prefix(separator)?;
            let mut length = separator.len();
            if separator.ends_with("\\!") {
                let trimmed = behind.trim_start();
                length += behind.len() - trimmed.len();
                behind = trimmed;
            }
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            (digits == 3).then_some(length)
        })
    }
}
