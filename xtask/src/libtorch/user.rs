//! The user's own libtorch, named by `LIBTORCH` or asked for by `LIBTORCH_USE_PYTORCH`.
//!
//! Read the way torch-sys reads them, so that a mistake is told here and not by a C++ compiler.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::layout::{Build, Home};
use super::{Libtorch, VERSION};
use crate::error::Error;
use crate::python::Python;

/// Prints the version and the library folder of the torch that torch-sys would use.
const DESCRIBE: &str = "\
import torch
from torch.utils import cpp_extension
print(torch.__version__, cpp_extension.library_paths()[-1])";

/// What the user's environment says about libtorch.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// `LIBTORCH`, where it is not our own default.
    libtorch: Option<PathBuf>,
    /// The Python to ask, where `LIBTORCH_USE_PYTORCH` is set.
    pytorch: Option<String>,
    /// `LIBTORCH_LIB`: the folder that holds `lib/`, where it is not that of `LIBTORCH`.
    lib: Option<PathBuf>,
    /// `LIBTORCH_INCLUDE`: likewise for `include/`.
    include: Option<PathBuf>,
    /// `LIBTORCH_BYPASS_VERSION_CHECK`.
    any_version: bool,
}

impl Environment {
    /// Reads it from the process; cargo sets `LIBTORCH` to our default where the user has not set it.
    pub(super) fn read(home: &Home) -> Self {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        let python = if path("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
        Self {
            libtorch: path("LIBTORCH").filter(|dir| *dir != home.link()),
            pytorch: path("LIBTORCH_USE_PYTORCH").map(|_| python.to_owned()),
            lib: path("LIBTORCH_LIB"),
            include: path("LIBTORCH_INCLUDE"),
            any_version: path("LIBTORCH_BYPASS_VERSION_CHECK").is_some(),
        }
    }

    /// The user's own libtorch after a check; `None` when the user has none.
    pub(super) fn libtorch(&self, wanted: Option<Build>) -> Result<Option<Libtorch>, Error> {
        if let Some(python) = &self.pytorch {
            return self.ask_python(python).map(Some);
        }
        self.libtorch.as_ref().map(|dir| self.check_dir(dir, wanted)).transpose()
    }

    fn ask_python(&self, python: &str) -> Result<Libtorch, Error> {
        let missing = |detail: &str| Error::PytorchMissing {
            python: python.to_owned(),
            detail: detail.lines().last().unwrap_or("no answer").to_owned(),
        };
        let answer = Python::new(python)
            .script(DESCRIBE, &[], Stdio::null())?
            .map_err(|text| missing(&text))?;
        let last = answer.lines().last().unwrap_or_default();
        let (version, lib) = last.split_once(' ').ok_or_else(|| missing(&answer))?;
        self.check_version("LIBTORCH_USE_PYTORCH", version)?;
        if !Path::new(lib).join("libtorch_cpu.so").is_file() {
            return Err(missing(&format!("{lib} holds no libtorch_cpu.so")));
        }
        Ok(Libtorch::Pytorch { python: python.to_owned(), version: version.to_owned() })
    }

    fn check_dir(&self, dir: &Path, wanted: Option<Build>) -> Result<Libtorch, Error> {
        let wrong = |reason: String| Error::UserLibtorch { path: dir.to_owned(), reason };
        if !dir.is_absolute() {
            return Err(wrong("that is not an absolute path".to_owned()));
        }
        let lib = self.lib.as_deref().unwrap_or(dir).join("lib");
        let include = self.include.as_deref().unwrap_or(dir).join("include");
        let header = include.join("torch/csrc/api/include/torch/torch.h");
        let mut needed = vec![lib.join("libtorch_cpu.so"), header];
        if wanted == Some(Build::Cuda) {
            needed.push(lib.join("libtorch_cuda.so"));
        }
        if let Some(missing) = needed.iter().find(|path| !path.is_file()) {
            return Err(wrong(format!("there is no {}", missing.display())));
        }
        let version = version(dir, &include).ok_or_else(|| {
            wrong("neither build-version nor its headers tell its version".to_owned())
        })?;
        self.check_version("LIBTORCH", &version)?;
        Ok(Libtorch::Own { dir: dir.to_owned(), version })
    }

    fn check_version(&self, variable: &'static str, found: &str) -> Result<(), Error> {
        let release = found.split_once('+').map_or(found, |(release, _)| release);
        if release == VERSION || self.any_version {
            return Ok(());
        }
        Err(Error::Version { variable, found: found.to_owned() })
    }
}

/// The version of a libtorch: its zip has `build-version`, a Python package `version.py`, and all have headers.
fn version(dir: &Path, include: &Path) -> Option<String> {
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    read(dir.join("build-version"))
        .map(|text| text.trim().to_owned())
        .or_else(|| read(dir.join("version.py")).as_deref().and_then(python_version))
        .or_else(|| {
            ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"]
                .into_iter()
                .filter_map(|header| read(include.join(header)))
                .find_map(|text| header_version(&text))
        })
}

/// Finds `__version__ = '2.11.0+cu130'`.
fn python_version(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    line.split(['\'', '"']).nth(1).map(str::to_owned)
}

/// Finds `#define TORCH_VERSION_MAJOR 2` and its like.
fn header_version(text: &str) -> Option<String> {
    let part = |name: &str| {
        let mut words = text.lines().map(str::split_whitespace);
        words.find_map(|mut line| {
            (line.next() == Some("#define") && line.next() == Some(name)).then(|| line.next())?
        })
    };
    let number = |name: &str| part(name).filter(|text| text.parse::<u32>().is_ok());
    let major = number("TORCH_VERSION_MAJOR")?;
    let minor = number("TORCH_VERSION_MINOR")?;
    let patch = number("TORCH_VERSION_PATCH")?;
    Some(format!("{major}.{minor}.{patch}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A libtorch of empty files, with some more.
    fn libtorch(more: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let files =
            [("lib/libtorch_cpu.so", ""), ("include/torch/csrc/api/include/torch/torch.h", "")];
        for (name, text) in files.iter().chain(more) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn check(dir: &Path, wanted: Option<Build>) -> Result<String, Error> {
        let environment = Environment { libtorch: Some(dir.to_owned()), ..Environment::default() };
        match environment.libtorch(wanted)? {
            Some(Libtorch::Own { version, .. }) => Ok(version),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_version_is_found_in_each_kind_of_libtorch() {
        const HEADER: &str = "#pragma once\n#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n";
        let cases = [
            (("build-version", "2.11.0+cpu\n"), "2.11.0+cpu"),
            (
                ("version.py", "from typing import Optional\n__version__ = '2.11.0+cu130'\n"),
                "2.11.0+cu130",
            ),
            (("include/torch/headeronly/version.h", HEADER), "2.11.0"),
            (("include/torch/csrc/api/include/torch/version.h", HEADER), "2.11.0"),
        ];
        for (file, expected) in cases {
            assert_eq!(check(libtorch(&[file]).path(), None).unwrap(), expected, "{file:?}");
        }
    }

    #[test]
    fn another_version_is_refused_unless_the_user_insists() {
        let dir = libtorch(&[("build-version", "2.10.0+cpu\n")]);
        let error = check(dir.path(), None).unwrap_err();
        assert!(matches!(&error, Error::Version { found, .. } if found == "2.10.0+cpu"), "{error}");
        assert!(error.advice().unwrap().contains("2.11.0"));
        let libtorch = Some(dir.path().to_owned());
        let environment = Environment { libtorch, any_version: true, ..Environment::default() };
        environment.libtorch(None).unwrap();
    }

    #[test]
    fn what_is_no_libtorch_is_refused_with_what_it_lacks() {
        let version = ("build-version", "2.11.0");
        let whole = libtorch(&[version]);
        let unversioned = libtorch(&[]);
        let headerless = libtorch(&[version]);
        fs::remove_dir_all(headerless.path().join("include")).unwrap();
        let cases = [
            (Path::new("/nonexistent"), None, "no /nonexistent/lib/libtorch_cpu.so"),
            (Path::new("relative"), None, "not an absolute path"),
            (Path::new(""), None, "not an absolute path"),
            (headerless.path(), None, "torch.h"),
            (unversioned.path(), None, "tell its version"),
            (whole.path(), Some(Build::Cuda), "lib/libtorch_cuda.so"),
        ];
        for (dir, wanted, expected) in cases {
            let error = check(dir, wanted).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.advice().is_some());
        }
    }

    #[test]
    fn libraries_and_headers_may_lie_apart() {
        let (lib, include) = (libtorch(&[("build-version", "2.11.0")]), libtorch(&[]));
        fs::remove_dir_all(lib.path().join("include")).unwrap();
        let environment = Environment {
            libtorch: Some(lib.path().to_owned()),
            include: Some(include.path().to_owned()),
            ..Environment::default()
        };
        environment.libtorch(None).unwrap();
    }
}
