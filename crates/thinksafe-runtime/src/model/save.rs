//! Tensors as bytes: hashes, safetensors files, Hugging Face folders.

use std::borrow::Cow;
use std::path::Path;

use safetensors::{Dtype, View};
use serde_json::Value;
use thinksafe_core::fs;

use crate::model::CausalLm;
use crate::model::weight::Weight;
use crate::{Error, Precision};

impl CausalLm {
    /// Writes a Hugging Face folder that `transformers` and [`CausalLm::load`] read: `config.json` as it was read with
    /// its dtype brought up to date, and `model.safetensors`. Each file appears whole or not at all; the
    /// configuration comes last.
    ///
    /// # Errors
    /// [`Error::Adapter`] if an adapter is attached: merge or detach it first. [`Error::Shared`] if the folder cannot
    /// be written.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        self.need_no_adapter("saving the model")?;
        let precision = self.placement.precision;
        let weights = self.weights();
        let weights = weights.iter().map(|(name, weight)| (name.as_str(), *weight));
        write_safetensors(&dir.join("model.safetensors"), weights, precision)?;
        let mut json = self.config.json().clone();
        let old_name = json.contains_key("torch_dtype") && !json.contains_key("dtype");
        let field = if old_name { "torch_dtype" } else { "dtype" };
        json.insert(field.to_owned(), Value::from(precision.torch_name()));
        Ok(fs::write_json(dir.join("config.json"), "model configuration", &json)?)
    }
}

/// Writes tensors of one precision as a safetensors file with PyTorch's mark.
pub(super) fn write_safetensors<'a>(
    path: &Path,
    tensors: impl Iterator<Item = (&'a str, &'a Weight)>,
    precision: Precision,
) -> Result<(), Error> {
    let dtype = precision.dtype();
    let views = tensors.map(|(name, weight)| (name, Stored::new(weight, dtype)));
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let temporary = path.with_extension("safetensors.tmp");
    let damaged = |e: safetensors::SafeTensorError| Error::Checkpoint {
        path: path.to_owned(),
        reason: format!("cannot be written: {e}"),
    };
    safetensors::serialize_to_file(views, Some(metadata), &temporary).map_err(damaged)?;
    let synced = std::fs::File::open(&temporary).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::Io { action: "sync", path: temporary.clone(), source })?;
    Ok(fs::rename(&temporary, path)?)
}

/// A weight that gives its bytes when they are written, so that only one copy is held at a time.
struct Stored<'a> {
    weight: &'a Weight,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl<'a> Stored<'a> {
    fn new(weight: &'a Weight, dtype: Dtype) -> Self {
        let shape = weight.shape().iter().map(|&n| n as usize).collect();
        Self { weight, shape, dtype }
    }
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.weight.bytes())
    }

    fn data_len(&self) -> usize {
        self.weight.len() * self.dtype.bitsize() / 8
    }
}
