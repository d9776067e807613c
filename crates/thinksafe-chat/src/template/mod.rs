//! Chat templates: Jinja as transformers runs it, with an end to everything.

mod dialect;
mod filters;
mod json;
mod methods;
mod repr;
mod stack;

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
/// Known to differ from Jinja in Python, in what no published chat template does: `%` formatting of strings is an
/// error, values of different types can be ordered, `~` writes floats from 1e16 without an exponent, and a
/// namespace cannot hold another one.
///
/// A template is a program that came with a download. It gets [`FUEL`](Self::FUEL) units of work (an instruction, or
/// 64 bytes of data made) and one more for every two bytes of its variables, [`MAX_OUTPUT`](Self::MAX_OUTPUT) bytes of
/// output and [`MAX_DEPTH`](Self::MAX_DEPTH) levels of recursion, whatever it does; and it runs on a stack of its own
/// that holds whatever it can build with that.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    path: PathBuf,
}

impl ChatTemplate {
    /// Work that any rendering may take.
    pub const FUEL: u64 = 150_000;
    /// Bytes that one rendering may write.
    pub const MAX_OUTPUT: usize = 64 << 20;
    /// Bytes of source.
    pub const MAX_SOURCE: usize = 128 << 10;
    /// Levels of macros and recursive loops.
    pub const MAX_DEPTH: usize = 100;

    /// Compiles a template; `path` is the file that it came from, for error messages.
    ///
    /// # Errors
    /// [`Error::TemplateSyntax`] with the line, or [`Error::TemplateLimit`] for a source of more than
    /// [`MAX_SOURCE`](Self::MAX_SOURCE) bytes.
    pub fn new(source: &str, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let compiled = dialect::rewritten(source);
        if compiled.len() > Self::MAX_SOURCE {
            return Err(Error::TemplateLimit { path, limit: "source size" });
        }
        let compile = || {
            let mut environment = environment();
            environment.add_template_owned(NAME, compiled).map(|()| environment)
        };
        let compiled = stack::for_source(source.len(), compile).ok_or_else(|| broken(&path))?;
        let environment = compiled.map_err(|e| Error::TemplateSyntax {
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
        let fuel = Self::FUEL + json_size(variables) / BYTES_PER_FUEL;
        let run = || self.run(context, fuel);
        stack::for_fuel(fuel, run).unwrap_or_else(|| Err(broken(&self.path)))
    }

    fn run(&self, context: Value, fuel: u64) -> Result<String, Error> {
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(fuel));
        let mut output = Bounded { bytes: Vec::new(), overflow: false };
        let rendered = environment
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

fn broken(path: &Path) -> Error {
    let reason = "the template engine broke down or got no stack".to_owned();
    Error::TemplateFailed { path: path.to_owned(), line: 0, reason }
}

/// How large the variables are, written as JSON.
fn json_size(variables: &impl Serialize) -> u64 {
    struct Count(u64);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // What cannot be written counts as far as it could be.
    let _ = serde_json::to_writer(&mut count, variables);
    count.0
}

/// The engine's own words without its file name and line, which our errors carry themselves.
fn reason(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

const NAME: &str = "chat_template";

/// What a byte of input is worth: templates copy a message's text some ten times, and 64 bytes cost one unit.
const BYTES_PER_FUEL: u64 = 2;
