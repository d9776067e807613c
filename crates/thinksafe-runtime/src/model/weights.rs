//! Where a decoder's tensors come from: safetensors files, single or sharded.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use tch::{Kind, Tensor};

use crate::{Error, Placement, native};

/// What a decoder is built from.
pub(crate) trait Source {
    /// The tensor of this name, which must have this shape.
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, Error>;
}

/// The tensors of a checkpoint, mapped into memory and converted as they are taken.
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
    path: PathBuf,
    map: Mmap,
    tensors: HashMap<String, Entry>,
}

/// Where a tensor lies in its file.
#[derive(Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<i64>,
    bytes: std::ops::Range<usize>,
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
                    return Err(Error::MissingTensor { path: shard.path, tensor: name });
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
}

impl Source for Checkpoint {
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, Error> {
        let Some(shard) = self.left.remove(name) else {
            return Err(Error::MissingTensor {
                path: self.origin.clone(),
                tensor: name.to_owned(),
            });
        };
        self.shards[shard].read(name, shape, self.placement)
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
        Ok(Self { path, map, tensors })
    }

    fn read(&self, name: &str, shape: &[i64], placement: Placement) -> Result<Tensor, Error> {
        let entry = &self.tensors[name];
        let kind = self.kind(name, entry)?;
        if entry.shape != shape {
            return Err(Error::Shape {
                path: self.path.clone(),
                tensor: name.to_owned(),
                found: entry.shape.clone(),
                expected: shape.to_owned(),
            });
        }
        let bytes = &self.map[entry.bytes.clone()];
        let (tensor, not_finite) = place(bytes, shape, kind, placement)
            .map_err(|source| Error::backend(format!("place tensor {name}"), source))?;
        if not_finite > 0 {
            return Err(Error::NotFinite {
                path: self.path.clone(),
                tensor: name.to_owned(),
                count: not_finite,
            });
        }
        Ok(tensor)
    }

    fn kind(&self, name: &str, entry: &Entry) -> Result<Kind, Error> {
        match entry.dtype {
            Dtype::F32 => Ok(Kind::Float),
            Dtype::BF16 => Ok(Kind::BFloat16),
            Dtype::F16 => Ok(Kind::Half),
            other => Err(Error::Dtype {
                path: self.path.clone(),
                tensor: name.to_owned(),
                found: format!("{other:?}"),
            }),
        }
    }
}

/// Copies a tensor to its place and counts the values that are not finite there: an f32 value beyond the range of f16
/// would become an infinity.
fn place(
    bytes: &[u8],
    shape: &[i64],
    kind: Kind,
    placement: Placement,
) -> Result<(Tensor, i64), tch::TchError> {
    let tensor = Tensor::f_from_data_size(bytes, shape, kind)?
        .f_to_device(placement.device.into())?
        .f_to_kind(placement.precision.kind())?;
    let finite = tensor.f_isfinite()?.f_sum(Kind::Int64)?;
    let not_finite = tensor.numel() as i64 - i64::try_from(finite)?;
    Ok((tensor, not_finite))
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
