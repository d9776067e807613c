//! A tokenizer from `tokenizer.json`, and what ThinkSafe needs to know of it.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use thinksafe_core::fs;
use tokenizers::tokenizer::pre_tokenizer::PreTokenizedString;
use tokenizers::{
    Model, NormalizedString, OffsetReferential, OffsetType, PreTokenizer, SplitDelimiterBehavior,
    Token,
};

use crate::Error;
use crate::shield::Shield;

/// Text to token ids and back, as Hugging Face's tokenizers do it.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    affixes: Affixes,
    vocab_size: usize,
}

/// A token id and where it begins, in bytes of the encoded text.
pub(crate) type Placed = (u32, usize);

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Tokenizer`].
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&fs::read(path)?, path)
    }

    pub(crate) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|e| Error::Tokenizer { path: path.to_owned(), reason: e.to_string() })?;
        let added = inner.get_added_tokens_decoder();
        let affixes = Affixes::new(added.values().map(|token| token.content.clone()));
        let largest = inner.get_vocab(true).into_values().max();
        Ok(Self { inner, affixes, vocab_size: largest.map_or(0, |id| id as usize + 1) })
    }

    /// Encodes trusted text: special tokens in it are special tokens.
    ///
    /// This is `tokenizer(text, add_special_tokens=...)` of the tokenizer file itself.
    ///
    /// # Errors
    /// [`Error::Encoding`].
    pub fn encode(&self, text: &str, framing: Framing) -> Result<Vec<u32>, Error> {
        let encoding = self.inner.encode_fast(text, framing == Framing::Special);
        Ok(encoding.map_err(|e| failed(&*e))?.get_ids().to_vec())
    }

    /// Decodes ids; ids that the vocabulary lacks are left out.
    ///
    /// # Errors
    /// [`Error::Encoding`].
    pub fn decode(&self, ids: &[u32], special: SpecialTokens) -> Result<String, Error> {
        self.inner.decode(ids, special == SpecialTokens::Skip).map_err(|e| failed(&*e))
    }

    /// The id of a token of the vocabulary, by its content.
    pub fn special_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The id of a text that is a single token (a guard's `safe`).
    pub fn token_id(&self, text: &str) -> Option<u32> {
        let ids = self.encode(text, Framing::Bare).ok()?;
        match ids[..] {
            [id] => Some(id),
            _ => self.special_id(text),
        }
    }

    /// One more than the largest token id.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Whether an id is an added token, special or not.
    pub fn is_added(&self, id: u32) -> bool {
        self.inner.get_added_vocabulary().get_added_tokens_decoder().contains_key(&id)
    }

    /// What the tokenizer's own post-processor writes before a text.
    pub(crate) fn leading_ids(&self) -> Result<Vec<u32>, Error> {
        let bare = self.encode("a", Framing::Bare)?;
        let framed = self.encode("a", Framing::Special)?;
        let at = framed.windows(bare.len().max(1)).position(|w| w == bare).unwrap_or(0);
        Ok(framed[..at].to_vec())
    }

    /// Where added tokens are in a text.
    pub(crate) fn added_ranges(&self, text: &str) -> Vec<Range<usize>> {
        let pieces = self.extract(text);
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        let added = splits.into_iter().filter(|(_, _, tokens)| tokens.is_some());
        added.map(|(_, (start, end), _)| start..end).collect()
    }

    /// Whether a text ends with an added token.
    pub(crate) fn ends_added(&self, text: &str) -> bool {
        self.added_ranges(text).last().is_some_and(|range| range.end == text.len())
    }

    /// The first added token in a text.
    pub(crate) fn first_added(&self, text: &str) -> Option<u32> {
        let pieces = self.extract(text);
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        splits.into_iter().find_map(|(_, _, tokens)| tokens.as_ref()?.first().map(|t| t.id))
    }

    pub(crate) fn affixes(&self) -> &Affixes {
        &self.affixes
    }

    /// Encodes a text whose untrusted parts are covered; no token crosses a boundary.
    ///
    /// Added tokens are found while the cover is on, all else happens after it is taken off. A text without cover
    /// and boundaries gives the same ids as [`encode`](Self::encode).
    pub(crate) fn encode_covered(
        &self,
        text: &str,
        shield: &Shield<'_>,
    ) -> Result<Vec<Placed>, Error> {
        let mut pieces = self.extract(text);
        self.run(&mut pieces, shield).map_err(|e| failed(&*e))?;
        let encoding = pieces.into_encoding(None, 0, OffsetType::Byte).map_err(|e| failed(&*e))?;
        let starts = encoding.get_offsets().iter().map(|(start, _)| *start);
        Ok(encoding.get_ids().iter().copied().zip(starts).collect())
    }

    fn run(&self, pieces: &mut PreTokenizedString, shield: &Shield<'_>) -> tokenizers::Result<()> {
        if shield.covers() {
            pieces.normalize(|text| {
                text.map(|c| shield.plain(c));
                Ok(())
            })?;
        }
        let boundary = shield.boundary();
        pieces.split(|_, text| text.split(boundary, SplitDelimiterBehavior::Removed))?;
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(pieces)?;
        }
        pieces.tokenize(|text| self.plain_tokens(text))
    }

    /// Tokens of plain text. Where the model's vocabulary itself holds an added token and the text spells it, the
    /// spelling is broken up into its characters.
    fn plain_tokens(&self, text: &NormalizedString) -> tokenizers::Result<Vec<Token>> {
        let model = self.inner.get_model();
        let added = self.inner.get_added_vocabulary();
        let mut out = Vec::new();
        for token in model.tokenize(text.get())? {
            let (start, end) = token.offsets;
            let spelled = text.get().get(start..end).unwrap_or_default();
            if !self.is_added(token.id) || added.token_to_id(spelled, model) != Some(token.id) {
                out.push(token);
                continue;
            }
            for (at, c) in spelled.char_indices() {
                let at = start + at;
                for part in model.tokenize(c.encode_utf8(&mut [0; 4]))? {
                    out.push(Token { offsets: (at, at + c.len_utf8()), ..part });
                }
            }
        }
        Ok(out)
    }

    fn extract(&self, text: &str) -> PreTokenizedString {
        self.inner.get_added_vocabulary().extract_and_normalize(self.inner.get_normalizer(), text)
    }
}

/// Whether the tokenizer's post-processor adds its special tokens around a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "transformers' add_special_tokens is a switch")]
pub enum Framing {
    /// The text alone, as templates want it: they write their special tokens themselves.
    Bare,
    /// With what the tokenizer adds (BOS, for most).
    Special,
}

/// Whether decoding writes special tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "transformers' skip_special_tokens is a switch")]
pub enum SpecialTokens {
    /// Leave them out. Added tokens that are not special (`<think>`) are written.
    Skip,
    /// Write them.
    Keep,
}

/// The proper beginnings and ends of all added tokens.
#[derive(Debug)]
pub(crate) struct Affixes {
    pub(crate) beginnings: HashSet<String>,
    pub(crate) ends: HashSet<String>,
    /// Characters of the longest added token.
    pub(crate) longest: usize,
    tokens: Vec<String>,
}

impl Affixes {
    fn new(tokens: impl Iterator<Item = String>) -> Self {
        let tokens: Vec<String> = tokens.collect();
        let cuts =
            |token: &'_ str| token.char_indices().skip(1).map(|(at, _)| at).collect::<Vec<_>>();
        let mut affixes =
            Self { beginnings: HashSet::new(), ends: HashSet::new(), longest: 0, tokens: vec![] };
        for token in &tokens {
            let cuts = cuts(token);
            affixes.longest = affixes.longest.max(cuts.len() + 1);
            affixes.beginnings.extend(cuts.iter().map(|at| token[..*at].to_owned()));
            affixes.ends.extend(cuts.iter().map(|at| token[*at..].to_owned()));
        }
        affixes.tokens = tokens;
        affixes
    }

    /// Whether a text is inside an added token, touching neither of its ends.
    pub(crate) fn is_inner(&self, text: &str) -> bool {
        let fits = !text.is_empty() && text.len() < self.longest * 4;
        fits && self.tokens.iter().any(|token| token.contains(text))
    }
}

fn failed(source: &(dyn std::error::Error + Send + Sync)) -> Error {
    Error::Encoding { reason: source.to_string() }
}
