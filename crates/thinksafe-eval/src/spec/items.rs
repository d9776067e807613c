//! Rows to items.

use std::path::Path;

use serde_json::Value;
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_trace::FieldProblem;
use thinksafe_trace::rows::Row;

use super::choices::{Shuffled, Shuffler};
use super::template::{Piece, pieces, render};
use super::{Label, Reference, Spec};
use crate::Error;
use crate::benchmark::Item;

/// Makes items of one file's rows.
pub(super) struct Reader<'a> {
    spec: &'a Spec,
    path: &'a Path,
    shuffler: Option<Shuffler>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(spec: &'a Spec, path: &'a Path) -> Self {
        Self { spec, path, shuffler: spec.choices.as_ref().map(Shuffler::new) }
    }

    /// The columns that the spec reads, in the order in which it names them.
    pub(super) fn columns(&self) -> Vec<&'a str> {
        let Spec { columns, keep, choices, label, prompt, .. } = self.spec;
        let mut names = vec![&*columns.text];
        names.extend(columns.context.as_deref());
        names.extend(columns.id.as_deref());
        names.extend(columns.reference.as_ref().map(|r| &*r.column));
        names.extend(columns.category.as_deref());
        names.extend(columns.cluster.as_deref());
        names.extend(keep.keys().map(String::as_str));
        names.extend(
            choices.iter().flat_map(|c| std::iter::once(&c.right).chain(&c.wrong)).map(|c| &**c),
        );
        if let Some(Label::Mapped { column, .. }) = label {
            names.push(column);
        }
        let named = prompt.as_deref().map(pieces).unwrap_or_default();
        names.extend(named.into_iter().filter_map(|piece| match piece {
            Piece::Name(name) if name != CHOICES => Some(name),
            Piece::Name(_) | Piece::Text(_) => None,
        }));
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }

    /// Whether a row is an item. A value that is null is none of those to keep; a column that is not there is an error.
    pub(super) fn keeps(&self, row: &Row) -> Result<bool, thinksafe_trace::Error> {
        for (column, values) in &self.spec.keep {
            if row.fields.get(column).is_some_and(Value::is_null) {
                return Ok(false);
            }
            if !values.contains(&row.scalar(self.path, column)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The item of the `number`-th row of the file (from 1).
    pub(super) fn item(&mut self, number: u64, row: &Row) -> Result<Item, Error> {
        let Spec { columns, prompt, label, .. } = self.spec;
        let optional = |column: &Option<String>| {
            column.as_ref().map(|column| row.scalar(self.path, column)).transpose()
        };
        let id = optional(&columns.id)?.unwrap_or_else(|| number.to_string());
        let (category, cluster) = (optional(&columns.category)?, optional(&columns.cluster)?);
        let text = self.text(row)?;
        let reference = columns.reference.as_ref().map(|r| self.reference(row, r)).transpose()?;
        let label = label.as_ref().map(|label| self.label(row, label)).transpose()?;
        let shuffled = self.shuffled(row)?;
        let message = match prompt {
            None => text.clone(),
            Some(template) => render(template, |name| match (name, &shuffled) {
                (CHOICES, Some(shuffled)) => Ok(shuffled.line.clone()),
                (name, _) if name == columns.text => Ok(text.clone()),
                (name, _) => row.scalar(self.path, name),
            })?,
        };
        Ok(Item {
            prompt: Prompt::Messages(vec![Message::user(message)]),
            reference: shuffled.map(|s| s.right).or(reference),
            category,
            label,
            cluster,
            ..Item::new(id, text)
        })
    }

    fn text(&self, row: &Row) -> Result<String, Error> {
        let columns = &self.spec.columns;
        let text = row.text(self.path, &columns.text)?;
        let context = columns.context.as_ref().and_then(|column| row.fields.get(column)?.as_str());
        Ok(match context.filter(|context| !context.trim().is_empty()) {
            Some(context) => format!("{context}\n\n---\n\n{text}"),
            None => text.to_owned(),
        })
    }

    fn reference(&self, row: &Row, reference: &Reference) -> Result<String, Error> {
        let Reference { column, after } = reference;
        let found = row.scalar(self.path, column)?;
        let Some(mark) = after else { return Ok(found) };
        match found.rsplit_once(mark.as_str()) {
            Some((_, answer)) if !answer.trim().is_empty() => Ok(answer.trim().to_owned()),
            _ => {
                let expected = format!("an answer after `{mark}`");
                let place = row.place.to_string();
                let (path, field) = (self.path.to_owned(), column.clone());
                Err(Error::Row { path, place, field, expected })
            }
        }
    }

    fn label(&self, row: &Row, label: &Label) -> Result<PromptLabel, Error> {
        let (column, meaning) = match label {
            Label::Fixed(label) => return Ok(*label),
            Label::Mapped { column, meaning } => (column, meaning),
        };
        let found = row.scalar(self.path, column)?;
        Ok(meaning.get(&found).copied().ok_or_else(|| {
            let expected: Vec<String> = meaning.keys().map(|name| format!("`{name}`")).collect();
            let problem = FieldProblem::UnknownLabel {
                found: found.chars().take(40).collect(),
                expected: expected.join(", "),
            };
            row.problem(self.path, column, problem)
        })?)
    }

    fn shuffled(&mut self, row: &Row) -> Result<Option<Shuffled>, Error> {
        let (Some(choices), Some(shuffler)) = (&self.spec.choices, &mut self.shuffler) else {
            return Ok(None);
        };
        let columns = std::iter::once(&choices.right).chain(&choices.wrong);
        let texts = columns.map(|c| row.text(self.path, c).map(str::to_owned));
        Ok(Some(shuffler.shuffle(&texts.collect::<Result<Vec<_>, _>>()?)))
    }
}

/// The name that stands for the choices.
const CHOICES: &str = "choices";
