//! Which instructions the kernels were compiled for, chosen at run time.

#[cfg(target_arch = "x86_64")]
use crate::amx;
use crate::lanes::{Lanes, Portable};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Ymm, Zmm};

/// An instruction set that every kernel exists for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// Any machine.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
    /// The same with products of bf16 pairs (AVX-512 BF16).
    Avx512Bf16,
    /// The same with products with weights of bf16 in tiles (AMX), where the system allows them; their sums differ in the
    /// last bits from those of the other levels.
    Amx,
}

/// The body of a kernel: inlined into one function for each level.
pub(crate) trait Kernel {
    /// Runs it. Implementations are `#[inline(always)]`, or the vector instructions are lost.
    fn run<V: Lanes>(self);
}

impl Level {
    /// The best level of this machine.
    #[cfg(target_arch = "x86_64")]
    pub fn detect() -> Self {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let bf16 = avx512 && is_x86_feature_detected!("avx512bf16");
        match (avx2, avx512, bf16) {
            (_, _, true) if amx::is_available() => Self::Amx,
            (_, _, true) => Self::Avx512Bf16,
            (_, true, _) => Self::Avx512,
            (true, ..) => Self::Avx2,
            _ => Self::Portable,
        }
    }

    /// The best level of this machine.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn detect() -> Self {
        Self::Portable
    }

    /// Every level that this machine has, the portable one first.
    pub fn available() -> Vec<Self> {
        let all = [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Bf16, Self::Amx];
        let best = all.iter().position(|level| *level == Self::detect());
        all[..=best.unwrap_or(0)].to_vec()
    }

    /// Whether products of many rows are as fast as a matrix library's: from AVX-512 on.
    pub fn has_fast_products(self) -> bool {
        matches!(self, Self::Avx512 | Self::Avx512Bf16 | Self::Amx)
    }

    #[expect(unsafe_code, reason = "calls functions compiled for instructions that were detected")]
    pub(crate) fn run(self, kernel: impl Kernel) {
        match self {
            // SAFETY: `detect` is the only source of these levels and found the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { run_avx512(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 | Self::Amx => unsafe { run_avx512_bf16(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { run_avx2(kernel) },
            _ => kernel.run::<Portable>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_avx512_bf16(kernel: impl Kernel) {
    kernel.run::<Zmm<true>>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_avx512(kernel: impl Kernel) {
    kernel.run::<Zmm<false>>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(kernel: impl Kernel) {
    kernel.run::<Ymm>();
}
