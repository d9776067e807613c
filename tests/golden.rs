//! The golden files under `tests/golden`, written by the programs in `tests/parity/gen`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tch::Tensor;

/// A file or folder among the goldens.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(relative)
}

/// The case folders below one of the golden folders, by name.
///
/// # Panics
/// If there is none: a suite without cases would pass.
pub fn cases(folder: &str) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(path(folder)).expect("the goldens are in the repository");
    let mut cases: Vec<(String, PathBuf)> = entries
        .map(|entry| {
            let entry = entry.expect("the golden folder can be listed");
            (entry.file_name().to_string_lossy().into_owned(), entry.path())
        })
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no golden case in {folder}");
    cases
}

/// The tensors of one golden file by name.
#[derive(Debug)]
pub struct Tensors {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
}

impl Tensors {
    /// Reads a safetensors file.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn read(path: &Path) -> Self {
        let tensors = Tensor::read_safetensors(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path: path.to_owned(), tensors: tensors.into_iter().collect() }
    }

    /// A tensor by name.
    ///
    /// # Panics
    /// If it is not in the file.
    pub fn tensor(&self, name: &str) -> &Tensor {
        self.tensors
            .get(name)
            .unwrap_or_else(|| panic!("{} has no tensor {name}", self.path.display()))
    }

    /// Whether the file has a tensor.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// A tensor of token ids as a vector.
    ///
    /// # Panics
    /// If it is not in the file or not flat integers.
    pub fn ids(&self, name: &str) -> Vec<u32> {
        let ids = Vec::<i64>::try_from(self.tensor(name)).expect("ids are flat int64");
        ids.into_iter().map(|id| id as u32).collect()
    }
}

/// Reads a golden JSON file.
///
/// # Panics
/// If it cannot be read as a `T`.
pub fn json<T: DeserializeOwned>(path: &Path) -> T {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
