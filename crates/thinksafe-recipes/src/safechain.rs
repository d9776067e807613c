//! SafeChain's protocol (arXiv 2502.12025).

use thinksafe_core::seed::Seed;
use thinksafe_filter::{Policy, Samples};
use thinksafe_steering::SteeringPlan;
use thinksafe_trace::TraceSettings;

use crate::protocol::Protocol;

impl Protocol {
    /// No prompt is steered; each is sampled `k` times (5 in `SafeChain`), and one of the samples, drawn by the seed, is kept
    /// if all are safe.
    ///
    /// `SafeChain` asks a teacher: what answers is the generator that [`collect`](Self::collect) is given. With the model
    /// itself it is the paper's ablation without steering (Figure 7).
    ///
    /// ```
    /// use thinksafe_core::seed::Seed;
    /// use thinksafe_filter::Samples;
    /// use thinksafe_recipes::Protocol;
    ///
    /// let protocol = Protocol::safechain(5, Seed(42));
    /// assert_eq!(protocol.settings.samples_per_prompt, 5);
    /// assert_eq!(protocol.policy.samples, Samples::AllOf { k: 5, seed: Seed(42) });
    /// ```
    pub fn safechain(k: u32, seed: Seed) -> Self {
        let settings = TraceSettings {
            steering: SteeringPlan::unsteered(),
            samples_per_prompt: k,
            ..TraceSettings::new(seed)
        };
        Self::new(settings, Policy { samples: Samples::AllOf { k, seed }, ..Policy::default() })
    }
}
