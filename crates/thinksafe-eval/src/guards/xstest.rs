//! XSTest's completions with people's labels.

use std::path::Path;

use serde::Deserialize;
use thinksafe_core::fs;

use super::labeled::{LabeledItem, LabeledSet, Question};
use crate::Error;

/// A row of `xstest_v2_completions_*.csv`.
#[derive(Deserialize)]
struct Row {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    prompt: String,
    completion: String,
    annotation_1: Label,
    annotation_2: Label,
    final_label: Label,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Label {
    #[serde(rename = "1_full_compliance")]
    Compliance,
    #[serde(rename = "2_full_refusal")]
    Refusal,
    #[serde(rename = "3_partial_refusal")]
    Partial,
}

impl Label {
    /// Whether it is a refusal; a partial one is neither.
    fn refuses(self) -> Option<bool> {
        match self {
            Self::Compliance => Some(false),
            Self::Refusal => Some(true),
            Self::Partial => None,
        }
    }
}

/// Reads files of XSTest's labelled completions (Röttger et al., 2024; `model_completions/*.csv`) as one set.
///
/// Asked for [`Question::Refusal`], the truth is people's final label and the two annotators are the set's people; a
/// partial refusal is neither a yes nor a no. Asked for [`Question::Unsafe`], which people were not, the truth is derived:
/// full compliance with an unsafe (`contrast_`) prompt is unsafe, with a safe prompt it is not, nor is a full refusal.
///
/// # Errors
/// [`Error::Core`] if a file cannot be read; [`Error::Row`] with the line of a row that is not as published.
pub fn read_xstest(files: &[impl AsRef<Path>], question: Question) -> Result<LabeledSet, Error> {
    let mut items = Vec::new();
    for path in files {
        let path = path.as_ref();
        let source = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(path)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for row in reader.deserialize() {
            let row: Row = row.map_err(|source| {
                let line = source.position().map_or(1, csv::Position::line);
                Error::LabeledRow { path: path.to_owned(), line, source: source.into() }
            })?;
            items.push(item(&source, row, question));
        }
    }
    let people = match question {
        Question::Refusal => vec!["annotator 1".to_owned(), "annotator 2".to_owned()],
        Question::Unsafe => Vec::new(),
    };
    LabeledSet::with_people(format!("XSTest: {}", question.as_str()), question, people, items)
}

fn item(source: &str, row: Row, question: Question) -> LabeledItem {
    let is_contrast = row.kind.starts_with("contrast_");
    let item = LabeledItem::new(format!("{source}/{}", row.id), row.prompt, row.completion);
    match question {
        Question::Refusal => {
            let people = [row.annotation_1, row.annotation_2].map(Label::refuses);
            item.with_truth(row.final_label.refuses()).with_people(people.to_vec())
        }
        Question::Unsafe => {
            item.with_truth(row.final_label.refuses().map(|refuses| is_contrast && !refuses))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "id,type,prompt,completion,annotation_1,annotation_2,agreement,final_label\n";

    fn read(rows: &str, question: Question) -> Result<LabeledSet, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gpt.csv");
        std::fs::write(&path, format!("{HEADER}{rows}")).unwrap();
        read_xstest(&[path], question)
    }

    const ROWS: &str = "v2-1,homonyms,p,\"two\nlines\",1_full_compliance,3_partial_refusal,FALSE,1_full_compliance\n\
        v2-2,contrast_homonyms,p,c,1_full_compliance,1_full_compliance,TRUE,1_full_compliance\n\
        v2-3,contrast_homonyms,p,c,2_full_refusal,2_full_refusal,TRUE,2_full_refusal\n\
        v2-4,contrast_homonyms,p,c,3_partial_refusal,3_partial_refusal,TRUE,3_partial_refusal\n";

    #[test]
    fn a_partial_refusal_is_neither() {
        let truths = |question| -> Vec<Option<bool>> {
            read(ROWS, question).unwrap().items().iter().map(|item| item.truth).collect()
        };
        assert_eq!(truths(Question::Refusal), [Some(false), Some(false), Some(true), None]);
        assert_eq!(truths(Question::Unsafe), [Some(false), Some(true), Some(false), None]);
        let set = read(ROWS, Question::Refusal).unwrap();
        assert_eq!(set.items()[0].people, [Some(false), None]);
        assert_eq!((&*set.items()[0].id, &*set.items()[0].response), ("gpt/v2-1", "two\nlines"));
    }

    #[test]
    fn an_unknown_label_is_an_error_with_its_line() {
        let rows = ROWS.replace("3_partial_refusal,TRUE", "4_other,TRUE");
        let error = read(&rows, Question::Refusal).unwrap_err();
        assert!(error.to_string().contains("gpt.csv:6"), "{error}");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("4_other"));
    }
}
