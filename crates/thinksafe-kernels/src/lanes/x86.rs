//! The registers of x86-64.

#![expect(
    unsafe_code,
    reason = "instructions that `Level` found; loads and stores of whole arrays"
)]

use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512bh, __m512i, _MM_HINT_T0, _mm_and_si128, _mm_loadu_si128,
    _mm_prefetch, _mm_set1_epi8, _mm_srli_epi16, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_castsi256_ps, _mm256_cvtepu16_epi32, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_mul_ps, _mm256_or_si256, _mm256_set_m128i, _mm256_set1_epi8,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_storeu_ps,
    _mm256_storeu_si256, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8, _mm512_and_si512,
    _mm512_castsi256_si512, _mm512_castsi512_ps, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh,
    _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_inserti64x4, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps,
    _mm512_storeu_si512,
};

use super::Lanes;
use crate::LANES;
use crate::pack::{CompactStep, Exponents};
use crate::round::round_pairs;

/// How many steps ahead compact weights are fetched: one stream is too little for the processor to keep the memory busy.
const AHEAD: usize = 192;

/// One step of compact panels by the instructions of AVX2: both bytes of each weight are looked up, then interleaved.
#[inline(always)]
fn unpacked(step: &CompactStep, exponents: &Exponents) -> [__m256i; 2] {
    // SAFETY: as of all blocks of this module.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(step).wrapping_add(AHEAD).cast());
        let codes = _mm_loadu_si128(step.codes.as_ptr().cast());
        let number = _mm_set1_epi8(0xF);
        let low = _mm_and_si128(codes, number);
        let high = _mm_and_si128(_mm_srli_epi16::<4>(codes), number);
        let numbers = _mm256_set_m128i(high, low);
        let rest = _mm256_loadu_si256(step.rest.as_ptr().cast());
        // Not by a function or closure, into which instructions are not inlined.
        let high = _mm_loadu_si128(exponents.high.as_ptr().cast());
        let low = _mm_loadu_si128(exponents.low.as_ptr().cast());
        let high = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(high), numbers);
        let low = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(low), numbers);
        let sign = _mm256_and_si256(rest, _mm256_set1_epi8(0x80_u8.cast_signed()));
        let fraction = _mm256_and_si256(rest, _mm256_set1_epi8(0x7F));
        let high = _mm256_or_si256(high, sign);
        let low = _mm256_or_si256(low, fraction);
        [_mm256_unpacklo_epi8(low, high), _mm256_unpackhi_epi8(low, high)]
    }
}

/// Lanes of AVX2: two registers.
#[derive(Clone, Copy)]
pub(crate) struct Ymm([__m256; 2]);

// SAFETY (all blocks of this module): the methods run at their level only, where these instructions exist; pointers
// come from references to arrays that are as long as what is loaded or stored.
impl Lanes for Ymm {
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see above.
        unsafe { Self([_mm256_set1_ps(value); 2]) }
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_loadu_ps(values.as_ptr());
            Self([low, _mm256_loadu_ps(values.as_ptr().add(8))])
        }
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: see above.
        unsafe {
            _mm256_storeu_ps(values.as_mut_ptr(), self.0[0]);
            _mm256_storeu_ps(values.as_mut_ptr().add(8), self.0[1]);
        }
    }

    #[inline(always)]
    fn widen(pairs: &[u32; LANES]) -> [Self; 2] {
        // SAFETY: see above.
        unsafe {
            let a = _mm256_loadu_si256(pairs.as_ptr().cast());
            let b = _mm256_loadu_si256(pairs.as_ptr().add(8).cast());
            let mask = _mm256_set1_epi32(0xFFFF_0000_u32.cast_signed());
            let low_a = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(a));
            let low_b = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(b));
            let high_a = _mm256_castsi256_ps(_mm256_and_si256(a, mask));
            let high_b = _mm256_castsi256_ps(_mm256_and_si256(b, mask));
            [Self([low_a, low_b]), Self([high_a, high_b])]
        }
    }

    #[inline(always)]
    fn load_bf16(values: &[half::bf16; LANES]) -> Self {
        // SAFETY: see above; bf16 is a transparent u16.
        unsafe {
            let a = _mm256_cvtepu16_epi32(_mm_loadu_si128(values.as_ptr().cast()));
            let b = _mm256_cvtepu16_epi32(_mm_loadu_si128(values.as_ptr().add(8).cast()));
            let a = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(a));
            Self([a, _mm256_castsi256_ps(_mm256_slli_epi32::<16>(b))])
        }
    }

    #[inline(always)]
    fn unpack(step: &CompactStep, exponents: &Exponents, pairs: &mut [u32; LANES]) {
        let [low, high] = unpacked(step, exponents);
        // SAFETY: see above.
        unsafe {
            _mm256_storeu_si256(pairs.as_mut_ptr().cast(), low);
            _mm256_storeu_si256(pairs.as_mut_ptr().add(LANES / 2).cast(), high);
        }
    }

    #[inline(always)]
    fn mul_add(self, x: Self, sum: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self([
                _mm256_fmadd_ps(self.0[0], x.0[0], sum.0[0]),
                _mm256_fmadd_ps(self.0[1], x.0[1], sum.0[1]),
            ])
        }
    }

    #[inline(always)]
    fn mul(self, factor: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            let low = _mm256_mul_ps(self.0[0], factor.0[0]);
            Self([low, _mm256_mul_ps(self.0[1], factor.0[1])])
        }
    }
}

/// Lanes of AVX-512, with or without its instruction for pairs of bf16.
#[derive(Clone, Copy)]
pub(crate) struct Zmm<const BF16: bool>(__m512);

impl<const BF16: bool> Lanes for Zmm<BF16> {
    const WIDE: bool = true;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_loadu_ps(values.as_ptr())) }
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn widen(pairs: &[u32; LANES]) -> [Self; 2] {
        // SAFETY: see above.
        unsafe {
            let pairs = _mm512_loadu_si512(pairs.as_ptr().cast());
            let low = _mm512_slli_epi32::<16>(pairs);
            let mask = _mm512_set1_epi32(0xFFFF_0000_u32.cast_signed());
            let high = _mm512_and_si512(pairs, mask);
            [Self(_mm512_castsi512_ps(low)), Self(_mm512_castsi512_ps(high))]
        }
    }

    #[inline(always)]
    fn load_bf16(values: &[half::bf16; LANES]) -> Self {
        // SAFETY: see above; bf16 is a transparent u16.
        unsafe {
            let bits = _mm256_loadu_si256(values.as_ptr().cast());
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits))))
        }
    }

    #[inline(always)]
    fn unpack(step: &CompactStep, exponents: &Exponents, pairs: &mut [u32; LANES]) {
        let [low, high] = unpacked(step, exponents);
        // SAFETY: see above.
        unsafe {
            let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
            _mm512_storeu_si512(pairs.as_mut_ptr().cast(), both);
        }
    }

    #[inline(always)]
    fn mul_add(self, x: Self, sum: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_fmadd_ps(self.0, x.0, sum.0)) }
    }

    #[inline(always)]
    fn mul(self, factor: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_mul_ps(self.0, factor.0)) }
    }

    #[inline(always)]
    fn round_pairs(values: &[f32; 2 * LANES], pairs: &mut [u32; LANES]) {
        if !BF16 {
            return round_pairs(values, pairs);
        }
        // SAFETY: see above; every pair is a bit pattern.
        unsafe {
            let first = _mm512_loadu_ps(values.as_ptr());
            let second = _mm512_loadu_ps(values.as_ptr().add(LANES));
            let rounded = _mm512_cvtne2ps_pbh(second, first);
            let rounded = std::mem::transmute::<__m512bh, __m512i>(rounded);
            _mm512_storeu_si512(pairs.as_mut_ptr().cast(), rounded);
        }
    }

    #[inline(always)]
    fn add_pairs(weights: &[u32; LANES], x: u32, sum: Self) -> Self {
        if !BF16 {
            let [low, high] = Self::widen(weights);
            let [x_low, x_high] = crate::pack::widen(x).map(Self::splat);
            return low.mul_add(x_low, high.mul_add(x_high, sum));
        }
        // SAFETY: see above; every bit pattern is a pair.
        unsafe {
            let weights = _mm512_loadu_si512(weights.as_ptr().cast());
            let weights = std::mem::transmute::<__m512i, __m512bh>(weights);
            let x = std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(x.cast_signed()));
            Self(_mm512_dpbf16_ps(sum.0, weights, x))
        }
    }
}
