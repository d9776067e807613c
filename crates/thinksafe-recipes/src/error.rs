//! The crate's error.

/// What can go wrong with a recipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that is to be learnt is blank.
    #[error("the {what} for prompt `{id}` is blank")]
    Blank {
        /// Which text.
        what: &'static str,
        /// The prompt.
        id: String,
    },
    /// A file, a record log or an engine failed.
    #[error(transparent)]
    Core(#[from] thinksafe_core::Error),
    /// Judging or selecting failed.
    #[error(transparent)]
    Filter(#[from] thinksafe_filter::Error),
    /// A recipe for harmful prompts was given a harmless one.
    #[error("prompt `{id}` is harmless, and {recipe} is for harmful ones")]
    Harmless {
        /// The prompt.
        id: String,
        /// The recipe.
        recipe: &'static str,
    },
    /// Generating failed.
    #[error(transparent)]
    Trace(#[from] thinksafe_trace::Error),
}
