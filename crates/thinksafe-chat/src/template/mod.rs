//! Chat templates: Jinja as transformers runs it, with an end to everything.

mod dialect;
mod filters;
mod json;
mod methods;
mod repr;

use std::io::Write;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, State, Value};
use serde::Serialize;

use crate::{DateTime, Error};

/// A compiled chat template.
///
/// It renders what transformers' renderer does: blocks are trimmed, `tojson` writes Python's JSON, strings have
/// Python's methods, `raise_exception`, `strftime_now`, `{% generation %}` and loop controls are known.
///
/// A template is a program that came with a download. It gets [`FUEL`](Self::FUEL) units of work (an instruction, or
/// 64 bytes of data made), [`MAX_OUTPUT`](Self::MAX_OUTPUT) bytes of output and
/// [`MAX_DEPTH`](Self::MAX_DEPTH) levels of recursion, whatever it does.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    path: PathBuf,
}

impl ChatTemplate {
    /// Work that one rendering may take. Rendering a conversation of 1 MB with Qwen3's template takes about 2 % of it.
    pub const FUEL: u64 = 4_000_000;
    /// Bytes that one rendering may write.
    pub const MAX_OUTPUT: usize = 64 << 20;
    /// Levels of macros and recursive loops.
    pub const MAX_DEPTH: usize = 100;

    /// Compiles a template; `path` is the file that it came from, for error messages.
    ///
    /// # Errors
    /// [`Error::TemplateSyntax`] with the line.
    pub fn new(source: &str, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let mut environment = environment();
        let compiled = dialect::rewritten(source);
        environment.add_template_owned(NAME, compiled).map_err(|e| Error::TemplateSyntax {
            path: path.clone(),
            line: e.line().unwrap_or(0),
            reason: reason(&e),
        })?;
        Ok(Self { environment, source: source.to_owned(), path })
    }

    /// The template as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders with the given variables (`messages`, `add_generation_prompt`, `bos_token`, ...).
    ///
    /// `now` is what `strftime_now` shows; without it the function is undefined, as in older versions of
    /// transformers, and templates fall back to the date that they carry.
    ///
    /// # Errors
    /// [`Error::TemplateRaised`], [`Error::TemplateFailed`] or [`Error::TemplateLimit`].
    pub fn render(
        &self,
        variables: &impl Serialize,
        now: Option<DateTime>,
    ) -> Result<String, Error> {
        let mut context = Value::from(minijinja::value::Serde(variables));
        if let Some(now) = now {
            let strftime = move |format: &str| now.strftime(format);
            let extra = minijinja::context! { strftime_now => Value::from_function(strftime) };
            context = minijinja::value::merge_maps([context, extra]);
        }
        let mut output = Bounded { bytes: Vec::new(), overflow: false };
        let rendered = self
            .environment
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(context, &mut output).map(drop));
        if output.overflow {
            return Err(Error::TemplateLimit { path: self.path.clone(), limit: "output size" });
        }
        rendered.map_err(|e| self.error(&e))?;
        // The engine only ever writes whole strings.
        Ok(String::from_utf8_lossy(&output.bytes).into_owned())
    }

    fn error(&self, error: &minijinja::Error) -> Error {
        let path = self.path.clone();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(current) = cause {
            if let Some(Raised(message)) = current.downcast_ref() {
                return Error::TemplateRaised { path, message: message.clone() };
            }
            let engine = current.downcast_ref::<minijinja::Error>();
            if engine.is_some_and(|e| e.kind() == ErrorKind::OutOfFuel) {
                return Error::TemplateLimit { path, limit: "work and memory" };
            }
            if engine.and_then(|e| e.detail()).is_some_and(|d| d.contains("recursion limit")) {
                return Error::TemplateLimit { path, limit: "recursion" };
            }
            cause = current.source();
        }
        Error::TemplateFailed { path, line: error.line().unwrap_or(0), reason: reason(error) }
    }

    /// The file that the template came from.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What a template passed to `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

/// Collects output up to [`ChatTemplate::MAX_OUTPUT`].
struct Bounded {
    bytes: Vec<u8>,
    overflow: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > ChatTemplate::MAX_OUTPUT {
            self.overflow = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    let syntax = syntax.trim_blocks(true).lstrip_blocks(true);
    environment.set_syntax(syntax.build().expect("the default delimiters are valid"));
    environment.set_fuel(Some(ChatTemplate::FUEL));
    environment.set_recursion_limit(ChatTemplate::MAX_DEPTH);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(methods::call);
    filters::add_to(&mut environment);
    environment.add_function("raise_exception", raise_exception);
    environment
}

fn raise_exception(state: &State<'_, '_>, message: Value) -> Result<Value, minijinja::Error> {
    let message = repr::str(state, &message)?;
    let error = minijinja::Error::new(ErrorKind::InvalidOperation, message.clone());
    Err(error.with_source(Raised(message)))
}

/// The engine's own words without its file name and line, which our errors carry themselves.
fn reason(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

const NAME: &str = "chat_template";

#[cfg(test)]
mod tests;
