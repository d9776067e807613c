//! From one crate's words to another's.

use std::path::Path;

use thinksafe_chat::Chat;
use thinksafe_core::log;
use thinksafe_eval::likelihood::Text;
use thinksafe_eval::report::{Drops, LossPoint};
use thinksafe_filter::{Dataset, DatasetRow, Selection};
use thinksafe_recipes::{Lesson, Part, Supervised};
use thinksafe_sft::{
    Encoding, Error, Example, StepRecord, Supervise, TracePart, TrainingText, encode,
};

use crate::bar::say;

/// The dataset as what the trainer reads.
pub fn training_texts(dataset: &Dataset) -> Vec<TrainingText> {
    let text = |row: &DatasetRow| {
        let id = row.provenance.as_ref().map_or_else(String::new, |p| p.prompt_id.clone());
        TrainingText::new(id, &row.instruction, row.trace()).labeled(row.prompt_label)
    };
    dataset.rows().iter().map(text).collect()
}

/// The dataset as texts whose likelihood can be asked for; rows of one prompt are related.
pub fn dataset_texts(dataset: &Dataset) -> Vec<Text> {
    let text = |row: &DatasetRow| {
        let id = row.provenance.as_ref().map(|p| p.prompt_id.as_str());
        let cluster = id.unwrap_or(&row.instruction);
        Text::new(cluster, &row.instruction, row.trace()).labeled(row.prompt_label)
    };
    dataset.rows().iter().map(text).collect()
}

/// Recipes' lessons as what the trainer trains on, in their order. What gives no example is left out, and a warning says so.
///
/// # Errors
/// None in practice: the encoding's options are in range.
pub fn lesson_examples(lessons: &[Lesson], chat: &Chat) -> Result<Vec<Example>, Error> {
    let mut examples = Vec::new();
    for lesson in lessons {
        let (text, supervise) = lesson_text(lesson);
        let encoded = encode([&text], chat, &Encoding { supervise, ..Encoding::default() })?;
        for skipped in &encoded.skipped {
            say(&format!("example {} is left out: {}", skipped.id, skipped.reason));
        }
        examples.extend(encoded.examples);
    }
    Ok(examples)
}

/// A lesson as a text, and what of it is learnt where none of its spans is.
fn lesson_text(lesson: &Lesson) -> (TrainingText, Supervise) {
    let Lesson { id, instruction, trace, label, supervised } = lesson;
    let text = TrainingText::new(id, instruction, trace.clone()).labeled(*label);
    match supervised {
        Supervised::Turn => (text, Supervise::Turn),
        Supervised::Spans(spans) => {
            let weighted = |text: TrainingText, span: &thinksafe_recipes::Span| {
                let part = match span.part {
                    Part::Thinking => TracePart::Thinking,
                    Part::Answer => TracePart::Answer,
                };
                text.weighted(part, span.bytes.clone(), 1.0)
            };
            let nothing = Supervise::Weighted { prompt: 0.0, thinking: 0.0, answer: 0.0 };
            (spans.iter().fold(text, weighted), nothing)
        }
    }
}

/// What was dropped, for the report.
pub fn drops(selection: &Selection) -> Vec<Drops> {
    let rows = selection.counts.iter().map(|(label, counts)| {
        let dropped = counts.dropped.iter().map(|(why, n)| (why.as_str().to_owned(), *n)).collect();
        Drops { label: *label, kept: counts.kept, dropped }
    });
    rows.collect()
}

/// The loss of each step of a training run.
///
/// # Errors
/// What is wrong with its log.
pub fn loss_curve(checkpoints: &Path) -> Result<Vec<LossPoint>, thinksafe_core::Error> {
    let steps = log::read::<StepRecord>(checkpoints.join("train.jsonl"))?;
    Ok(steps.iter().map(|step| LossPoint { step: step.step, loss: step.loss }).collect())
}
