//! Sets of labelled prompts.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use thinksafe_core::hash::ContentHash;
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_core::seed::Seed;

use crate::columns::{Columns, Resolved};
use crate::error::{Error, FieldProblem, Place};
use crate::rows::{self, Row};

/// Labelled prompts in the order of their file; ids are unique, texts need not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSet {
    prompts: Vec<LabeledPrompt>,
}

/// A prompt whose text stands earlier in the set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The prompt's id.
    pub id: String,
    /// The id of the first prompt with that text.
    pub first_id: String,
    /// Whether the two labels differ, which calls for a look at the data.
    pub labels_differ: bool,
}

impl PromptSet {
    /// A set of these prompts.
    ///
    /// # Errors
    /// [`Error::DuplicateId`].
    pub fn new(prompts: Vec<LabeledPrompt>) -> Result<Self, Error> {
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (number, prompt) in (1..).zip(&prompts) {
            if let Some(first) = first.insert(&prompt.id, number) {
                return Err(Error::DuplicateId { id: prompt.id.clone(), first, second: number });
            }
        }
        Ok(Self { prompts })
    }

    /// Reads a file in any format of [`rows::read`](crate::rows::read).
    ///
    /// Which columns hold what is settled by the first row; a later row that lacks one of them is an error. Without an
    /// id column, ids are derived from the texts and do not depend on the order of the file, except among equal texts.
    ///
    /// # Errors
    /// Everything that is not as expected, with the file, the line or row, and the field; [`Error::Empty`] if there
    /// is no row.
    pub fn read(path: impl AsRef<Path>, columns: &Columns) -> Result<Self, Error> {
        let path = path.as_ref();
        let mut loading = Loading { path, columns, resolved: None, ids: HashMap::new() };
        let mut prompts = Vec::new();
        rows::read(path, &mut |row| {
            prompts.push(loading.prompt(&row)?);
            Ok(())
        })?;
        if prompts.is_empty() {
            return Err(Error::Empty { path: path.to_owned() });
        }
        tracing::info!(path = %path.display(), prompts = prompts.len(), "read a prompt set");
        Ok(Self { prompts })
    }

    /// The first `n` prompts.
    #[must_use]
    pub fn take(mut self, n: usize) -> Self {
        self.prompts.truncate(n);
        self
    }

    /// What process `rank` of `world_size` generates of the set: prompts are dealt out in turn, so that shares are alike in
    /// labels and sizes. All samples of a prompt stay together, since they share its beginning.
    ///
    /// Each record is what it would be if one process did all: see [`merge_traces`](crate::merge_traces).
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such rank.
    pub fn share(&self, rank: usize, world_size: usize) -> Result<Self, Error> {
        if rank >= world_size {
            let (field, value) = ("rank", format!("{rank} of {world_size}"));
            let expected = "a number below that of the processes";
            return Err(Error::Setting { field, value, expected });
        }
        let prompts = self.prompts.iter().skip(rank).step_by(world_size);
        Ok(Self { prompts: prompts.cloned().collect() })
    }

    /// At most `n` prompts of each label, drawn without replacement; the order stays.
    #[must_use]
    pub fn sample_per_label(self, n: usize, seed: Seed) -> Self {
        let mut chosen = vec![false; self.prompts.len()];
        for label in PromptLabel::ALL {
            let of_label: Vec<usize> =
                (0..self.prompts.len()).filter(|i| self.prompts[*i].label == label).collect();
            let stream = seed.purpose("thinksafe.prompts").purpose(label.as_str()).stream();
            for position in stream.permutation(of_label.len()).into_iter().take(n) {
                chosen[of_label[position]] = true;
            }
        }
        let kept = self.prompts.into_iter().zip(chosen).filter(|(_, chosen)| *chosen);
        Self { prompts: kept.map(|(prompt, _)| prompt).collect() }
    }

    /// The set without the prompts that [`duplicates`](Self::duplicates) lists.
    #[must_use]
    pub fn without_duplicates(self) -> Self {
        let mut seen = std::collections::HashSet::new();
        let mut prompts = self.prompts;
        prompts.retain(|prompt| seen.insert(prompt.hash()));
        Self { prompts }
    }

    /// Every prompt whose text stands earlier in the set. They are part of the set: dropping them is the caller's choice.
    pub fn duplicates(&self) -> Vec<Duplicate> {
        let mut first: HashMap<&str, &LabeledPrompt> = HashMap::new();
        let mut duplicates = Vec::new();
        for prompt in &self.prompts {
            let first = *first.entry(&prompt.text).or_insert(prompt);
            if first.id != prompt.id {
                duplicates.push(Duplicate {
                    id: prompt.id.clone(),
                    first_id: first.id.clone(),
                    labels_differ: first.label != prompt.label,
                });
            }
        }
        duplicates
    }

    /// The prompts.
    pub fn prompts(&self) -> &[LabeledPrompt] {
        &self.prompts
    }

    /// How many prompts there are.
    pub fn len(&self) -> usize {
        self.prompts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }

    /// How many prompts each label has; labels without any are left out.
    pub fn label_counts(&self) -> BTreeMap<PromptLabel, usize> {
        let mut counts = BTreeMap::new();
        for prompt in &self.prompts {
            *counts.entry(prompt.label).or_default() += 1;
        }
        counts
    }

    /// The hash of the whole set, for manifests.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of("thinksafe.prompt-set", &self.prompts)
    }
}

/// What is known while a file is read.
struct Loading<'a> {
    path: &'a Path,
    columns: &'a Columns,
    resolved: Option<Resolved>,
    /// Where each id was first, or how often a derived one was seen.
    ids: HashMap<String, (Place, u32)>,
}

impl Loading<'_> {
    fn prompt(&mut self, row: &Row) -> Result<LabeledPrompt, Error> {
        let resolved = match self.resolved.take() {
            Some(resolved) => resolved,
            None => self.columns.resolve(self.path, row)?,
        };
        let text = row.text(self.path, &resolved.text)?.to_owned();
        let label = resolved.label(self.path, row)?;
        let id = match &resolved.id {
            Some(column) => self.given_id(row, column)?,
            None => self.derived_id(row, &text),
        };
        self.resolved = Some(resolved);
        Ok(LabeledPrompt { id, text, label })
    }

    fn given_id(&mut self, row: &Row, column: &str) -> Result<String, Error> {
        let id = row.scalar(self.path, column)?;
        if let Some((first, _)) = self.ids.insert(id.clone(), (row.place, 1)) {
            let problem = FieldProblem::RepeatedId { id, first };
            return Err(row.problem(self.path, column, problem));
        }
        Ok(id)
    }

    fn derived_id(&mut self, row: &Row, text: &str) -> String {
        let hash = ContentHash::of("thinksafe.prompt-id", &text).to_string();
        let (_, seen) = self.ids.entry(hash.clone()).or_insert((row.place, 0));
        *seen += 1;
        if *seen == 1 { hash } else { format!("{hash}-{seen}") }
    }
}

#[cfg(test)]
mod tests;
