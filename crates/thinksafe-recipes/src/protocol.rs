//! Recipes that generate: what a model is asked, how often, and what is kept.

use thinksafe_core::generate::Generate;
use thinksafe_core::judge::Judge;
use thinksafe_core::log::RecordLog;
use thinksafe_core::progress::OnProgress;
use thinksafe_core::run::RunDir;
use thinksafe_filter::{
    Policy, Resampling, Samples, Selection, Verdicts, View, judge_traces, select_from_logs,
};
use thinksafe_trace::{PromptSet, TraceSettings, generate_traces};

use crate::error::Error;

/// What a model is asked, how often, and what of its answers becomes training data.
///
/// The constructors are the published recipes; every field can be changed afterwards.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Protocol {
    /// Steering, sampling, samples of each prompt, seed.
    pub settings: TraceSettings,
    /// What is kept. Under [`Samples::First`] a prompt is sampled until a sample of it passes, and no further.
    pub policy: Policy,
    /// What the guard sees: the whole turn, as in the paper's code.
    pub view: View,
}

impl Protocol {
    pub(crate) fn new(settings: TraceSettings, policy: Policy) -> Self {
        Self { settings, policy, view: View::Turn }
    }

    /// Generates, judges and selects. Traces and verdicts are logged in the run directory, so that a call that was
    /// interrupted and made again does what is missing; the logs of other protocols do not belong into it.
    ///
    /// # Errors
    /// What generating, judging and selecting report.
    pub fn collect<G: Generate + ?Sized>(
        &self,
        run: &RunDir,
        prompts: &PromptSet,
        generator: &mut G,
        guard: &mut dyn Judge,
        progress: OnProgress<'_>,
    ) -> Result<Selection, Error> {
        let mut traces = RecordLog::open(run.traces())?;
        let mut verdicts = RecordLog::open(run.verdicts())?;
        let Self { settings, policy, view } = self;
        if policy.samples == Samples::First {
            let resampling = Resampling { prompts, settings, policy };
            let (traces, verdicts) = (&mut traces, &mut verdicts);
            resampling.run(generator, &mut [(guard, *view)], traces, verdicts, progress)?;
        } else {
            generate_traces(generator, prompts, settings, &mut traces, progress)?;
            judge_traces(guard, traces.path(), *view, &mut verdicts, progress)?;
        }
        let judged = Verdicts::read(verdicts.path(), guard.identity(), *view)?;
        Ok(select_from_logs(traces.path(), &[judged], policy)?)
    }
}
