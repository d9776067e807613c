//! A steering template: text with one place for the prompt.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;

use crate::error::{Error, Position};

/// On which side of the prompt an instruction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "an instruction stands before or after the prompt")]
pub enum Placement {
    /// Before the prompt.
    Prefix,
    /// After the prompt.
    Suffix,
}

/// A checked steering template.
///
/// Its text holds `{prompt}` exactly once; a literal brace is written twice. Applying it copies the prompt as it
/// is: braces in the prompt mean nothing.
///
/// ```
/// use thinksafe_steering::SteeringTemplate;
///
/// let template = SteeringTemplate::new("mine", "Decline this: {prompt} {{end}}")?;
/// assert_eq!(template.apply("a {b}"), "Decline this: a {b} {end}");
/// # Ok::<(), thinksafe_steering::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Source", into = "Source")]
pub struct SteeringTemplate {
    source: Source,
    before: String,
    after: String,
}

/// A template as it is written in configuration files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    name: String,
    text: String,
}

impl SteeringTemplate {
    /// Checks a template.
    ///
    /// # Errors
    /// [`Error`] with the position of the first mistake.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Result<Self, Error> {
        let source = Source { name: name.into(), text: text.into() };
        if source.name.trim().is_empty() {
            return Err(Error::BlankName);
        }
        let (before, after) = split(&source.name, &source.text)?;
        Ok(Self { source, before, after })
    }

    /// A template that puts a literal instruction before or after the prompt, a blank line between them.
    ///
    /// Braces in the instruction are text.
    ///
    /// # Errors
    /// [`Error::BlankName`].
    pub fn placed(
        name: impl Into<String>,
        instruction: &str,
        placement: Placement,
    ) -> Result<Self, Error> {
        let literal = instruction.replace('{', "{{").replace('}', "}}");
        let text = match placement {
            Placement::Prefix => format!("{literal}\n\n{{prompt}}"),
            Placement::Suffix => format!("{{prompt}}\n\n{literal}"),
        };
        Self::new(name, text)
    }

    /// Its name, for people and provenance.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// The text as it was written, placeholder included.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The hash of what it does to a prompt; the name does not enter.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of("thinksafe.steering", &(&self.before, &self.after))
    }

    /// The prompt with the steering around it.
    pub fn apply(&self, prompt: &str) -> String {
        [&self.before, prompt, &self.after].concat()
    }
}

impl TryFrom<Source> for SteeringTemplate {
    type Error = Error;

    fn try_from(source: Source) -> Result<Self, Error> {
        Self::new(source.name, source.text)
    }
}

impl From<SteeringTemplate> for Source {
    fn from(template: SteeringTemplate) -> Self {
        template.source
    }
}

/// What stands before and after the placeholder, escapes resolved.
fn split(template: &str, text: &str) -> Result<(String, String), Error> {
    let unbalanced = |offset, brace| Error::UnbalancedBrace {
        template: template.to_owned(),
        position: Position::of(text, offset),
        brace,
    };
    let mut before = None;
    let mut literal = String::new();
    let mut rest = text;
    while let Some(found) = rest.find(['{', '}']) {
        literal.push_str(&rest[..found]);
        let offset = text.len() - rest.len() + found;
        rest = &rest[found..];
        if let Some(after_escape) = escaped_brace(rest) {
            literal.push_str(&rest[..1]);
            rest = after_escape;
        } else if rest.starts_with('}') {
            return Err(unbalanced(offset, '}'));
        } else {
            let name = placeholder(rest).ok_or_else(|| unbalanced(offset, '{'))?;
            check_placeholder(template, name, Position::of(text, offset), before.is_some())?;
            before = Some(std::mem::take(&mut literal));
            rest = &rest[name.len() + 2..];
        }
    }
    literal.push_str(rest);
    let before =
        before.ok_or_else(|| Error::MissingPlaceholder { template: template.to_owned() })?;
    Ok((before, literal))
}

fn escaped_brace(rest: &str) -> Option<&str> {
    rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}"))
}

/// What stands between the opening brace that `rest` begins with and its closing brace.
fn placeholder(rest: &str) -> Option<&str> {
    let end = rest[1..].find(['{', '}'])? + 1;
    rest[end..].starts_with('}').then_some(&rest[1..end])
}

fn check_placeholder(
    template: &str,
    placeholder: &str,
    position: Position,
    repeated: bool,
) -> Result<(), Error> {
    let template = template.to_owned();
    match placeholder {
        "prompt" if repeated => Err(Error::RepeatedPlaceholder { template, position }),
        "prompt" => Ok(()),
        _ => {
            let placeholder = placeholder.to_owned();
            Err(Error::UnknownPlaceholder { template, position, placeholder })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_mistake_is_named_with_its_position() {
        let cases = [
            ("", "steering template `t` lacks the placeholder {prompt}"),
            ("no place", "steering template `t` lacks the placeholder {prompt}"),
            ("{{prompt}}", "steering template `t` lacks the placeholder {prompt}"),
            ("{prompt} {prompt}", "steering template `t`, 1:10: {prompt} appears a second time"),
            ("é\né {x}{prompt}", "`t`, 2:3: unknown placeholder {x}, expected {prompt}"),
            ("{Prompt}", "`t`, 1:1: unknown placeholder {Prompt}, expected {prompt}"),
            ("{ prompt }", "`t`, 1:1: unknown placeholder { prompt }, expected {prompt}"),
            ("{}", "`t`, 1:1: unknown placeholder {}, expected {prompt}"),
            ("{prompt} {", "`t`, 1:10: unbalanced `{`; a literal brace is written twice"),
            ("{prompt", "`t`, 1:1: unbalanced `{`; a literal brace is written twice"),
            ("a}{prompt}", "`t`, 1:2: unbalanced `}`; a literal brace is written twice"),
            ("{prompt}}", "`t`, 1:9: unbalanced `}`; a literal brace is written twice"),
            ("{a{prompt}", "`t`, 1:1: unbalanced `{`; a literal brace is written twice"),
        ];
        for (text, expected) in cases {
            let error = SteeringTemplate::new("t", text).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{text}: {error}");
        }
        assert_eq!(SteeringTemplate::new(" ", "{prompt}").unwrap_err(), Error::BlankName);
    }

    #[test]
    fn a_placed_instruction_is_literal() {
        let prefix = SteeringTemplate::placed("p", "Use {json}.", Placement::Prefix).unwrap();
        assert_eq!(prefix.apply("x"), "Use {json}.\n\nx");
        let suffix = SteeringTemplate::placed("s", "Use {json}.", Placement::Suffix).unwrap();
        assert_eq!(suffix.apply("x"), "x\n\nUse {json}.");
    }

    #[test]
    fn the_hash_follows_the_effect_and_not_the_name() {
        let hash = |name, text| SteeringTemplate::new(name, text).unwrap().hash();
        assert_eq!(hash("a", "x {prompt}"), hash("b", "x {prompt}"));
        assert_ne!(hash("a", "x {prompt}"), hash("a", "x{prompt} "));
    }

    #[test]
    fn a_template_from_a_file_is_checked() {
        let template = SteeringTemplate::new("t", "{{ {prompt}").unwrap();
        let json = serde_json::to_string(&template).unwrap();
        assert_eq!(json, r#"{"name":"t","text":"{{ {prompt}"}"#);
        assert_eq!(serde_json::from_str::<SteeringTemplate>(&json).unwrap(), template);
        let error = serde_json::from_str::<SteeringTemplate>(r#"{"name":"t","text":"{x}"}"#);
        assert!(error.unwrap_err().to_string().contains("unknown placeholder {x}"));
    }

    proptest! {
        /// Letters in the template, digits and braces in the prompt: neither can be mistaken for the other.
        #[test]
        fn the_prompt_appears_verbatim_exactly_once(
            before in "[a-zé\n ]{0,20}", after in "[a-zé\n ]{0,20}", prompt in "[0-9{}]{1,20}",
        ) {
            let template =
                SteeringTemplate::new("t", format!("{before}{{prompt}}{after}")).unwrap();
            let steered = template.apply(&prompt);
            prop_assert_eq!(steered.matches(&prompt).count(), 1);
            prop_assert_eq!(steered, format!("{before}{prompt}{after}"));
        }

        #[test]
        fn escaped_literals_come_out_as_they_were(literal in "[a-c{}\n]{0,12}") {
            let template = SteeringTemplate::placed("t", &literal, Placement::Prefix).unwrap();
            prop_assert_eq!(template.apply("X"), format!("{literal}\n\nX"));
        }

        #[test]
        fn checking_never_panics(text in "(\\{|\\}|prompt|é|\n|[a-z]){0,12}") {
            let _ = SteeringTemplate::new("t", text);
        }
    }
}
