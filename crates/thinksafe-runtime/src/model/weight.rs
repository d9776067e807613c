//! One base weight, in libtorch or still in its file.

use std::cell::OnceCell;
use std::ops::Range;

use tch::{Kind, Tensor};
use thinksafe_core::hash::ContentHash;
use thinksafe_kernels::Element;

use crate::Error;
use crate::model::convert;
use crate::model::mapped::Mapped;

/// A base weight.
///
/// A weight of a checkpoint stays in its file until libtorch needs it. From then on the tensor is what counts, since
/// whoever has it may change it.
#[derive(Debug)]
pub(crate) enum Weight {
    /// In libtorch from the start.
    Placed(Tensor),
    /// In a file, and in libtorch as soon as it was needed there.
    Mapped(Mapped, OnceCell<Tensor>),
}

/// Where a weight's values are now.
enum Now<'a> {
    File(&'a Mapped),
    Libtorch(&'a Tensor),
}

impl Weight {
    /// Its dimensions.
    pub(crate) fn shape(&self) -> Vec<i64> {
        match self {
            Self::Placed(tensor) => tensor.size(),
            Self::Mapped(mapped, _) => mapped.shape().to_vec(),
        }
    }

    /// The number of its values.
    pub(crate) fn len(&self) -> usize {
        self.shape().iter().product::<i64>() as usize
    }

    /// Whether every value is a bf16 too, so that [`Self::values`] in bf16 loses nothing.
    pub(crate) fn fits_bf16(&self) -> bool {
        const PART: usize = 1 << 20;
        match self.now() {
            Now::File(mapped) => mapped.fits_bf16(),
            Now::Libtorch(tensor) if tensor.kind() == Kind::BFloat16 => true,
            Now::Libtorch(tensor) => (0..self.len()).step_by(PART).all(|start| {
                convert::fit_bf16(&values(tensor, start..self.len().min(start + PART)))
            }),
        }
    }

    /// Some of its values, in memory order; in bf16 the nearest, ties to even. They are those of the model's precision:
    /// a model that is placed in bf16 has rounded weights, whatever its files hold.
    pub(crate) fn values<T: Element>(&self, range: Range<usize>) -> Vec<T> {
        match self.now() {
            Now::File(mapped) => mapped.values(range),
            Now::Libtorch(tensor) => values(tensor, range).into_iter().map(T::from_f32).collect(),
        }
    }

    /// What is in a file, if libtorch does not have it.
    pub(super) fn in_file(&self) -> Option<&Mapped> {
        match self.now() {
            Now::File(mapped) => Some(mapped),
            Now::Libtorch(_) => None,
        }
    }

    /// The tensor, placed if it was not.
    ///
    /// # Panics
    /// If libtorch has no room for it.
    pub(crate) fn tensor(&self) -> &Tensor {
        self.place().unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Self::tensor`].
    ///
    /// # Errors
    /// [`Error::Backend`] if libtorch has no room for it.
    pub(super) fn place(&self) -> Result<&Tensor, Error> {
        match self {
            Self::Placed(tensor) => Ok(tensor),
            Self::Mapped(mapped, cell) => match cell.get() {
                Some(tensor) => Ok(tensor),
                None => mapped.place().map(|tensor| cell.get_or_init(|| tensor)),
            },
        }
    }

    pub(super) fn device(&self) -> tch::Device {
        match self {
            Self::Placed(tensor) => tensor.device(),
            Self::Mapped(mapped, _) => mapped.device(),
        }
    }

    /// Hash of the values as they are now, in the model's precision.
    pub(super) fn hash(&self) -> ContentHash {
        match self.now() {
            Now::File(mapped) => mapped.hash(),
            Now::Libtorch(_) => ContentHash::of_bytes(self.bytes()),
        }
    }

    /// The values as they are stored in the model's precision, little endian as on every machine that libtorch runs on.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self.now() {
            Now::File(mapped) => mapped.bytes(),
            Now::Libtorch(tensor) => {
                debug_assert!(matches!(tensor.kind(), Kind::Float | Kind::BFloat16 | Kind::Half));
                let tensor = tensor.detach().to_device(tch::Device::Cpu).contiguous();
                let count = tensor.numel();
                let mut bytes = vec![0; count * tensor.kind().elt_size_in_bytes()];
                tensor.copy_data_u8(&mut bytes, count);
                bytes
            }
        }
    }

    fn now(&self) -> Now<'_> {
        match self {
            Self::Placed(tensor) => Now::Libtorch(tensor),
            Self::Mapped(mapped, cell) => cell.get().map_or(Now::File(mapped), Now::Libtorch),
        }
    }
}

/// Some of a tensor's values, widened.
fn values(tensor: &Tensor, range: Range<usize>) -> Vec<f32> {
    let (start, count) = (range.start as i64, range.len());
    let part = tensor.detach().view(-1).narrow(0, start, count as i64);
    let part = part.to_device(tch::Device::Cpu).to_kind(Kind::Float);
    let mut values = vec![0f32; count];
    part.copy_data(&mut values, count);
    values
}

#[cfg(test)]
mod tests;
