//! A model's tokenizer and chat template together: prompts to ids.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::message::{Message, Part, Prompt, Role};
use thinksafe_core::trace::ThinkTags;

use crate::folder::{Folder, Named};
use crate::shield::Shield;
use crate::stream::StreamDecoder;
use crate::template::ChatTemplate;
use crate::tokenizer::{SpecialTokens, Tokenizer};
use crate::{DateTime, Error};

/// The tokenizer and the chat template of a Hugging Face folder.
///
/// Whatever prompts are made of, untrusted text never becomes an added token, special or not.
#[derive(Debug)]
pub struct Chat {
    dir: PathBuf,
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    content: ContentForm,
    /// `bos_token` and its siblings, then what the caller set.
    variables: Map<String, Value>,
    now: Option<DateTime>,
    tags: ThinkTags,
    bos_id: Option<u32>,
    /// What the tokenizer writes before a text that no template has rendered.
    leading: Vec<u32>,
    pad_id: u32,
    /// What ends an assistant turn in training.
    turn_end: Option<u32>,
    end_of_turn: Vec<u32>,
    /// How many of them the folder's files name.
    configured_stops: usize,
    files: ContentHash,
}

/// A prompt as token ids.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodedPrompt {
    /// The ids, with exactly one BOS where the model has one.
    pub ids: Vec<u32>,
    /// The part of the assistant's turn that is in the prompt: what the template opened (`<think>\n` for
    /// DeepSeek-R1) and the prefill. It and the generated text are the whole turn.
    pub opening: String,
}

/// How a template takes a message's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentForm {
    /// As a string.
    Text,
    /// As a list of `{"type": "text", "text": ...}` (Llama-Guard-3-1B and other multimodal models).
    Parts,
}

impl Chat {
    /// Loads a folder: `tokenizer.json`, `tokenizer_config.json`, `special_tokens_map.json`,
    /// `chat_template.jinja`, `generation_config.json` and `config.json`; only the first must be there.
    ///
    /// # Errors
    /// An error that names the file and the field: [`Error::File`], [`Error::Config`], [`Error::Tokenizer`],
    /// [`Error::UnknownToken`], [`Error::TemplateSyntax`].
    pub fn load(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let folder = Folder::read(dir)?;
        let tokenizer = Tokenizer::from_bytes(&folder.tokenizer, &dir.join("tokenizer.json"))?;
        let id_of = |named: &Named| {
            tokenizer.special_id(&named.token).ok_or_else(|| Error::UnknownToken {
                path: named.path.clone(),
                field: named.field.to_owned(),
                token: named.token.clone(),
            })
        };
        let mut variables = Map::new();
        for named in folder.special.iter() {
            id_of(named)?;
            variables.insert(named.field.to_owned(), json!(named.token));
        }
        let bos_id = folder.special.bos.as_ref().map(id_of).transpose()?;
        let eos_id = folder.special.eos.as_ref().map(id_of).transpose()?;
        let pad_id = folder.special.pad.as_ref().map(id_of).transpose()?;
        let mut leading = tokenizer.leading_ids()?;
        if leading.is_empty() && folder.add_bos {
            leading.extend(bos_id);
        }
        let files = files_hash(&folder);
        let source = folder.template;
        let template = source.map(|s| ChatTemplate::new(&s.text, s.path)).transpose()?;
        let mut chat = Self {
            dir: folder.dir,
            template,
            content: ContentForm::Text,
            variables,
            now: None,
            tags: ThinkTags::default(),
            bos_id: bos_id.or(leading.first().copied()),
            leading,
            pad_id: pad_id.or(eos_id).unwrap_or(0),
            turn_end: None,
            end_of_turn: folder.eos_ids,
            configured_stops: 0,
            files,
            tokenizer,
        };
        chat.content = chat.probe_content();
        chat.turn_end = chat.probe_turn_end().or(eos_id).or(chat.end_of_turn.first().copied());
        if chat.end_of_turn.is_empty() {
            chat.end_of_turn.extend(eos_id);
        }
        chat.configured_stops = chat.end_of_turn.len();
        if let Some(id) = chat.turn_end.filter(|id| !chat.end_of_turn.contains(id)) {
            chat.end_of_turn.push(id);
        }
        Ok(chat)
    }

    /// Sets a template variable, such as Qwen3's `enable_thinking` or Llama's `date_string`.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the moment that `strftime_now` shows to the template. Without one it is undefined to the template.
    #[must_use]
    pub fn with_clock(mut self, now: DateTime) -> Self {
        self.now = Some(now);
        self
    }

    /// Sets the marks around thinking, for models that do not write `<think>` and `</think>`.
    #[must_use]
    pub fn with_think_tags(mut self, tags: ThinkTags) -> Self {
        self.tags = tags;
        self
    }

    /// Encodes a prompt, with the generation prompt if it is a conversation, and the prefill after it.
    ///
    /// * Messages give the ids of transformers' `apply_chat_template(add_generation_prompt=True)` as long as
    ///   no content spells an added token, and otherwise those ids with that spelling as plain text. If neither
    ///   the template nor the text has a BOS and the tokenizer would add one, it is added.
    /// * Parts are joined and encoded as `tokenizer(text)`, with a BOS where the tokenizer or `add_bos_token`
    ///   asks for one and the text does not begin with it.
    /// * Ids are used as they are, the prefill's after them.
    ///
    /// In an assistant's message the marks around its thinking stay marks, so that the template can split it; in the
    /// prefill all thinking marks do.
    ///
    /// # Errors
    /// [`Error::NoTemplate`] for messages to a folder without a template, what the template fails with, or
    /// [`Error::Encoding`].
    pub fn encode_prompt(
        &self,
        prompt: &Prompt,
        prefill: Option<&str>,
    ) -> Result<EncodedPrompt, Error> {
        let prefill = prefill.unwrap_or_default();
        let texts = prompt_texts(prompt).chain([prefill]);
        let mut shield = self.shield(texts)?;
        let prefilled = shield.cover_prefill(prefill, &self.tags)?;
        if let Prompt::Ids(ids) = prompt {
            let text = self.tokenizer.decode(ids, SpecialTokens::Keep)?;
            let opening = self.opening_of(&text) + prefill;
            return Ok(EncodedPrompt { ids: self.continued(ids, &prefilled, &shield)?, opening });
        }
        let mut text = self.text_of(prompt, &mut shield)?;
        let opening = self.opening_of(&text) + prefill;
        text.push_str(&prefilled);
        Ok(EncodedPrompt { ids: self.with_bos(self.ids(&text, &shield)?), opening })
    }

    /// Renders a conversation to text, as transformers does; all text is taken as it is.
    ///
    /// # Errors
    /// [`Error::NoTemplate`], or what the template fails with.
    pub fn render(&self, messages: &[Message], turn: Turn) -> Result<String, Error> {
        let contents = messages.iter().map(|m| m.content.clone());
        self.render_contents(messages, contents.collect(), turn)
    }

    /// Decodes ids; special tokens are left out, thinking marks are not.
    ///
    /// # Errors
    /// [`Error::Encoding`].
    pub fn decode(&self, ids: &[u32]) -> Result<String, Error> {
        self.tokenizer.decode(ids, SpecialTokens::Skip)
    }

    /// Decodes ids as they come.
    pub fn stream_decoder(&self) -> StreamDecoder<'_> {
        StreamDecoder::new(&self.tokenizer)
    }

    /// The tokenizer alone.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The chat template, if the folder has one.
    pub fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// The id of a text that is a single token.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        self.tokenizer.token_id(text)
    }

    /// The ids that end a turn: those of `generation_config.json`, else of `config.json`, else `eos_token`, and
    /// the token that the template writes after an assistant's message.
    pub fn end_of_turn_ids(&self) -> &[u32] {
        &self.end_of_turn
    }

    /// Those of [`end_of_turn_ids`](Self::end_of_turn_ids) that the folder's files name: all that other engines stop
    /// at, as they do not ask the template.
    pub fn configured_stop_ids(&self) -> &[u32] {
        &self.end_of_turn[..self.configured_stops]
    }

    /// The id to pad batches with: `pad_token`, else `eos_token`, else 0. Padding is always masked, so which
    /// one it is does not matter; that it may be a token that ends turns does, so nothing may mask by id.
    pub fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// The BOS id, if the model has one.
    pub fn bos_id(&self) -> Option<u32> {
        self.bos_id
    }

    /// The marks around the model's thinking.
    pub fn think_tags(&self) -> &ThinkTags {
        &self.tags
    }

    /// One hash over the tokenizer, the template, its variables and the clock: over all that decides the ids.
    pub fn hash(&self) -> ContentHash {
        let now = self.now.map(|now| now.to_string());
        let tags = (&self.tags.open, &self.tags.close);
        ContentHash::of("thinksafe.chat", &(&self.files, &self.variables, now, tags))
    }

    pub(crate) fn shield<'a>(
        &'a self,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<Shield<'a>, Error> {
        let template = self.template.as_ref().map(ChatTemplate::source);
        let variables = self.variables.values().filter_map(Value::as_str);
        Shield::new(&self.tokenizer, texts.chain(template).chain(variables))
    }

    /// A prompt's text with what is untrusted covered.
    pub(crate) fn text_of(
        &self,
        prompt: &Prompt,
        shield: &mut Shield<'_>,
    ) -> Result<String, Error> {
        match prompt {
            Prompt::Messages(messages) => self.covered(messages, shield),
            Prompt::Parts(parts) => {
                let cover = |part: &Part| match part {
                    Part::Template(text) => Ok(text.clone()),
                    Part::Text(text) => shield.cover(text),
                };
                parts.iter().map(cover).collect()
            }
            Prompt::Ids(_) => Ok(String::new()),
        }
    }

    fn covered(&self, messages: &[Message], shield: &mut Shield<'_>) -> Result<String, Error> {
        let cover = |message: &Message| match message.role {
            Role::Assistant => shield.cover_turn(&message.content, &self.tags),
            Role::System | Role::User => shield.cover(&message.content),
        };
        let contents = messages.iter().map(cover).collect::<Result<_, _>>()?;
        self.render_contents(messages, contents, Turn::Open)
    }

    fn render_contents(
        &self,
        messages: &[Message],
        contents: Vec<String>,
        turn: Turn,
    ) -> Result<String, Error> {
        let Some(template) = &self.template else {
            return Err(Error::NoTemplate { path: self.dir.clone() });
        };
        let content = |text: String| match self.content {
            ContentForm::Text => json!(text),
            ContentForm::Parts => json!([{"type": "text", "text": text}]),
        };
        let message = |(message, text): (&Message, String)| json!({"role": message.role, "content": content(text)});
        let messages: Vec<Value> = messages.iter().zip(contents).map(message).collect();
        let variables = Variables {
            messages,
            add_generation_prompt: turn == Turn::Open,
            tools: None,
            documents: None,
            rest: &self.variables,
        };
        template.render(&variables, self.now)
    }

    /// What a prompt has opened of the assistant's turn: thinking marks at its very end.
    pub(crate) fn opening_of(&self, text: &str) -> String {
        let end = text.trim_end();
        let open_end = end.strip_suffix(&self.tags.close).map_or(end, str::trim_end);
        match open_end.strip_suffix(&self.tags.open) {
            Some(before) => text[before.len()..].to_owned(),
            None => String::new(),
        }
    }

    /// Ids and those of a text after them: in the middle of a text, unless an added token comes before.
    fn continued(&self, ids: &[u32], text: &str, shield: &Shield<'_>) -> Result<Vec<u32>, Error> {
        let boundary = match ids.last() {
            Some(last) if !self.tokenizer.is_added(*last) => shield.boundary().to_string(),
            _ => String::new(),
        };
        let placed = self.tokenizer.encode_covered(&(boundary.clone() + text), shield)?;
        // A normalizer that begins each text with a space puts it before the boundary.
        let added = placed.into_iter().filter(|(_, start)| *start >= boundary.len());
        Ok(ids.iter().copied().chain(added.map(|(id, _)| id)).collect())
    }

    fn ids(&self, text: &str, shield: &Shield<'_>) -> Result<Vec<u32>, Error> {
        Ok(self.tokenizer.encode_covered(text, shield)?.into_iter().map(|(id, _)| id).collect())
    }

    /// How many ids the tokenizer puts before these: none if a BOS is among them.
    pub(crate) fn leading_for(&self, ids: &[u32]) -> &[u32] {
        let has_bos = self.bos_id.is_some_and(|bos| ids.contains(&bos));
        if has_bos { &[] } else { &self.leading }
    }

    fn with_bos(&self, ids: Vec<u32>) -> Vec<u32> {
        let leading = self.leading_for(&ids);
        if leading.is_empty() { ids } else { [leading, &ids].concat() }
    }

    pub(crate) fn turn_end(&self) -> Result<u32, Error> {
        self.turn_end.ok_or_else(|| Error::NoEndOfTurn { path: self.dir.clone() })
    }

    /// Finds the form in which the template shows a user's content.
    fn probe_content(&mut self) -> ContentForm {
        let probe = [Message::user(PROBE)];
        for form in [ContentForm::Text, ContentForm::Parts] {
            self.content = form;
            if self.render(&probe, Turn::Open).is_ok_and(|text| text.contains(PROBE)) {
                return form;
            }
        }
        ContentForm::Text
    }

    /// The first added token that the template writes after an assistant's message.
    fn probe_turn_end(&self) -> Option<u32> {
        let probe = [Message::user("?"), Message::assistant(PROBE)];
        let text = self.render(&probe, Turn::Closed).ok()?;
        let (_, after) = text.rsplit_once(PROBE)?;
        self.tokenizer.first_added(after)
    }
}

/// Whether a rendered conversation ends with the header of a new assistant turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "transformers' add_generation_prompt is a switch")]
pub enum Turn {
    /// It does: the model speaks next.
    Open,
    /// It ends with its last message.
    Closed,
}

#[derive(Serialize)]
struct Variables<'a> {
    messages: Vec<Value>,
    add_generation_prompt: bool,
    tools: Option<()>,
    documents: Option<()>,
    #[serde(flatten)]
    rest: &'a Map<String, Value>,
}

fn prompt_texts(prompt: &Prompt) -> Box<dyn Iterator<Item = &str> + '_> {
    match prompt {
        Prompt::Messages(messages) => Box::new(messages.iter().map(|m| m.content.as_str())),
        Prompt::Parts(parts) => Box::new(parts.iter().map(|part| match part {
            Part::Template(text) | Part::Text(text) => text.as_str(),
        })),
        Prompt::Ids(_) => Box::new(std::iter::empty()),
    }
}

fn files_hash(folder: &Folder) -> ContentHash {
    let tokenizer = ContentHash::of_bytes(&folder.tokenizer);
    let template = folder.template.as_ref().map(|source| &source.text);
    ContentHash::of("thinksafe.chat.files", &(tokenizer, template, folder.add_bos, &folder.eos_ids))
}

/// Stands for a message's content where the template is asked what it does with one.
const PROBE: &str = "Xq7Zp";
