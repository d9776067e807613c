//! One base weight, in libtorch or still in its file.

use std::cell::OnceCell;
use std::ops::Range;

use half::bf16;
use tch::{Kind, Tensor};
use thinksafe_core::hash::ContentHash;
use thinksafe_kernels::Element;

use crate::Error;
use crate::fused::{Frozen, has_products};
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
    Mapped(Box<Filed>),
}

/// A weight in a file, and what was made of it.
#[derive(Debug)]
pub(crate) struct Filed {
    file: Mapped,
    tensor: OnceCell<Tensor>,
    frozen: OnceCell<Option<Frozen>>,
}

/// Where a weight's values are now.
enum Now<'a> {
    File(&'a Mapped),
    Libtorch(&'a Tensor),
}

impl Weight {
    pub(super) fn in_a_file(file: Mapped) -> Self {
        Self::Mapped(Filed { file, tensor: OnceCell::new(), frozen: OnceCell::new() }.into())
    }

    /// Its dimensions.
    pub(crate) fn shape(&self) -> Vec<i64> {
        match self {
            Self::Placed(tensor) => tensor.size(),
            Self::Mapped(filed) => filed.file.shape().to_vec(),
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

    /// What is in libtorch, if it is there already: what is not has no gradient either.
    pub(super) fn in_libtorch(&self) -> Option<&Tensor> {
        match self.now() {
            Now::File(_) => None,
            Now::Libtorch(tensor) => Some(tensor),
        }
    }

    /// A matrix that nothing changes, packed for products in f32, where that is as exact and no slower: as long as
    /// libtorch does not have it.
    pub(super) fn frozen(&self) -> Option<&Frozen> {
        let Self::Mapped(filed) = self else { return None };
        let untouched = filed.tensor.get().is_none();
        untouched.then(|| filed.frozen.get_or_init(|| pack(&filed.file)).as_ref()).flatten()
    }

    /// Some rows of a matrix that nothing changes, f32 `[N, columns]`, as long as its products are [frozen](Self::frozen)
    /// ones or it has none.
    ///
    /// # Panics
    /// If there is no such row.
    pub(super) fn frozen_rows(&self, rows: &[i64]) -> Option<Tensor> {
        let Now::File(file) = self.now() else { return None };
        let &[count, columns] = file.shape() else { return None };
        if !file.is_f32_on_the_host() || !has_products() {
            return None;
        }
        let width = columns as usize;
        let mut values = Vec::with_capacity(rows.len() * width);
        for row in rows {
            assert!((0..count).contains(row), "row {row} of {count}");
            let start = *row as usize * width;
            values.extend(file.values::<f32>(start..start + width));
        }
        Some(Tensor::from_slice(&values).view([rows.len() as i64, columns]))
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
            Self::Mapped(filed) => match filed.tensor.get() {
                Some(tensor) => Ok(tensor),
                None => filed.file.place().map(|tensor| filed.tensor.get_or_init(|| tensor)),
            },
        }
    }

    pub(super) fn device(&self) -> tch::Device {
        match self {
            Self::Placed(tensor) => tensor.device(),
            Self::Mapped(filed) => filed.file.device(),
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
            Self::Mapped(filed) => filed.tensor.get().map_or(Now::File(&filed.file), Now::Libtorch),
        }
    }
}

fn pack(file: &Mapped) -> Option<Frozen> {
    let &[outputs, inputs] = file.shape() else { return None };
    let fits = file.is_f32_on_the_host() && file.fits_bf16() && has_products();
    let shape = [outputs as usize, inputs as usize];
    fits.then(|| Frozen::new(shape, |range| file.values::<bf16>(range)))
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
