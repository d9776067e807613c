//! Which runs to compare, as the command line says it.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use thinksafe_core::run::RunDir;
use thinksafe_eval::compare::Run;
use thinksafe_eval::report::Report;

/// A run of a folder's report, written `[NAME=]FOLDER[:RUN]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    name: Option<String>,
    folder: PathBuf,
    run: Option<String>,
}

impl FromStr for Choice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_word = |part: &&str| !part.is_empty() && !part.contains('/');
        let (name, rest) = match text.split_once('=') {
            Some((name, rest)) if is_word(&name) => (Some(name.to_owned()), rest),
            _ => (None, text),
        };
        let (folder, run) = match rest.rsplit_once(':') {
            Some((folder, run)) if is_word(&run) => (folder, Some(run.to_owned())),
            _ => (rest, None),
        };
        if folder.is_empty() {
            bail!("{text:?} names no folder, expected [NAME=]FOLDER[:RUN]");
        }
        Ok(Self { name, folder: folder.into(), run })
    }
}

impl Choice {
    /// All runs of a folder.
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        Self { name: None, folder: folder.into(), run: None }
    }

    /// Reads the folder's report.
    ///
    /// # Errors
    /// A report that is missing or of another version.
    pub fn report(&self) -> Result<Report> {
        Ok(Report::read(&RunDir::new(&self.folder).report_json())?)
    }

    /// The run of the report that was asked for, else its last, which is its result.
    ///
    /// # Errors
    /// A report without runs, or without this one.
    pub fn run<'a>(&self, report: &'a Report) -> Result<Run<'a>> {
        let last = || report.runs().last().with_context(|| format!("{}: no run", report.title));
        let run = self.run.as_ref().map_or_else(last, Ok)?;
        let folder = self.folder.file_name().unwrap_or_default().to_string_lossy();
        let own = match &self.run {
            Some(run) => format!("{folder}: {run}"),
            None => folder.into_owned(),
        };
        Ok(Run::new(self.name.clone().unwrap_or(own), report, run)?)
    }

    /// Every run of the report, in its order, unless one was asked for.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn runs<'a>(&self, report: &'a Report) -> Result<Vec<Run<'a>>> {
        if self.run.is_some() {
            return Ok(vec![self.run(report)?]);
        }
        report.runs().iter().map(|run| Ok(Run::new(run, report, run)?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_has_a_folder_and_perhaps_a_name_and_a_run() {
        let parts = |text: &str| {
            let Choice { name, folder, run } = text.parse().unwrap();
            (name.unwrap_or_default(), folder.display().to_string(), run.unwrap_or_default())
        };
        let own = |name: &str, folder: &str, run: &str| {
            (name.to_owned(), folder.to_owned(), run.to_owned())
        };
        assert_eq!(parts("runs/a"), own("", "runs/a", ""));
        assert_eq!(parts("runs/a:after"), own("", "runs/a", "after"));
        assert_eq!(parts("tuned=runs/a:after"), own("tuned", "runs/a", "after"));
        assert_eq!(parts("runs/lr=3:x/a"), own("", "runs/lr=3:x/a", ""));
        assert!("tuned=".parse::<Choice>().is_err() && ":after".parse::<Choice>().is_err());
    }
}
