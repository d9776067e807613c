//! From one crate's words to another's.

use std::path::Path;

use thinksafe_core::log;
use thinksafe_eval::likelihood::Text;
use thinksafe_eval::report::{Drops, LossPoint};
use thinksafe_filter::{Dataset, DatasetRow, Selection};
use thinksafe_sft::{StepRecord, TrainingText};

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
