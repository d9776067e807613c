//! Rejection sampling without steering.

use thinksafe_core::seed::Seed;
use thinksafe_filter::{Policy, Samples};
use thinksafe_steering::SteeringPlan;
use thinksafe_trace::TraceSettings;

use crate::protocol::Protocol;

impl Protocol {
    /// No prompt is steered; each is sampled until the guard finds a sample safe, at most `k` times.
    ///
    /// The paper's ablation (Figure 7) has the model sample itself by [`safechain`](Self::safechain)'s protocol, which
    /// keeps less: there a single unsafe sample drops the prompt.
    ///
    /// ```
    /// use thinksafe_core::{prompt::PromptLabel, seed::Seed};
    /// use thinksafe_filter::Samples;
    /// use thinksafe_recipes::Protocol;
    ///
    /// let protocol = Protocol::rejection_sampling(5, Seed(42));
    /// assert_eq!(protocol.settings.samples_per_prompt, 5);
    /// assert_eq!(protocol.policy.samples, Samples::First);
    /// assert!(protocol.settings.steering.template(PromptLabel::VanillaHarmful).is_none());
    /// ```
    pub fn rejection_sampling(k: u32, seed: Seed) -> Self {
        let settings = TraceSettings {
            steering: SteeringPlan::unsteered(),
            samples_per_prompt: k,
            ..TraceSettings::new(seed)
        };
        Self::new(settings, Policy { samples: Samples::First, ..Policy::default() })
    }
}
