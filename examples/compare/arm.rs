//! The arms, and the sizes that the rule gives each.

use clap::ValueEnum;
use thinksafe_recipes::Setup;
use thinksafe_sft::{Objective, Reduction};

/// A way to make the model safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arm {
    /// Nothing is done.
    Initial,
    /// A fixed thought and a fixed refusal.
    DirectRefusal,
    /// A teacher's answers, all of five samples safe.
    #[value(name = "safechain")]
    SafeChain,
    /// The model's own answers without steering, the first safe one of at most five.
    RejectionSampling,
    /// A primer at the beginning of the thinking.
    #[value(name = "safepath")]
    SafePath,
    /// The model's own answers, steered to refuse.
    #[value(name = "thinksafe")]
    ThinkSafe,
    /// `ThinkSafe` with empty thoughts in the refusals.
    WithoutReasoning,
    /// `ThinkSafe`'s harmful prompts alone.
    HarmfulHalf,
    /// `ThinkSafe` with KL on harmless prompts.
    Kl,
    /// The model's own rollouts, rewarded.
    Grpo,
}

impl Arm {
    /// All arms, in the order of the table.
    pub(crate) const ALL: [Self; 10] = [
        Self::Initial,
        Self::DirectRefusal,
        Self::SafeChain,
        Self::RejectionSampling,
        Self::SafePath,
        Self::ThinkSafe,
        Self::WithoutReasoning,
        Self::HarmfulHalf,
        Self::Kl,
        Self::Grpo,
    ];

    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Initial => "Initial",
            Self::DirectRefusal => "DirectRefusal",
            Self::SafeChain => "SafeChain, a teacher's",
            Self::RejectionSampling => "Rejection sampling",
            Self::SafePath => "SafePath",
            Self::ThinkSafe => "ThinkSafe",
            Self::WithoutReasoning => "ThinkSafe, refusals without reasoning",
            Self::HarmfulHalf => "ThinkSafe, harmful half",
            Self::Kl => "ThinkSafe+KL",
            Self::Grpo => "GRPO",
        }
    }

    /// The name of its folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::DirectRefusal => "direct-refusal",
            Self::SafeChain => "safechain",
            Self::RejectionSampling => "rejection-sampling",
            Self::SafePath => "safepath",
            Self::ThinkSafe => "thinksafe",
            Self::WithoutReasoning => "without-reasoning",
            Self::HarmfulHalf => "harmful-half",
            Self::Kl => "kl",
            Self::Grpo => "grpo",
        }
    }

    /// How many examples it learns, and how often, if it learns from examples.
    pub(crate) fn setup(self) -> Setup {
        match self {
            Self::DirectRefusal => Setup::DIRECT_REFUSAL,
            Self::SafePath => Setup::SAFEPATH,
            _ => Setup::THINKSAFE,
        }
    }

    /// What it minimises.
    pub(crate) fn objective(self) -> Objective {
        match self {
            Self::Kl => Objective::thinksafe_kl(Reduction::TokenMean),
            _ => Objective::cross_entropy(),
        }
    }
}
