//! What a model does on the held-out sets.

use anyhow::{Context, Result};
use thinksafe_core::judge::Judge;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_core::tokens::Tokens;
use thinksafe_eval::comparison::Column;
use thinksafe_eval::evaluate::Evaluated;
use thinksafe_examples::Bar;
use thinksafe_runtime::LocalGenerator;

use crate::setting::Setting;

/// A column for each set, with the first metric of each.
pub(crate) fn columns(
    setting: &Setting,
    seed: Seed,
    run: &RunDir,
    model: &mut LocalGenerator,
    guard: &mut dyn Judge,
    bar: &mut Bar,
) -> Result<Vec<Column>> {
    let mut columns = Vec::new();
    for set in setting.sets(seed)? {
        let evaluated = set.evaluate(run, model, guard, bar)?;
        let measured = evaluated.measured.first().context("a set without a metric")?;
        let mut column = Column::of(set.name(), measured);
        column.thinking_tokens = thinking(&evaluated, model)?;
        columns.push(column);
    }
    Ok(columns)
}

/// Mean tokens of thinking over the responses that could be split.
fn thinking(evaluated: &Evaluated, model: &LocalGenerator) -> Result<Option<f64>> {
    let traces = evaluated.responses.iter().filter_map(|response| response.trace.as_ref().ok());
    let tokens = |text: &str| model.chat().token_starts(text).map(|starts| starts.len() as f64);
    let lengths = traces.map(|trace| tokens(trace.thinking.as_deref().unwrap_or_default()));
    let lengths = lengths.collect::<Result<Vec<f64>, _>>()?;
    Ok((!lengths.is_empty()).then(|| lengths.iter().sum::<f64>() / lengths.len() as f64))
}
