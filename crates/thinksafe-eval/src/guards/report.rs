//! What judges are worth on labelled sets, as data, as text and as a page.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::run::RunDir;

use super::answers::Asked;
use super::labeled::{LabeledItem, LabeledSet, Question};
use super::page;
use super::raters::{Agreement, Rater};
use super::result::JudgeResult;
use crate::Error;
use crate::report::{Fact, document};

/// Judges measured on labelled sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardReport {
    format: String,
    version: u32,
    /// The report's title.
    pub title: String,
    sets: Vec<SetResult>,
    /// Facts for people: where the sets are from, how the judges were run.
    pub facts: Vec<Fact>,
}

/// Judges on one set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetResult {
    /// The set.
    pub set: String,
    /// What was asked.
    pub question: Question,
    /// How many items it has.
    pub items: u64,
    /// How many of them people answered with yes.
    pub truth_yes: u64,
    /// How many of them people answered with no.
    pub truth_no: u64,
    /// One entry a judge.
    pub judges: Vec<JudgeResult>,
    /// How far people and judges agree.
    pub agreement: Agreement,
}

impl GuardReport {
    /// The format's name, in the file.
    pub const FORMAT: &'static str = "thinksafe.guards";
    /// The version of the file's fields.
    pub const VERSION: u32 = 1;

    /// An empty report.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            version: Self::VERSION,
            title: title.into(),
            sets: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// Adds what judges said of a set.
    ///
    /// # Errors
    /// [`Error::Answers`] if a judge's answers are not as many as the items.
    pub fn add(&mut self, set: &LabeledSet, asked: &[Asked]) -> Result<(), Error> {
        let items = set.items();
        if let Some(asked) = asked.iter().find(|asked| asked.answers.len() != items.len()) {
            let (judge, set) = (asked.judge.name.clone(), set.name().to_owned());
            let (found, expected) = (asked.answers.len(), items.len());
            return Err(Error::Answers { judge, set, found, expected });
        }
        let count = |truth| items.iter().filter(|item| item.truth == Some(truth)).count() as u64;
        self.sets.push(SetResult {
            set: set.name().to_owned(),
            question: set.question(),
            items: items.len() as u64,
            truth_yes: count(true),
            truth_no: count(false),
            judges: asked.iter().map(|asked| JudgeResult::new(items, asked)).collect(),
            agreement: Agreement::of(&raters(set, asked)),
        });
        Ok(())
    }

    /// Adds a fact.
    pub fn fact(&mut self, name: impl Into<String>, value: impl std::fmt::Display) {
        self.facts.push(Fact { name: name.into(), value: value.to_string() });
    }

    /// The sets, in the order added.
    pub fn sets(&self) -> &[SetResult] {
        &self.sets
    }

    /// The main table of each set as plain text, for a terminal.
    pub fn to_text(&self) -> String {
        page::text(self)
    }

    /// Everything as one self-contained page: no script, no request to anywhere, no word of the data.
    pub fn to_html(&self) -> String {
        page::html(self)
    }

    /// Writes `guards.json` and `guards.html` of a run directory.
    ///
    /// # Errors
    /// [`Error::Core`] if a file cannot be written.
    pub fn save(&self, dir: &RunDir) -> Result<(), Error> {
        let (json, html) = (dir.guards_json(), dir.guards_html());
        document::save(Self::FORMAT, (&json, self), (&html, self.to_html()))
    }

    /// Reads a `guards.json`.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be read; [`Error::ReportFormat`] if it is of another format or version.
    pub fn read(path: &Path) -> Result<Self, Error> {
        document::read(path, Self::FORMAT, Self::VERSION)
    }
}

/// The set's people and the judges, with their answers. Where no single person's answers are known, the truth stands for
/// them.
fn raters(set: &LabeledSet, asked: &[Asked]) -> Vec<Rater> {
    let items = set.items();
    let person = |(place, name): (usize, &String)| {
        let answer = |item: &LabeledItem| item.people.get(place).copied().flatten();
        (name.clone(), items.iter().map(answer).collect())
    };
    let mut raters: Vec<Rater> = set.people().iter().enumerate().map(person).collect();
    if raters.is_empty() {
        raters.push(("truth".to_owned(), items.iter().map(|item| item.truth).collect()));
    }
    let judge = |asked: &Asked| {
        let answers = asked.answers.iter().map(|answer| answer.determined());
        (asked.judge.name.clone(), answers.collect())
    };
    raters.extend(asked.iter().map(judge));
    raters
}
