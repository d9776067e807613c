//! Named f32 tensors as safetensors bytes.

use std::borrow::Cow;

use safetensors::{Dtype, SafeTensors, View};
use tch::{Device, Kind, Tensor};

use crate::Error;

/// The bytes of a safetensors file.
pub(crate) fn to_bytes(tensors: &[(String, Tensor)]) -> Result<Vec<u8>, Error> {
    let mut entries = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        entries.push((name.as_str(), OnHost::of(tensor)?));
    }
    safetensors::serialize(entries, None)
        .map_err(|source| Error::Backend { action: "write tensors", source: Box::new(source) })
}

/// The tensors of a safetensors file, by name, on the host; the reason if it is not one of f32 tensors.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Vec<(String, Tensor)>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut tensors = Vec::new();
    for (name, view) in file.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("tensor {name} is {:?}, expected F32", view.dtype()));
        }
        let shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &shape, Kind::Float)
            .map_err(|error| error.to_string())?;
        tensors.push((name, tensor));
    }
    Ok(tensors)
}

struct OnHost {
    bytes: Vec<u8>,
    shape: Vec<usize>,
}

impl OnHost {
    fn of(tensor: &Tensor) -> Result<Self, Error> {
        let tensor = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
        let mut bytes = vec![0; tensor.numel() * Kind::Float.elt_size_in_bytes()];
        tensor
            .f_copy_data_u8(&mut bytes, tensor.numel())
            .map_err(Error::backend("copy a tensor to the host"))?;
        Ok(Self { bytes, shape: tensor.size().iter().map(|size| *size as usize).collect() })
    }
}

impl View for OnHost {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_read_back_bit_for_bit() {
        let values = [0.1f32, -0.0, f32::MIN_POSITIVE / 2.0, 3e38, 7.0, -1.5];
        let tensor = Tensor::from_slice(&values).reshape([2, 3]);
        let named = [("a.b".to_owned(), tensor.tr()), ("s".to_owned(), Tensor::from(2.0f32))];
        let read = from_bytes(&to_bytes(&named).unwrap()).unwrap();
        for (name, tensor) in &named {
            let (_, found) = read.iter().find(|(n, _)| n == name).unwrap();
            assert!(found.equal(tensor), "{name}");
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = to_bytes(&[("a".to_owned(), Tensor::from_slice(&[1.0f32; 8]))]).unwrap();
        assert!(from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(from_bytes(b"").is_err());
    }
}
