//! Number formats that weights and caches are stored in.

use half::bf16;

/// A storage format that is exact in, and rounded to nearest even from, `f32`.
pub trait Element: Copy + Default + Send + Sync + std::fmt::Debug + 'static {
    /// The value as `f32`; exact.
    fn to_f32(self) -> f32;

    /// The nearest value of this format, ties to even.
    fn from_f32(value: f32) -> Self;
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
        Self::from_f32(value)
    }
}
