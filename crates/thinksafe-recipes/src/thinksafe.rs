//! ThinkSafe (arXiv 2601.23143, section 4.1), with any steering template.

use thinksafe_core::seed::Seed;
use thinksafe_filter::Policy;
use thinksafe_steering::{SteeringPlan, SteeringTemplate};
use thinksafe_trace::TraceSettings;

use crate::protocol::Protocol;

impl Protocol {
    /// Harmful prompts are steered towards a refusal, harmless ones asked as they are; one sample of each, kept if the
    /// guard finds it safe. Training sees the prompts without the steering.
    ///
    /// The paper's four templates (Table 5) are `Preset::{ThinkSafePaper, Suffix, Risk, Intent}`; the authors' code
    /// made the released data with `Preset::ThinkSafe`.
    ///
    /// ```
    /// use thinksafe_core::seed::Seed;
    /// use thinksafe_recipes::Protocol;
    /// use thinksafe_steering::Preset;
    ///
    /// for preset in [Preset::ThinkSafePaper, Preset::Suffix, Preset::Risk, Preset::Intent] {
    ///     let protocol = Protocol::thinksafe(&preset.template(), Seed(42));
    ///     assert_eq!(protocol.settings.samples_per_prompt, 1);
    /// }
    /// ```
    pub fn thinksafe(steering: &SteeringTemplate, seed: Seed) -> Self {
        let steering = SteeringPlan::harmful(steering);
        Self::new(TraceSettings { steering, ..TraceSettings::new(seed) }, Policy::default())
    }
}
