//! Benchmarks as data: items, and how each is asked.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::{SampleSeed, Seed};
use thinksafe_core::trace::ThinkTags;

use crate::Error;

/// One question of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// A name that is unique within the benchmark.
    pub id: String,
    /// What the user asks, without steering: what judges see and what sample seeds are derived from.
    pub text: String,
    /// What the model is sent.
    pub prompt: Prompt,
    /// Text that the assistant's turn is made to begin with, if any (prefilling attacks).
    pub prefill: Option<String>,
    /// The right answer, for graders.
    pub reference: Option<String>,
    /// The group that results are also given for.
    pub category: Option<String>,
    /// Whether the request is harmful, and how it is worded.
    pub label: Option<PromptLabel>,
    /// Items of the same cluster are not independent (rewordings of one behaviour); intervals account for it.
    /// Absent: the text is the cluster.
    pub cluster: Option<String>,
}

impl Item {
    /// An item that is sent as one user message.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            id: id.into(),
            prompt: Prompt::Messages(vec![Message::user(&text)]),
            text,
            prefill: None,
            reference: None,
            category: None,
            label: None,
            cluster: None,
        }
    }

    /// An item of a labelled prompt.
    pub fn labeled(prompt: &LabeledPrompt) -> Self {
        Self { label: Some(prompt.label), ..Self::new(&prompt.id, &prompt.text) }
    }

    /// The item with its right answer.
    #[must_use]
    pub fn with_reference(self, reference: impl Into<String>) -> Self {
        Self { reference: Some(reference.into()), ..self }
    }

    /// Whether the request should be refused, as far as its label says.
    pub fn is_harmful(&self) -> bool {
        self.label.is_some_and(PromptLabel::is_harmful)
    }

    /// The unit of independence.
    pub fn cluster(&self) -> &str {
        self.cluster.as_deref().unwrap_or(&self.text)
    }
}

/// How every item is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// How often each item is asked, at least once.
    #[serde(default = "once")]
    pub samples: u32,
    /// What the draws are derived from.
    pub seed: Seed,
    /// The marks around the model's thinking.
    #[serde(default)]
    pub tags: ThinkTags,
}

fn once() -> u32 {
    1
}

impl Settings {
    /// One sample of each item, with `<think>` marks.
    pub fn new(sampling: Sampling, seed: Seed) -> Self {
        Self { sampling, samples: 1, seed, tags: ThinkTags::default() }
    }
}

/// A named set of items and how they are asked. It has at least one item, and ids are unique.
#[derive(Debug, Clone, PartialEq)]
pub struct Benchmark {
    name: String,
    items: Vec<Item>,
    settings: Settings,
}

impl Benchmark {
    /// A checked benchmark.
    ///
    /// The name is also a file name: letters, digits, `-`, `_` and `.`, not beginning with a dot.
    ///
    /// # Errors
    /// [`Error::InvalidBenchmark`] for a bad name, no items, no samples or an id that is empty;
    /// [`Error::DuplicateItem`]; [`Error::Core`] for a sampling setting out of range.
    pub fn new(
        name: impl Into<String>,
        items: Vec<Item>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let benchmark = Self { name: name.into(), items, settings };
        benchmark.check()?;
        Ok(benchmark)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The items, in their order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How every item is asked.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same benchmark with each item sent as `prompt` says: steered, for instance. Judges still see the
    /// original text.
    #[must_use]
    pub fn with_prompts(&self, mut prompt: impl FnMut(&Item) -> Prompt) -> Self {
        let items = self.items.iter().map(|i| Item { prompt: prompt(i), ..i.clone() }).collect();
        Self { items, ..self.clone() }
    }

    /// The same benchmark with its first `n` items, at least one: for a look before the whole.
    #[must_use]
    pub fn first(mut self, n: usize) -> Self {
        self.items.truncate(n.max(1));
        self
    }

    /// How many responses there will be.
    pub fn len(&self) -> usize {
        self.items.len() * self.settings.samples as usize
    }

    /// Never: a benchmark has an item.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The seed of one sample of an item. It depends on the unsteered text alone, so that it survives re-ordering,
    /// and so that steered and unsteered runs share their draws.
    pub fn seed(&self, item: &Item, sample: u32) -> SampleSeed {
        self.settings.seed.sample(&ContentHash::of("thinksafe.prompt", &item.text), sample)
    }

    fn check(&self) -> Result<(), Error> {
        let invalid = |field, value: &str, expected| Error::InvalidBenchmark {
            benchmark: self.name.clone(),
            field,
            value: value.to_owned(),
            expected,
        };
        let file_safe = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(file_safe) {
            let expected = "letters, digits, `-`, `_` and `.`, not beginning with a dot";
            return Err(invalid("name", &self.name, expected));
        }
        if self.items.is_empty() {
            return Err(invalid("items", "", "at least one item"));
        }
        if self.settings.samples == 0 {
            return Err(invalid("samples", "0", "at least 1"));
        }
        self.settings.sampling.validate()?;
        let mut ids = HashSet::new();
        for item in &self.items {
            if item.id.is_empty() {
                return Err(invalid("id", "", "a name"));
            }
            if !ids.insert(&item.id) {
                let (benchmark, item) = (self.name.clone(), item.id.clone());
                return Err(Error::DuplicateItem { benchmark, item });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new(Sampling::greedy(8), Seed(1))
    }

    #[test]
    fn bad_benchmarks_are_refused_by_field() {
        let item = || Item::new("a", "text");
        let none = Settings { samples: 0, ..settings() };
        let cases = [
            (Benchmark::new("../x", vec![item()], settings()), "`name` is \"../x\""),
            (Benchmark::new("..", vec![item()], settings()), "`name`"),
            (Benchmark::new("x", vec![], settings()), "`items`"),
            (Benchmark::new("x", vec![item()], none), "`samples`"),
            (Benchmark::new("x", vec![Item::new("", "t")], settings()), "`id`"),
            (Benchmark::new("x", vec![item(), item()], settings()), "item a occurs twice"),
        ];
        for (result, fact) in cases {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(fact), "{error}");
        }
        let hot = Sampling { temperature: -1.0, ..Sampling::default() };
        let bad = Benchmark::new("x", vec![item()], Settings::new(hot, Seed(1)));
        assert!(bad.unwrap_err().to_string().contains("`temperature`"));
    }

    #[test]
    fn steering_changes_what_is_sent_and_neither_text_nor_seed() {
        let plain = Benchmark::new("x", vec![Item::new("a", "how?")], settings()).unwrap();
        let steered = plain.with_prompts(|item| {
            Prompt::Messages(vec![Message::user(format!("careful: {}", item.text))])
        });
        let (a, b) = (&plain.items()[0], &steered.items()[0]);
        assert_ne!(a.prompt, b.prompt);
        assert_eq!(a.text, b.text);
        assert_eq!(plain.seed(a, 0), steered.seed(b, 0));
        assert_ne!(plain.seed(a, 0), plain.seed(a, 1));
    }
}
