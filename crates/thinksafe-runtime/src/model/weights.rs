//! Where a decoder's tensors come from: safetensors files, single or sharded.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use tch::Tensor;

use crate::model::mapped::{Entry, File, Mapped};
use crate::model::weight::Weight;
use crate::{Error, Placement, native};

/// What a decoder is built from.
pub(crate) trait Source {
    /// The weight of this name, which must have this shape.
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Weight, Error>;
}

/// The tensors of a checkpoint, mapped into memory.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    origin: PathBuf,
    shards: Vec<Shard>,
    /// Which shard holds a tensor that has not been taken.
    left: BTreeMap<String, usize>,
    placement: Placement,
}

#[derive(Debug)]
struct Shard {
    file: Arc<File>,
    tensors: HashMap<String, Entry>,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    pub(crate) fn open(dir: &Path, placement: Placement) -> Result<Self, Error> {
        let index = dir.join("model.safetensors.index.json");
        if !index.exists() {
            return Self::open_file(&dir.join("model.safetensors"), placement);
        }
        let files = read_index(&index)?;
        let mut shards = Vec::new();
        let mut left = BTreeMap::new();
        for (file, names) in files {
            let shard = Shard::open(dir.join(&file))?;
            for name in names {
                if !shard.tensors.contains_key(&name) {
                    let path = shard.file.path.clone();
                    return Err(Error::MissingTensor { path, tensor: name });
                }
                left.insert(name, shards.len());
            }
            if let Some(extra) = shard.tensors.keys().filter(|n| !left.contains_key(*n)).min() {
                let reason = format!("tensor {extra} is in {file}, but not in the index");
                return Err(Error::Checkpoint { path: index, reason });
            }
            shards.push(shard);
        }
        Ok(Self { origin: dir.to_owned(), shards, left, placement })
    }

    /// Opens one file.
    pub(crate) fn open_file(path: &Path, placement: Placement) -> Result<Self, Error> {
        let shard = Shard::open(path.to_owned())?;
        let left = shard.tensors.keys().map(|name| (name.clone(), 0)).collect();
        Ok(Self { origin: path.to_owned(), shards: vec![shard], left, placement })
    }

    /// The tensor of this name, checked and in libtorch.
    pub(crate) fn place(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, Error> {
        let mapped = self.take(name, shape)?;
        mapped.check()?;
        mapped.place()
    }

    /// Ends the reading: a tensor that nobody took has no place in the model.
    pub(crate) fn finish(self, ignored: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        let unexpected: Vec<&String> = self.left.keys().filter(|name| !ignored(name)).collect();
        match unexpected.first() {
            None => Ok(()),
            Some(first) => Err(Error::UnexpectedTensor {
                path: self.origin.clone(),
                tensor: (*first).clone(),
                count: unexpected.len(),
            }),
        }
    }

    fn take(&mut self, name: &str, shape: &[i64]) -> Result<Mapped, Error> {
        let Some(shard) = self.left.remove(name) else {
            return Err(Error::MissingTensor {
                path: self.origin.clone(),
                tensor: name.to_owned(),
            });
        };
        self.shards[shard].find(name, shape, self.placement)
    }
}

impl Source for Checkpoint {
    /// The values are not looked at: [`Decoder::check`](crate::model::decoder::Decoder::check) does that.
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Weight, Error> {
        Ok(Weight::in_a_file(self.take(name, shape)?))
    }
}

impl Shard {
    fn open(path: PathBuf) -> Result<Self, Error> {
        let map = native::map(&path)?;
        let damaged = |reason: String| Error::Checkpoint { path: path.clone(), reason };
        let (header, metadata) = SafeTensors::read_metadata(&map)
            .map_err(|e| damaged(format!("not a complete safetensors file: {e}")))?;
        let start = header + size_of::<u64>();
        let entry = |info: &safetensors::tensor::TensorInfo| Entry {
            dtype: info.dtype,
            shape: info.shape.iter().map(|&n| n as i64).collect(),
            bytes: start + info.data_offsets.0..start + info.data_offsets.1,
        };
        let tensors: HashMap<String, Entry> =
            metadata.tensors().into_iter().map(|(name, info)| (name, entry(info))).collect();
        let end = tensors.values().map(|e| e.bytes.end).max().unwrap_or(start);
        if end != map.len() {
            let reason = format!("{} bytes long, its header says {end}", map.len());
            return Err(damaged(reason));
        }
        Ok(Self { file: Arc::new(File { path, map }), tensors })
    }

    fn find(&self, name: &str, shape: &[i64], placement: Placement) -> Result<Mapped, Error> {
        let entry = &self.tensors[name];
        let (path, tensor) = (self.file.path.clone(), name.to_owned());
        if !matches!(entry.dtype, Dtype::F32 | Dtype::BF16 | Dtype::F16) {
            return Err(Error::Dtype { path, tensor, found: format!("{:?}", entry.dtype) });
        }
        if entry.shape != shape {
            let (found, expected) = (entry.shape.clone(), shape.to_owned());
            return Err(Error::Shape { path, tensor, found, expected });
        }
        Ok(Mapped::new(self.file.clone(), tensor, entry.clone(), placement))
    }
}

/// The shard files that an index names, each with the tensors it holds.
fn read_index(path: &Path) -> Result<BTreeMap<String, Vec<String>>, Error> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index: Index = thinksafe_core::fs::read_json(path, "safetensors index")?;
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, file) in index.weight_map {
        // A downloaded index must not reach outside its folder.
        if Path::new(&file).file_name() != Some(file.as_ref()) {
            let reason = format!("tensor {name} is said to be in `{file}`, which is no file name");
            return Err(Error::Checkpoint { path: path.to_owned(), reason });
        }
        files.entry(file).or_default().push(name);
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
