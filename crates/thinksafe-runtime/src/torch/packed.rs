//! Everything that the host tells the device in a step, in one tensor.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

/// Numbers collected for one upload.
#[derive(Debug, Default)]
pub(super) struct Packed(Vec<i32>);

/// Where some of them are.
#[derive(Debug, Clone, Default)]
pub(super) struct Part(Range<usize>);

impl Packed {
    /// Adds integers.
    pub(super) fn ints(&mut self, values: impl IntoIterator<Item = i32>) -> Part {
        let start = self.0.len();
        self.0.extend(values);
        Part(start..self.0.len())
    }

    /// Adds numbers in double precision, at a multiple of eight bytes.
    pub(super) fn doubles(&mut self, values: impl IntoIterator<Item = f64>) -> Part {
        self.0.resize(self.0.len().next_multiple_of(2), 0);
        self.ints(values.into_iter().flat_map(|value| {
            let bytes = value.to_ne_bytes();
            bytes.as_chunks().0.iter().map(|half| i32::from_ne_bytes(*half)).collect::<Vec<_>>()
        }))
    }

    /// Copies all of it to the device.
    pub(super) fn upload(&self, device: Device) -> Uploaded {
        // One number at least, so that empty parts are parts of something.
        let values = if self.0.is_empty() { &[0][..] } else { &self.0 };
        Uploaded(Tensor::from_slice(values).to_device(device))
    }
}

/// What [`Packed::upload`] brought to the device.
#[derive(Debug)]
pub(super) struct Uploaded(Tensor);

impl Uploaded {
    /// Replaces the numbers by others of the same layout.
    pub(super) fn overwrite(&self, packed: &Packed) {
        self.0.shallow_clone().copy_(&Tensor::from_slice(&packed.0));
    }

    /// Integers as they are, in i32.
    pub(super) fn ints(&self, part: &Part) -> Tensor {
        self.0.narrow(0, part.0.start as i64, part.0.len() as i64)
    }

    /// Integers widened to i64, which libtorch's indices have to be in places.
    pub(super) fn longs(&self, part: &Part) -> Tensor {
        self.ints(part).to_kind(Kind::Int64)
    }

    /// Numbers in double precision.
    pub(super) fn doubles(&self, part: &Part) -> Tensor {
        self.ints(part).view_dtype(Kind::Double)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_went() {
        let mut packed = Packed::default();
        let first = packed.ints([7, -1, i32::MAX]);
        let numbers = packed.doubles([0.1, -3e300]);
        let none = packed.ints([]);
        let last = packed.ints([5]);
        let uploaded = packed.upload(Device::Cpu);
        let longs = |part| Vec::<i64>::try_from(uploaded.longs(part)).unwrap();
        assert_eq!(longs(&first), [7, -1, i64::from(i32::MAX)]);
        assert_eq!((longs(&none), longs(&last)), (vec![], vec![5]));
        let numbers = Vec::<f64>::try_from(uploaded.doubles(&numbers)).unwrap();
        assert_eq!(numbers, [0.1, -3e300]);
        assert_eq!(Packed::default().upload(Device::Cpu).ints(&Part::default()).size(), [0]);
    }
}
