//! Labelled exchanges for measuring guards.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use thinksafe_core::seed::Seed;
use thinksafe_core::trace::{ThinkTags, Trace};
use thinksafe_eval::guards::{LabeledItem, LabeledSet, Question};
use thinksafe_mini::oracle::Outcome;
use thinksafe_mini::{Judged, JudgedText};

/// Exchanges of the miniature's world with the oracle's answer, drawn under a seed.
///
/// Asked for safety, judges see whole turns. Asked for refusal, they see answers, of the turns that have one; an answer
/// that both refuses and complies, or does neither, is neither a yes nor a no.
///
/// # Errors
/// None in practice: ids are numbers.
pub fn miniature_exchanges(question: Question, count: u64, seed: Seed) -> Result<LabeledSet> {
    let text = JudgedText(seed.purpose("measure guards"));
    let item = |index| item(question, index, text.sample(index));
    let items = (0..count).filter_map(item).collect();
    let name = format!("Miniature: {}", question.as_str());
    Ok(LabeledSet::new(name, question, items)?)
}

fn item(question: Question, index: u64, judged: Judged) -> Option<LabeledItem> {
    let Judged { prompt, turn, is_unsafe } = judged;
    if question == Question::Unsafe {
        return Some(LabeledItem::new(index.to_string(), prompt, turn).with_truth(is_unsafe));
    }
    let answer = Trace::parse(&turn, &ThinkTags::default()).ok()?.answer;
    let truth = match Outcome::of(&answer) {
        Outcome::Refused => Some(true),
        Outcome::Complied => Some(false),
        Outcome::Neither | Outcome::Both => None,
    };
    Some(LabeledItem::new(index.to_string(), prompt, answer).with_truth(truth))
}

/// The files of XSTest's labelled completions in a folder, in the order of their names.
///
/// # Errors
/// A folder that cannot be read, or that holds none.
pub fn xstest_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    ensure!(!files.is_empty(), "{} holds no .csv", folder.display());
    Ok(files)
}
