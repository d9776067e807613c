//! A tensor of a checkpoint as it lies in its file.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use memmap2::Mmap;
use safetensors::Dtype;
use tch::{Kind, Tensor};
use thinksafe_core::hash::{ContentHash, ContentHasher};
use thinksafe_kernels::Element;

use crate::model::convert;
use crate::{Error, Placement, Precision, native};

/// Numbers converted at a time; they stay in the second-level cache.
const PIECE: usize = 1 << 15;

/// Bytes of a file read before their pages are given back.
const WINDOW: usize = 1 << 20;

/// The largest piece of a file that Linux maps at a touch: it can reach back into what was given back already.
const FOLIO: usize = 2 << 20;

/// A file mapped into memory.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) map: Mmap,
}

/// Where a tensor lies in its file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// F32, BF16 or F16.
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<i64>,
    pub(super) bytes: Range<usize>,
}

/// A tensor in a file, its values those of the precision that it is to have.
///
/// Reading gives the pages of the file back to the system as it goes: what is resident is a window of them.
#[derive(Debug)]
pub(crate) struct Mapped {
    file: Arc<File>,
    name: String,
    entry: Entry,
    placement: Placement,
    /// Known once [`Mapped::check`] has read the tensor.
    facts: OnceLock<Facts>,
}

/// What a pass over a tensor's values tells.
#[derive(Debug)]
struct Facts {
    /// Hash of their bytes in the tensor's precision.
    hash: ContentHash,
    /// Whether each of them is a bf16 too.
    fit_bf16: bool,
}

impl Mapped {
    pub(super) fn new(file: Arc<File>, name: String, entry: Entry, placement: Placement) -> Self {
        Self { file, name, entry, placement, facts: OnceLock::new() }
    }

    pub(super) fn shape(&self) -> &[i64] {
        &self.entry.shape
    }

    pub(super) fn device(&self) -> tch::Device {
        self.placement.device.into()
    }

    /// Whether it is to be in f32, in the host's memory.
    pub(super) fn is_f32_on_the_host(&self) -> bool {
        self.placement.precision == Precision::F32 && self.placement.device.is_cpu()
    }

    /// Hash of the bytes of the values in the tensor's precision.
    pub(super) fn hash(&self) -> ContentHash {
        let read = || ContentHash::of_bytes(self.bytes());
        self.facts.get().map_or_else(read, |facts| facts.hash.clone())
    }

    /// Whether each value is a bf16 too; `false` before the check.
    pub(super) fn fits_bf16(&self) -> bool {
        self.facts.get().is_some_and(|facts| facts.fit_bf16)
    }

    /// Reads all values once, and remembers what that tells.
    ///
    /// # Errors
    /// [`Error::NotFinite`] with the number of values that are not finite in the tensor's precision: an f32 value
    /// beyond the range of f16 becomes an infinity.
    pub(super) fn check(&self) -> Result<(), Error> {
        let precision = self.placement.precision;
        let (mut hasher, mut not_finite, mut fit_bf16) = (ContentHasher::default(), 0, true);
        let mut converted = Vec::new();
        self.read(0..self.len(), &mut |stored, numbers| {
            not_finite += convert::count_not_finite(numbers);
            fit_bf16 &= convert::fit_bf16(numbers);
            if self.entry.dtype == precision.dtype() {
                hasher.update(stored);
            } else {
                converted.clear();
                convert::append(precision, numbers, &mut converted);
                hasher.update(&converted);
            }
        });
        if not_finite > 0 {
            return Err(Error::NotFinite {
                path: self.file.path.clone(),
                tensor: self.name.clone(),
                count: not_finite as i64,
            });
        }
        self.facts.get_or_init(|| Facts { hash: hasher.finish(), fit_bf16 });
        Ok(())
    }

    /// Some of the values, in memory order.
    pub(super) fn values<T: Element>(&self, range: Range<usize>) -> Vec<T> {
        let mut values = Vec::with_capacity(range.len());
        self.read(range, &mut |_, numbers| values.extend(numbers.iter().map(|n| T::from_f32(*n))));
        values
    }

    /// The bytes of the values in the tensor's precision.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let precision = self.placement.precision;
        let mut bytes = Vec::with_capacity(self.len() * precision.bytes());
        self.read(0..self.len(), &mut |_, numbers| {
            convert::append(precision, numbers, &mut bytes);
        });
        bytes
    }

    /// A copy in libtorch.
    ///
    /// # Errors
    /// [`Error::Backend`] if libtorch has no room for it.
    pub(super) fn place(&self) -> Result<Tensor, Error> {
        let kind = match self.entry.dtype {
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F16 => Kind::Half,
            _ => Kind::Float,
        };
        let bytes = &self.file.map[self.entry.bytes.clone()];
        let tensor = Tensor::f_from_data_size(bytes, &self.entry.shape, kind)
            .and_then(|t| t.f_to_device(self.device()))
            .and_then(|t| t.f_to_kind(self.placement.precision.kind()));
        native::release(&self.file.map, self.entry.bytes.clone());
        tensor.map_err(|source| Error::backend(format!("place tensor {}", self.name), source))
    }

    /// Passes some of the values on, piece by piece, each as it is stored and as it is in the tensor's precision.
    fn read(&self, range: Range<usize>, each: &mut dyn FnMut(&[u8], &[f32])) {
        let Entry { dtype, bytes, .. } = &self.entry;
        let (width, precision) = (self.width(), self.placement.precision);
        let mut numbers = vec![0f32; PIECE.min(range.len())];
        let start = bytes.start + range.start * width;
        let end = bytes.start + range.end * width;
        for window in (start..end).step_by(WINDOW) {
            let window = window..end.min(window + WINDOW);
            for stored in self.file.map[window.clone()].chunks(PIECE * width) {
                let numbers = &mut numbers[..stored.len() / width];
                convert::widen(*dtype, stored, numbers);
                if *dtype != precision.dtype() {
                    convert::round(precision, numbers);
                }
                each(stored, numbers);
            }
            native::release(&self.file.map, window.start.saturating_sub(FOLIO)..window.end);
        }
    }

    fn len(&self) -> usize {
        self.entry.bytes.len() / self.width()
    }

    fn width(&self) -> usize {
        self.entry.dtype.bitsize() / 8
    }
}

/// Checks tensors on all cores.
///
/// # Errors
/// As [`Mapped::check`], for the first of the tensors that has one.
pub(super) fn check_all(tensors: &[&Mapped]) -> Result<(), Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    // Tensors are handed out in their order, so the first bad one is met whoever stops at another.
    let work = || {
        std::iter::from_fn(|| {
            let index = next.fetch_add(1, Ordering::Relaxed);
            tensors.get(index).map(|tensor| (index, tensor.check()))
        })
        .find_map(|(index, checked)| checked.err().map(|error| (index, error)))
    };
    let errors = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(tensors.len())).map(|_| scope.spawn(work)).collect();
        let outcomes = workers.into_iter().map(|w| w.join().expect("checking does not panic"));
        outcomes.flatten().collect::<Vec<_>>()
    });
    match errors.into_iter().min_by_key(|(index, _)| *index) {
        None => Ok(()),
        Some((_, error)) => Err(error),
    }
}
