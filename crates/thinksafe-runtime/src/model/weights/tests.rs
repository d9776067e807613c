//! Checkpoints that are whole, and those that are not.

use std::fs;

use safetensors::tensor::TensorView;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{CausalLm, fixture};

/// A small model's folder.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fixture::model(fixture::SHAPES[0], crate::Precision::F32).save(dir.path()).unwrap();
    dir
}

fn load(dir: &TempDir) -> Result<CausalLm, Error> {
    CausalLm::load(dir.path(), Placement::CPU_F32)
}

/// A tensor as it stands in a file.
#[derive(Clone)]
struct Raw {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

type File = BTreeMap<String, Raw>;

fn read(path: &Path) -> File {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let raw = |t: TensorView<'_>| Raw {
        dtype: t.dtype(),
        shape: t.shape().to_vec(),
        bytes: t.data().to_vec(),
    };
    file.tensors().into_iter().map(|(name, tensor)| (name, raw(tensor))).collect()
}

fn write(path: &Path, file: &File) {
    let views = file.iter().map(|(name, raw)| {
        (name, TensorView::new(raw.dtype, raw.shape.clone(), &raw.bytes).unwrap())
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

/// The error of a folder whose tensors were changed.
fn error_after(change: impl FnOnce(&mut File)) -> Error {
    let dir = folder();
    let path = dir.path().join("model.safetensors");
    let mut file = read(&path);
    change(&mut file);
    write(&path, &file);
    load(&dir).unwrap_err()
}

const NORM: &str = "model.layers.1.input_layernorm.weight";

#[test]
fn a_missing_tensor_is_named() {
    let error = error_after(|file| _ = file.remove(NORM));
    assert!(matches!(&error, Error::MissingTensor { tensor, .. } if tensor == NORM), "{error}");
}

#[test]
fn tensors_without_a_place_are_named_and_counted() {
    let error = error_after(|file| {
        let norm = file[NORM].clone();
        file.insert("model.layers.3.extra".to_owned(), norm.clone());
        file.insert("another".to_owned(), norm);
    });
    assert!(
        matches!(&error, Error::UnexpectedTensor { tensor, count: 2, .. } if tensor == "another"),
        "{error}"
    );
}

#[test]
fn a_copy_of_the_tied_head_and_old_buffers_are_skipped() {
    let dir = folder();
    let path = dir.path().join("model.safetensors");
    let mut file = read(&path);
    file.insert("lm_head.weight".to_owned(), file["model.embed_tokens.weight"].clone());
    let buffer = "model.layers.0.self_attn.rotary_emb.inv_freq";
    file.insert(buffer.to_owned(), file[NORM].clone());
    write(&path, &file);
    load(&dir).unwrap();
}

#[test]
fn another_shape_is_named_with_both_shapes() {
    let error = error_after(|file| {
        let raw = file.get_mut("model.layers.0.mlp.up_proj.weight").unwrap();
        raw.shape.reverse();
    });
    let Error::Shape { tensor, found, expected, .. } = &error else { panic!("{error}") };
    assert_eq!(tensor, "model.layers.0.mlp.up_proj.weight");
    assert_eq!((found.as_slice(), expected.as_slice()), (&[36, 50][..], &[50, 36][..]));
}

#[test]
fn a_dtype_that_is_not_read_is_named() {
    let error = error_after(|file| file.get_mut(NORM).unwrap().dtype = Dtype::I32);
    assert!(matches!(&error, Error::Dtype { tensor, .. } if tensor == NORM), "{error}");
}

#[test]
fn values_that_are_not_finite_are_counted() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = error_after(|file| {
            file.get_mut(NORM).unwrap().bytes[4..8].copy_from_slice(&value.to_le_bytes());
        });
        assert!(
            matches!(&error, Error::NotFinite { tensor, count: 1, .. } if tensor == NORM),
            "{error}"
        );
    }
}

#[test]
fn values_beyond_the_wanted_precision_are_counted() {
    let dir = folder();
    let path = dir.path().join("model.safetensors");
    let mut file = read(&path);
    file.get_mut(NORM).unwrap().bytes[4..8].copy_from_slice(&1e30f32.to_le_bytes());
    write(&path, &file);
    load(&dir).unwrap();
    let placement = Placement { precision: crate::Precision::F16, ..Placement::CPU_F32 };
    let error = CausalLm::load(dir.path(), placement).unwrap_err();
    assert!(matches!(error, Error::NotFinite { count: 1, .. }), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused_by_name() {
    let dir = folder();
    let path = dir.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for length in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = load(&dir).unwrap_err();
        let named = error.to_string().contains("model.safetensors");
        assert!(matches!(error, Error::Checkpoint { .. } | Error::Io { .. }) && named, "{error}");
    }
    fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
    assert!(matches!(load(&dir).unwrap_err(), Error::Checkpoint { .. }));
    fs::remove_file(&path).unwrap();
    assert!(matches!(load(&dir).unwrap_err(), Error::Io { .. }));
}

/// Splits a folder's file in two, with an index that `change` may damage.
fn shard(dir: &TempDir, change: impl FnOnce(&mut serde_json::Value)) {
    let path = dir.path().join("model.safetensors");
    let mut first = read(&path);
    let second = first.split_off("model.layers.1");
    let mut map = serde_json::Map::new();
    for (file, tensors) in [("one.safetensors", &first), ("two.safetensors", &second)] {
        write(&dir.path().join(file), tensors);
        map.extend(tensors.keys().map(|name| (name.clone(), json!(file))));
    }
    let mut index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    change(&mut index);
    fs::write(dir.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
fn shards_give_the_same_model() {
    let dir = folder();
    let whole = load(&dir).unwrap();
    shard(&dir, |_| {});
    assert_eq!(load(&dir).unwrap().weights_hash(), whole.weights_hash());
}

#[test]
fn a_damaged_index_is_refused() {
    let damaged = |change: fn(&mut serde_json::Value)| {
        let dir = folder();
        shard(&dir, change);
        load(&dir).unwrap_err()
    };
    let error = damaged(|index| _ = index.as_object_mut().unwrap().remove("weight_map"));
    assert!(matches!(error, Error::Shared(_)), "{error}");
    let error = damaged(|index| index["weight_map"]["ghost"] = json!("one.safetensors"));
    assert!(matches!(&error, Error::MissingTensor { tensor, .. } if tensor == "ghost"), "{error}");
    let error = damaged(|index| index["weight_map"][NORM] = json!("one.safetensors"));
    assert!(matches!(&error, Error::MissingTensor { tensor, .. } if tensor == NORM), "{error}");
    let error = damaged(|index| index["weight_map"][NORM] = json!("three.safetensors"));
    assert!(matches!(error, Error::Checkpoint { .. } | Error::Io { .. }), "{error}");
    let error = damaged(|index| index["weight_map"][NORM] = json!("../two.safetensors"));
    assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
    let error =
        damaged(|index| _ = index["weight_map"].as_object_mut().unwrap().remove(NORM).unwrap());
    let said = error.to_string();
    assert!(said.contains(NORM) && said.contains("not in the index"), "{said}");
}
