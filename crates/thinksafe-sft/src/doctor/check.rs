//! The names of the checks.

use serde::{Deserialize, Serialize};

/// Declares the checks: what each tells is its documentation, and is printed with its failures.
macro_rules! checks {
    ($(#[doc = $tells:literal] $check:ident = $name:literal,)*) => {
        /// One thing that the doctor looks at. `docs/DOCTOR.md` has the bug behind each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Check {
            $(#[doc = $tells] #[serde(rename = $name)] $check,)*
        }

        impl Check {
            /// All checks, in the order of a report.
            pub const ALL: &[Self] = &[$(Self::$check,)*];

            /// The name in reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$check => $name,)*
                }
            }

            /// What holds if it passes.
            pub fn tells(self) -> &'static str {
                match self {
                    $(Self::$check => $tells.trim_ascii(),)*
                }
            }
        }
    };
}

checks! {
    /// The learning rate is of a size that trains what is trained.
    LearningRate = "learning-rate",
    /// The warm-up ends before the run does.
    WarmupEnds = "warmup-ends",
    /// The first moment forgets faster than the second.
    MomentDecay = "moment-decay",
    /// There are at least as many examples as a step takes.
    BatchFitsData = "batch-fits-data",
    /// The size of the loss does not depend on how a batch is cut.
    LossNormalisation = "loss-normalisation",
    /// Every text gives an example, but for a few that are too long.
    TextsSurvive = "texts-survive",
    /// No example is cut before the token that ends its turn.
    EndsSurvive = "ends-survive",
    /// Every example has a term of the objective, and the label that it asks for.
    TermsApply = "terms-apply",
    /// A model with a BOS reads exactly one, first.
    OneBos = "one-bos",
    /// What generation is given is, id for id, the beginning of what is trained.
    PromptIsPrefix = "prompt-is-prefix",
    /// No token of the prompt is trained, nor what the template opens of the turn.
    PromptUntrained = "prompt-untrained",
    /// The mark that the template opens the thinking with is not written again by the turn.
    OpeningOnce = "opening-once",
    /// The trained ids read as the trace does, thinking included.
    TraceSurvives = "trace-survives",
    /// The token that ends the turn is trained.
    EndOfTurnTrained = "end-of-turn-trained",
    /// The token that ends the trained turns is one that the folder's files stop generation at.
    EndOfTurnStops = "end-of-turn-stops",
    /// No steering text is left in what is trained.
    SteeringAbsent = "steering-absent",
    /// The model has an embedding for every id of the tokenizer.
    VocabularyFits = "vocabulary-fits",
    /// Every example has ids that the model knows and one finite weight a token.
    ExamplesFit = "examples-fit",
    /// The loss before training is finite, above zero, and no worse than guessing.
    LossIsSane = "loss-is-sane",
    /// Loss and gradient are those of the formula, computed plainly with all logits at once.
    LossMatchesFormula = "loss-matches-formula",
    /// Activation checkpointing, which computes layers twice, changes nothing.
    RecomputationInert = "recomputation-inert",
    /// Accumulated micro-batches of unequal lengths give the gradient of the whole batch.
    AccumulationInvariant = "accumulation-invariant",
    /// The last window of an epoch, with fewer micro-batches, is the mean of what it holds.
    PartialWindow = "partial-window",
    /// Parts of a batch, weighed by their tokens, add up to the batch, as many devices need it.
    ShardsSum = "shards-sum",
    /// The KL term does not depend on how a batch is cut.
    KlAccumulation = "kl-accumulation",
    /// Examples that share a micro-batch give what each gives alone.
    PackedEqualsAlone = "packed-equals-alone",
    /// Changing an example's text changes nothing for its neighbour in the micro-batch.
    NeighboursIsolated = "neighbours-isolated",
    /// Changing tokens that are not trained, and that nothing trained follows, changes nothing.
    MaskedLabelsInert = "masked-labels-inert",
    /// Every matrix of the adapter gets a gradient: B in the first step, A in the second.
    AdapterLearns = "adapter-learns",
    /// The adapter's first values are a function of the seed.
    AdapterFollowsSeed = "adapter-follows-seed",
    /// Two steps, a checkpoint and three steps give the weights of five steps.
    ResumeExact = "resume-exact",
}
