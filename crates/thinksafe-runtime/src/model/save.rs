//! Tensors as bytes: hashes, safetensors files, Hugging Face folders.

use std::borrow::Cow;
use std::path::Path;

use safetensors::{Dtype, View};
use serde_json::Value;
use tch::{Kind, Tensor};
use thinksafe_core::fs;
use thinksafe_core::hash::ContentHash;

use crate::model::CausalLm;
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
        write_safetensors(&dir.join("model.safetensors"), &self.parameters(), precision)?;
        let mut json = self.config.json().clone();
        let old_name = json.contains_key("torch_dtype") && !json.contains_key("dtype");
        let field = if old_name { "torch_dtype" } else { "dtype" };
        json.insert(field.to_owned(), Value::from(precision.torch_name()));
        Ok(fs::write_json(dir.join("config.json"), "model configuration", &json)?)
    }
}

/// Hash of a tensor's values in its own precision.
pub(super) fn hash_tensor(tensor: &Tensor) -> ContentHash {
    ContentHash::of_bytes(bytes(tensor))
}

/// Writes tensors of one precision as a safetensors file with PyTorch's mark.
pub(super) fn write_safetensors(
    path: &Path,
    tensors: &[(String, Tensor)],
    precision: Precision,
) -> Result<(), Error> {
    let dtype = precision.dtype();
    let views = tensors.iter().map(|(name, tensor)| (name, Stored::new(tensor, dtype)));
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

/// A tensor that gives its bytes when they are written, so that only one copy is held at a time.
struct Stored<'a> {
    tensor: &'a Tensor,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl<'a> Stored<'a> {
    fn new(tensor: &'a Tensor, dtype: Dtype) -> Self {
        let shape = tensor.size().iter().map(|&n| n as usize).collect();
        Self { tensor, shape, dtype }
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
        Cow::Owned(bytes(self.tensor))
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}

/// A tensor's values in memory order, little endian as on every machine that libtorch runs on.
fn bytes(tensor: &Tensor) -> Vec<u8> {
    debug_assert!(matches!(tensor.kind(), Kind::Float | Kind::BFloat16 | Kind::Half));
    let tensor = tensor.detach().to_device(tch::Device::Cpu).contiguous();
    let count = tensor.numel();
    let mut bytes = vec![0; count * tensor.kind().elt_size_in_bytes()];
    tensor.copy_data_u8(&mut bytes, count);
    bytes
}
