//! Contamination: benchmark items that a model was trained on.
//!
//! Two measures, both on words: lower case, letters and digits, everything else is space. An item is *equal* to a
//! training prompt if their words are the same, and *overlaps* it by the share of its words that lie in a run of
//! [`NGRAM`] words which the prompt has too (the measure of Llama 3, section 5.1.4, on words in place of tokens).
//!
//! ```
//! use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
//! use thinksafe_core::{sampling::Sampling, seed::Seed};
//! use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
//! use thinksafe_eval::contamination::contamination;
//!
//! let items = vec![Item::new("1", "What is 17 + 25?"), Item::new("2", "What is 3 + 4?")];
//! let benchmark = Benchmark::new("sums", items, Settings::new(Sampling::greedy(8), Seed(1)))?;
//! let label = PromptLabel::VanillaBenign;
//! let training = [LabeledPrompt { id: "t".into(), text: "what is 17+25".into(), label }];
//!
//! let found = contamination(&benchmark, &training);
//! assert_eq!(found.equal().count(), 1);
//! assert_eq!(found.overlaps[0].training, "t");
//! # Ok::<(), thinksafe_eval::Error>(())
//! ```

mod words;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use thinksafe_core::prompt::LabeledPrompt;

use crate::benchmark::Benchmark;
use words::{Vocabulary, words};

/// How many words in a row count as more than chance.
pub const NGRAM: usize = 8;

/// What a benchmark and training prompts have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contamination {
    /// The benchmark.
    pub benchmark: String,
    /// How many items it has.
    pub items: u64,
    /// How many of them have fewer than [`NGRAM`] words: those are looked for as a whole only.
    pub short: u64,
    /// How many training prompts they were compared with.
    pub training: u64,
    /// The items that have something in common with a training prompt, most first.
    pub overlaps: Vec<Overlap>,
}

/// What an item has in common with the training prompt that is nearest to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// The item's id.
    pub item: String,
    /// The training prompt's id.
    pub training: String,
    /// The share of the item's words in shared runs; 1 if the two are equal.
    pub share: f64,
    /// Whether all words are the same, in the same order, and no other.
    pub equal: bool,
}

impl Contamination {
    /// The items that equal a training prompt.
    pub fn equal(&self) -> impl Iterator<Item = &Overlap> {
        self.overlaps.iter().filter(|overlap| overlap.equal)
    }

    /// The items that share at least this part of their words with one training prompt, equal ones included.
    pub fn at_least(&self, share: f64) -> impl Iterator<Item = &Overlap> {
        self.overlaps.iter().filter(move |overlap| overlap.share >= share)
    }
}

impl std::fmt::Display for Contamination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (equal, most) = (self.equal().count(), self.at_least(0.8).count());
        let (half, any) = (self.at_least(0.5).count(), self.overlaps.len());
        write!(
            f,
            "of {} items, {equal} equal one of {} training prompts; {most} share 80 % of their words with one in runs of \
             {NGRAM}, {half} share 50 %, {any} any ({} shorter items are compared as a whole only)",
            self.items, self.training, self.short
        )
    }
}

/// Compares a benchmark's unsteered texts with training prompts.
///
/// Each training prompt is looked at once and then forgotten, so a set of any size will do.
pub fn contamination<'a>(
    benchmark: &Benchmark,
    training: impl IntoIterator<Item = &'a LabeledPrompt>,
) -> Contamination {
    let mut vocabulary = Vocabulary::default();
    let texts: Vec<Vec<u32>> = benchmark
        .items()
        .iter()
        .map(|item| words(&item.text).map(|word| vocabulary.intern(word)).collect())
        .collect();
    let index = Index::new(&texts);
    let mut nearest: BTreeMap<usize, Overlap> = BTreeMap::new();
    let mut count = 0;
    for prompt in training {
        count += 1;
        let text: Vec<Option<u32>> = words(&prompt.text).map(|w| vocabulary.find(&w)).collect();
        for (item, share, equal) in index.overlaps(&texts, &text) {
            let overlap = Overlap {
                item: benchmark.items()[item].id.clone(),
                training: prompt.id.clone(),
                share,
                equal,
            };
            let best = nearest.entry(item).or_insert_with(|| overlap.clone());
            if (overlap.equal, overlap.share) > (best.equal, best.share) {
                *best = overlap;
            }
        }
    }
    let mut overlaps: Vec<Overlap> = nearest.into_values().collect();
    overlaps.sort_by(|a, b| b.equal.cmp(&a.equal).then(b.share.total_cmp(&a.share)));
    Contamination {
        benchmark: benchmark.name().to_owned(),
        items: texts.len() as u64,
        short: texts.iter().filter(|text| text.len() < NGRAM).count() as u64,
        training: count,
        overlaps,
    }
}

/// Where each run of words is among the items.
struct Index<'a> {
    grams: HashMap<&'a [u32], Vec<(usize, usize)>>,
    wholes: HashMap<&'a [u32], Vec<usize>>,
}

impl<'a> Index<'a> {
    fn new(texts: &'a [Vec<u32>]) -> Self {
        let mut index = Self { grams: HashMap::new(), wholes: HashMap::new() };
        for (item, text) in texts.iter().enumerate() {
            index.wholes.entry(text).or_default().push(item);
            for (at, gram) in text.windows(NGRAM).enumerate() {
                index.grams.entry(gram).or_default().push((item, at));
            }
        }
        index
    }

    /// The items that a text has runs in common with, the share of their words in such runs, and whether they are equal.
    fn overlaps(&self, texts: &[Vec<u32>], text: &[Option<u32>]) -> Vec<(usize, f64, bool)> {
        let mut covered: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
        // A word that no item has ends every run.
        for known in text.split(Option::is_none) {
            let known: Vec<u32> = known.iter().flatten().copied().collect();
            for gram in known.windows(NGRAM) {
                for &(item, at) in self.grams.get(gram).into_iter().flatten() {
                    let words =
                        covered.entry(item).or_insert_with(|| vec![false; texts[item].len()]);
                    words[at..at + NGRAM].fill(true);
                }
            }
        }
        let whole: Option<Vec<u32>> = text.iter().copied().collect();
        let equal = whole.and_then(|whole| self.wholes.get(&*whole)).into_iter().flatten();
        let equal: Vec<usize> = equal.copied().filter(|item| !texts[*item].is_empty()).collect();
        let share = |words: &Vec<bool>| {
            words.iter().filter(|covered| **covered).count() as f64 / words.len() as f64
        };
        let partly = covered.iter().filter(|(item, _)| !equal.contains(item));
        let partly = partly.map(|(item, words)| (*item, share(words), false));
        partly.chain(equal.iter().map(|item| (*item, 1.0, true))).collect()
    }
}

#[cfg(test)]
mod tests;
