//! Distillation of a teacher that is told to look for risks (RealSafe-R1, arXiv 2504.10081).

use thinksafe_core::seed::Seed;
use thinksafe_filter::{Policy, RefusalRules};
use thinksafe_steering::{Preset, SteeringPlan};
use thinksafe_trace::TraceSettings;

use crate::protocol::Protocol;

impl Protocol {
    /// Every prompt is asked in RealSafe-R1's words, which leave it to the teacher what to refuse; one sample of each. Of
    /// harmful prompts those answers are kept that refuse by the rules; all have to be safe to the guard, which the
    /// published recipe has not.
    ///
    /// The teacher is the generator that [`collect`](Self::collect) is given (DeepSeek-R1 in the paper). Training sees the
    /// prompts without those words.
    ///
    /// ```
    /// use thinksafe_core::{prompt::PromptLabel, seed::Seed};
    /// use thinksafe_recipes::Protocol;
    ///
    /// let protocol = Protocol::teacher_distillation(Seed(42));
    /// let benign = protocol.settings.steering.template(PromptLabel::VanillaBenign);
    /// assert_eq!(benign.map(|template| template.name()), Some("realsafe-r1"));
    /// assert!(protocol.policy.refusals.is_some());
    /// ```
    pub fn teacher_distillation(seed: Seed) -> Self {
        let steering = SteeringPlan::every(&Preset::RealSafeR1.template());
        let policy = Policy { refusals: Some(RefusalRules::default()), ..Policy::default() };
        Self::new(TraceSettings { steering, ..TraceSettings::new(seed) }, policy)
    }
}
