//! The training view: a prompt and the turn that the model is to learn, with a map of its parts.

use std::ops::Range;

use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::trace::Trace;

use crate::{Chat, Error};

/// Token ids and what each of them belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segments {
    /// All ids, prompt first.
    pub ids: Vec<u32>,
    /// The parts, in order, without gaps and without overlap; empty parts are left out.
    pub spans: Vec<Span>,
    /// For each id, the byte of its part's text at which it begins.
    starts: Vec<usize>,
}

/// A part of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a kind and a place")]
pub struct Span {
    /// What it is.
    pub kind: SpanKind,
    /// Which ids it covers.
    pub range: Range<usize>,
}

/// What a part of an example is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "masks decide on each part")]
pub enum SpanKind {
    /// What the model is given: conversation, generation prompt, and what that opens.
    Prompt,
    /// The mark that opens the thinking, and its newline, where the model writes it itself.
    ThinkOpen,
    /// The reasoning.
    Thinking,
    /// The mark that closes the thinking, and the newlines around it.
    ThinkClose,
    /// What the user is shown.
    Answer,
    /// The token that ends the turn.
    EndOfTurn,
}

impl Segments {
    /// How many ids the prompt has; all others are the model's.
    pub fn prompt_len(&self) -> usize {
        self.spans.iter().find(|s| s.kind == SpanKind::Prompt).map_or(0, |s| s.range.end)
    }

    /// The ids of a part; empty if the example lacks it.
    pub fn range(&self, kind: SpanKind) -> Range<usize> {
        self.spans.iter().find(|s| s.kind == kind).map_or(0..0, |s| s.range.clone())
    }

    /// The ids of the thinking or the answer that begin within these bytes of the trace's text; empty for other parts.
    pub fn within(&self, kind: SpanKind, bytes: &Range<usize>) -> Range<usize> {
        if !matches!(kind, SpanKind::Thinking | SpanKind::Answer) {
            return 0..0;
        }
        let part = self.range(kind);
        let starts = &self.starts[part.clone()];
        let before = |byte: usize| part.start + starts.partition_point(|start| *start < byte);
        before(bytes.start)..before(bytes.end.max(bytes.start))
    }
}

impl Chat {
    /// Encodes a conversation and the assistant turn that follows it, as the model would have produced it.
    ///
    /// The prompt ids are those of [`encode_prompt`](Self::encode_prompt), by ids: no token crosses from the prompt
    /// into the turn. The turn is [`Trace::to_turn`]'s, less what the template has opened already; it does not go
    /// through the template, which may delete the thinking (DeepSeek-R1's does). A trace without thinking closes
    /// at once what the template opened. The turn ends with the one token at which generation stops; the newline
    /// that Qwen3's template writes after it belongs to the next turn and is never generated, so it is not trained
    /// (the reference implementation, training on rendered text, has it as one more token of the loss).
    ///
    /// A token that runs over from one part into the next (`.\n` before a closing mark) counts to the part in
    /// which it begins.
    ///
    /// # Errors
    /// Those of [`encode_prompt`](Self::encode_prompt), [`Error::Opening`] if the trace cannot continue what the
    /// template opened, and [`Error::NoEndOfTurn`].
    pub fn encode_example(&self, messages: &[Message], trace: &Trace) -> Result<Segments, Error> {
        let thinking = trace.thinking.as_deref();
        let texts = messages.iter().map(|m| m.content.as_str());
        let mut shield = self.shield(texts.chain(thinking).chain([trace.answer.as_str()]))?;
        let mut text = self.text_of(&Prompt::Messages(messages.to_vec()), &mut shield)?;
        let opening = self.opening_of(&text);
        let tags = self.think_tags();
        let thinking = thinking.or(if opening.is_empty() { None } else { Some("") });
        let mut parts = Vec::new();
        if let Some(thinking) = thinking {
            parts.push((SpanKind::ThinkOpen, format!("{}\n", tags.open)));
            parts.push((SpanKind::Thinking, shield.cover(thinking)?));
            parts.push((SpanKind::ThinkClose, format!("\n{}\n\n", tags.close)));
        }
        parts.push((SpanKind::Answer, shield.cover(&trace.answer)?));
        let whole: Vec<usize> = parts.iter().map(|(_, part)| part.len()).collect();
        skip_opening(&mut parts, &opening)?;

        // After an added token there is none to cross from, and what follows is encoded as a text's beginning.
        if !self.tokenizer().ends_added(&text) {
            text.push(shield.boundary());
        }
        let mut starts = vec![Start { kind: SpanKind::Prompt, at: 0, skipped: 0 }];
        for ((kind, part), whole) in parts.into_iter().zip(whole) {
            starts.push(Start { kind, at: text.len(), skipped: whole - part.len() });
            text.push_str(&part);
        }
        let placed = self.tokenizer().encode_covered(&text, &shield)?;
        let mut ids: Vec<u32> = placed.iter().map(|(id, _)| *id).collect();
        let leading = self.leading_for(&ids).to_vec();
        let mut spans = spans(&starts, &placed, leading.len());
        let mut places = places(&starts, &placed, &text, |c| shield.plain(c).len_utf8());
        places.splice(0..0, std::iter::repeat_n(0, leading.len()));
        ids.splice(0..0, leading);
        spans.push(Span { kind: SpanKind::EndOfTurn, range: ids.len()..ids.len() + 1 });
        ids.push(self.turn_end()?);
        places.push(0);
        Ok(Segments { ids, spans, starts: places })
    }
}

/// Takes from the turn what the prompt already ends with.
fn skip_opening(parts: &mut [(SpanKind, String)], opening: &str) -> Result<(), Error> {
    let mut rest = opening;
    for (_, part) in parts {
        if let Some(shorter) = part.strip_prefix(rest) {
            *part = shorter.to_owned();
            return Ok(());
        }
        rest = rest
            .strip_prefix(part.as_str())
            .ok_or_else(|| Error::Opening { opening: opening.to_owned() })?;
        part.clear();
    }
    Err(Error::Opening { opening: opening.to_owned() })
}

/// Where a part begins in the text that is encoded.
struct Start {
    kind: SpanKind,
    /// The byte of that text.
    at: usize,
    /// How many bytes of the part the template has written already.
    skipped: usize,
}

/// For each token, the byte of its part, as it was before it was covered, at which it begins.
fn places(
    starts: &[Start],
    placed: &[(u32, usize)],
    text: &str,
    plain_len: impl Fn(char) -> usize,
) -> Vec<usize> {
    let mut later = starts.iter().peekable();
    let (mut at, mut place) = (0, 0);
    let of_token = |(_, start): &(u32, usize)| {
        while let Some(part) = later.next_if(|part| part.at <= *start) {
            (at, place) = (part.at, part.skipped);
        }
        if let Some(passed) = text.get(at..*start) {
            place += passed.chars().map(&plain_len).sum::<usize>();
            at = *start;
        }
        place
    };
    placed.iter().map(of_token).collect()
}

/// Gives each token to the part in which it begins.
fn spans(starts: &[Start], placed: &[(u32, usize)], leading: usize) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut from = 0;
    for (index, Start { kind, .. }) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(usize::MAX, |next| next.at);
        let count = placed[from..].iter().take_while(|(_, start)| *start < end).count();
        let shift = if from == 0 { 0 } else { leading };
        if count > 0 {
            spans.push(Span { kind: *kind, range: from + shift..from + count + leading });
        }
        from += count;
    }
    spans
}
