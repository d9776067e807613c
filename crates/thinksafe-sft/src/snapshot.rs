//! Trained values and the state of their optimizer, as two files of a checkpoint.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use tch::Tensor;
use thinksafe_core::fs;
use thinksafe_core::hash::ContentHash;

use crate::Error;
use crate::checkpoint::mismatch;
use crate::optimizer::{AdamW, Moments};
use crate::tensors;

const PARAMETERS: &str = "parameters.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";

/// Writes `parameters.safetensors` and `optimizer.safetensors` into a directory, and returns the hash of each file's
/// content.
///
/// `parameters` are in the order in which the optimizer was given them.
///
/// # Errors
/// [`Error::Core`] if a file cannot be written, [`Error::Backend`] if a tensor cannot be read.
pub fn write_state(
    dir: &Path,
    parameters: &[(String, Tensor)],
    optimizer: &AdamW,
) -> Result<BTreeMap<String, ContentHash>, Error> {
    let contents = [
        (PARAMETERS, tensors::to_bytes(parameters)?),
        (OPTIMIZER, tensors::to_bytes(&moments_by_name(parameters, optimizer))?),
    ];
    let mut files = BTreeMap::new();
    for (name, bytes) in contents {
        files.insert(name.to_owned(), ContentHash::of_bytes(&bytes));
        fs::write_atomic(dir.join(name), bytes)?;
    }
    Ok(files)
}

/// Takes the values of the parameters and the optimizer's state from what [`write_state`] wrote; `updates` is how many updates
/// had been made.
///
/// # Errors
/// [`Error::Checkpoint`] if a file is not what was written, [`Error::CheckpointMismatch`] if the parameters are others.
/// Nothing is changed then.
pub fn restore_state(
    dir: &Path,
    files: &BTreeMap<String, ContentHash>,
    parameters: &[(String, Tensor)],
    (optimizer, updates): (&mut AdamW, u64),
) -> Result<(), Error> {
    let mut values = read(dir, PARAMETERS, files)?;
    let mut moments = read(dir, OPTIMIZER, files)?;
    let mut loaded = Vec::new();
    for (name, parameter) in parameters {
        let take =
            |from: &mut HashMap<String, Tensor>, key: String| take_like(dir, from, &key, parameter);
        let value = take(&mut values, name.clone())?;
        let first = take(&mut moments, format!("first.{name}"))?;
        let second = take(&mut moments, format!("second.{name}"))?;
        loaded.push((parameter, value, Moments { first, second }));
    }
    if let Some(name) = values.keys().chain(moments.keys()).next() {
        let found = format!("with {name}");
        return mismatch(dir, "parameters", found, "without it".to_owned());
    }
    let mut moments = Vec::new();
    for (parameter, value, state) in loaded {
        tch::no_grad(|| parameter.shallow_clone().copy_(&value));
        moments.push(state);
    }
    optimizer.restore(updates, moments);
    Ok(())
}

fn moments_by_name(parameters: &[(String, Tensor)], optimizer: &AdamW) -> Vec<(String, Tensor)> {
    let pairs = parameters.iter().zip(optimizer.moments());
    pairs
        .flat_map(|((name, _), moments)| {
            [
                (format!("first.{name}"), moments.first.shallow_clone()),
                (format!("second.{name}"), moments.second.shallow_clone()),
            ]
        })
        .collect()
}

fn read(
    dir: &Path,
    name: &str,
    files: &BTreeMap<String, ContentHash>,
) -> Result<HashMap<String, Tensor>, Error> {
    let damaged = |reason: String| Error::Checkpoint { path: dir.to_owned(), reason };
    let bytes = fs::read(dir.join(name))?;
    if files.get(name) != Some(&ContentHash::of_bytes(&bytes)) {
        return Err(damaged(format!("the content of {name} is not what was written")));
    }
    let tensors = tensors::from_bytes(&bytes).map_err(|e| damaged(format!("{name}: {e}")))?;
    Ok(tensors.into_iter().collect())
}

/// Takes a tensor out of a checkpoint, onto the device of the parameter whose shape it must have.
fn take_like(
    path: &Path,
    from: &mut HashMap<String, Tensor>,
    name: &str,
    like: &Tensor,
) -> Result<Tensor, Error> {
    let Some(tensor) = from.remove(name) else {
        return mismatch(path, "parameters", format!("without {name}"), "with it".to_owned());
    };
    if tensor.size() != like.size() {
        let describe = |shape: Vec<i64>| format!("{name} of shape {shape:?}");
        return mismatch(path, "parameters", describe(tensor.size()), describe(like.size()));
    }
    Ok(tensor.to_device(like.device()))
}
