//! Untrusted text, marked so that no added token can be read from it, also not across its edges.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use thinksafe_core::trace::{ThinkTags, Trace};

use crate::Error;
use crate::tokenizer::Tokenizer;

/// Marks what untrusted text shares with added tokens by private-use characters, before templates and tokenizer see it.
///
/// Three things are covered: every added token that the text spells; an end of the text that is the beginning of an
/// added token, or a beginning that is the end of one, so that none is completed by what the template writes next to
/// it; and a text that is the middle of an added token. All else stays as it is, so text that spells nothing special
/// goes through template and tokenizer untouched. The private-use characters are chosen so that none of them occurs in
/// the conversation or the template: covering is undone exactly.
#[derive(Debug)]
pub(crate) struct Shield<'t> {
    tokenizer: &'t Tokenizer,
    /// Private-use characters that occur in the texts themselves.
    taken: HashSet<char>,
    next: u32,
    cover_of: HashMap<char, char>,
    plain_of: HashMap<char, char>,
    /// Stands between two stretches that no token may cross.
    boundary: char,
}

impl<'t> Shield<'t> {
    /// A shield for one prompt; `texts` is all that the prompt is made of.
    pub(crate) fn new<'a>(
        tokenizer: &'t Tokenizer,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let taken = texts.flat_map(str::chars).filter(|c| *c as u32 >= FIRST).collect();
        let mut shield = Self {
            tokenizer,
            taken,
            next: FIRST,
            cover_of: HashMap::new(),
            plain_of: HashMap::new(),
            boundary: '\0',
        };
        shield.boundary = shield.unused()?;
        Ok(shield)
    }

    /// Covers a text.
    pub(crate) fn cover(&mut self, text: &str) -> Result<String, Error> {
        let mut sensitive = vec![false; text.len()];
        for range in self.sensitive(text) {
            sensitive[range].fill(true);
        }
        let mut out = String::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            let covered = sensitive[at] && !c.is_whitespace();
            out.push(if covered { self.cover_char(c)? } else { c });
        }
        Ok(out)
    }

    /// Covers an assistant's turn, but for the marks around its thinking: the template reads them.
    ///
    /// The marks are those that [`Trace::parse`] splits at; any other mark in the turn is text.
    pub(crate) fn cover_turn(&mut self, turn: &str, tags: &ThinkTags) -> Result<String, Error> {
        let thinks = Trace::parse(turn, tags).is_ok_and(|trace| trace.thinking.is_some());
        let Some((thinking, answer)) = turn.split_once(&tags.close).filter(|_| thinks) else {
            return self.cover(turn);
        };
        let answer = self.cover(answer)?;
        let thinking = match thinking.split_once(&tags.open) {
            Some((before, thinking)) => {
                format!("{}{}{}", self.cover(before)?, tags.open, self.cover(thinking)?)
            }
            None => self.cover(thinking)?,
        };
        Ok(format!("{thinking}{}{answer}", tags.close))
    }

    /// Covers a prefill, but for all of its thinking marks.
    pub(crate) fn cover_prefill(&mut self, text: &str, tags: &ThinkTags) -> Result<String, Error> {
        let mut out = String::new();
        for (at, part) in text.split(&tags.open).enumerate() {
            out.push_str(if at > 0 { &tags.open } else { "" });
            for (at, part) in part.split(&tags.close).enumerate() {
                out.push_str(if at > 0 { &tags.close } else { "" });
                out.push_str(&self.cover(part)?);
            }
        }
        Ok(out)
    }

    /// What a character stands for.
    pub(crate) fn plain(&self, c: char) -> char {
        self.plain_of.get(&c).copied().unwrap_or(c)
    }

    /// Whether anything was covered.
    pub(crate) fn covers(&self) -> bool {
        !self.plain_of.is_empty()
    }

    /// Written between two stretches that no token may cross.
    pub(crate) fn boundary(&self) -> char {
        self.boundary
    }

    fn sensitive(&self, text: &str) -> Vec<Range<usize>> {
        let mut ranges = self.tokenizer.added_ranges(text);
        let affixes = self.tokenizer.affixes();
        let head = text.len() - text.trim_start().len();
        let tail = text.trim_end().len();
        for start in [0, head] {
            let ends = text[start..].char_indices().map(|(at, c)| start + at + c.len_utf8());
            let ends =
                ends.take(affixes.longest).filter(|end| affixes.ends.contains(&text[start..*end]));
            ranges.extend(ends.max().map(|end| start..end));
        }
        for end in [text.len(), tail] {
            let starts = text[..end].char_indices().rev().map(|(at, _)| at);
            let starts = starts
                .take(affixes.longest)
                .filter(|at| affixes.beginnings.contains(&text[*at..end]));
            ranges.extend(starts.min().map(|start| start..end));
        }
        let middle = text.trim();
        if affixes.is_inner(middle) {
            ranges.push(head..tail.max(head));
        }
        ranges
    }

    fn cover_char(&mut self, plain: char) -> Result<char, Error> {
        if let Some(cover) = self.cover_of.get(&plain) {
            return Ok(*cover);
        }
        let cover = self.unused()?;
        self.cover_of.insert(plain, cover);
        self.plain_of.insert(cover, plain);
        Ok(cover)
    }

    fn unused(&mut self) -> Result<char, Error> {
        while self.next <= char::MAX as u32 {
            // The last two code points of each plane are noncharacters.
            let candidate = char::from_u32(self.next).filter(|_| self.next & 0xFFFE != 0xFFFE);
            self.next += 1;
            if let Some(c) = candidate.filter(|c| !self.taken.contains(c)) {
                return Ok(c);
            }
        }
        Err(Error::PrivateUse)
    }
}

/// The first character of the private-use planes.
const FIRST: u32 = 0xF_0000;
