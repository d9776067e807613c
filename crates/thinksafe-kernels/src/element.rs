//! Number formats that keys and values are stored in.

use half::bf16;

use crate::LANES;
use crate::attention::{Attention, Store};
use crate::lanes::Lanes;
use crate::level::Level;

/// The kernels over a format. They are compiled here, once, and not wherever a caller is generic over the format.
#[expect(unnameable_types, reason = "seals `Element`")]
pub trait Compiled: Sized {
    /// Attends from some positions.
    #[doc(hidden)]
    fn attend(level: Level, attention: Attention<'_, Self>);

    /// Stores a position.
    #[doc(hidden)]
    fn store(level: Level, store: Store<'_, Self>);
}

macro_rules! compile {
    ($format:ty) => {
        impl Compiled for $format {
            fn attend(level: Level, attention: Attention<'_, Self>) {
                crate::attention::run(level, attention);
            }

            fn store(level: Level, store: Store<'_, Self>) {
                level.run(store);
            }
        }
    };
}

compile!(f32);
compile!(bf16);

/// A storage format that is exact in, and rounded to nearest even from, `f32`: `f32` itself and `bf16`.
pub trait Element: Copy + Default + Send + Sync + std::fmt::Debug + Compiled + 'static {
    /// The value as `f32`; exact.
    fn to_f32(self) -> f32;

    /// The nearest value of this format, ties to even.
    fn from_f32(value: f32) -> Self;
}

/// How a format is read sixteen values at a time.
pub(crate) trait Stored: Element {
    fn lanes<V: Lanes>(values: &[Self; LANES]) -> V;
}

impl Stored for f32 {
    #[inline(always)]
    fn lanes<V: Lanes>(values: &[Self; LANES]) -> V {
        V::load(values)
    }
}

impl Stored for bf16 {
    #[inline(always)]
    fn lanes<V: Lanes>(values: &[Self; LANES]) -> V {
        V::load_bf16(values)
    }
}

impl Element for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
}

impl Element for bf16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        // Without the NaN handling of `half`, which keeps the loop from becoming two vector instructions.
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        Self::from_bits(crate::round::bf16_bits(value) as u16)
    }
}
