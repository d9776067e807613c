//! The embedded miniature on its own sets.

use anyhow::Result;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::report::Report;

use crate::{Bar, Inputs};

/// Evaluates the miniature on its harmful, harmless and arithmetic sets, at most `items` of each, as the run `miniature` of a
/// report. Its sets have names that no published set has.
///
/// # Errors
/// What goes wrong with the run's files.
pub fn evaluate_miniature(
    items: usize,
    run: &RunDir,
    report: &mut Report,
    bar: &mut Bar,
) -> Result<()> {
    let inputs = Inputs::miniature().load(&run.root().join("miniature"))?;
    let (mut model, mut guard) = (inputs.load_model()?, inputs.load_guard()?);
    for set in inputs.evaluation_sets(Seed(42), items)? {
        bar.begin(format!("miniature: {}", set.name()));
        report.add("miniature", &set.evaluate(run, &mut model, &mut *guard, bar)?)?;
    }
    Ok(())
}
