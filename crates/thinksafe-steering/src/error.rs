//! The crate's error.

/// Where in a template something is, for people: both counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

impl Position {
    /// The position of the byte at `offset`, which must lie on a character's boundary.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What can be wrong with a steering template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The template has no name.
    #[error("a steering template needs a name that is not blank")]
    BlankName,
    /// There is no place for the prompt.
    #[error("steering template `{template}` lacks the placeholder {{prompt}}")]
    MissingPlaceholder {
        /// The template's name.
        template: String,
    },
    /// The prompt would appear twice.
    #[error("steering template `{template}`, {position}: {{prompt}} appears a second time")]
    RepeatedPlaceholder {
        /// The template's name.
        template: String,
        /// Where the second one is.
        position: Position,
    },
    /// A brace is opened and not closed, or closed and not opened.
    #[error(
        "steering template `{template}`, {position}: unbalanced `{brace}`; a literal brace is written twice"
    )]
    UnbalancedBrace {
        /// The template's name.
        template: String,
        /// Where the brace is.
        position: Position,
        /// Which one it is.
        brace: char,
    },
    /// A placeholder is not `{prompt}`.
    #[error(
        "steering template `{template}`, {position}: unknown placeholder {{{placeholder}}}, expected {{prompt}}"
    )]
    UnknownPlaceholder {
        /// The template's name.
        template: String,
        /// Where it is.
        position: Position,
        /// What stands between the braces.
        placeholder: String,
    },
    /// No published template has this name.
    #[error("unknown steering template `{name}`, expected one of {expected}")]
    UnknownPreset {
        /// The name asked for.
        name: String,
        /// The names there are.
        expected: String,
    },
}
