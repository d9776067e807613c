//! Of which parts inputs are made, and what is multiplied.

use std::arch::asm;

use super::split::{Pairs, Split};
use super::{INPUTS, InputTile};
use crate::level::Level;

/// Where the operands of four tiles of sums begin, and where the sums are.
pub(crate) struct Operands {
    /// Tiles `[turns, PARTS]` of each block of rows; the first twice if there is one.
    pub(super) inputs: [*const u8; 2],
    /// Tiles `[turns]` of each panel; two of them twice if there are two.
    pub(super) weights: [*const u8; 4],
    pub(super) turns: usize,
    /// The first sum. Those of the next panel are beside it, those of the next row `stride` bytes further.
    pub(super) sums: *mut f32,
    pub(super) stride: usize,
    /// Whether sums begin at zero, and not at what is there.
    pub(super) fresh: bool,
    /// Whether the weights come from memory.
    pub(super) cold: bool,
}

/// In which parts inputs are multiplied, smallest first.
pub(crate) trait Terms {
    /// Of what rows consist.
    type Input: Sync;

    /// How many of these a row has a turn.
    const PITCH: usize;

    /// Tiles of inputs a turn.
    const PARTS: usize;

    /// At most sixteen rows into tiles `[turns, PARTS]`.
    fn fill(level: Level, x: &[Self::Input], tiles: &mut [InputTile]);

    /// Adds the products of two blocks of rows with two panels.
    ///
    /// # Safety
    /// The processor has tiles, configured by [`Config::two_by_two`](super::config::Config::two_by_two); operands and sums are
    /// as long as stated.
    unsafe fn add_two_by_two(operands: &Operands);

    /// Adds the products of one block of rows with four panels.
    ///
    /// # Safety
    /// The same, by [`Config::one_by_four`](super::config::Config::one_by_four).
    unsafe fn add_one_by_four(operands: &Operands);
}

/// Inputs rounded to bf16.
pub(crate) struct Bf16;

/// A panel multiplied with the one part.
macro_rules! by_one_part {
    ($panel:literal, $sums:literal) => {
        concat!(
            "tileloadd tmm7, [{",
            $panel,
            "} + {line}*1]\n",
            "tdpbf16ps ",
            $sums,
            ", tmm4, tmm7\n",
        )
    };
}

impl Terms for Bf16 {
    type Input = u32;

    const PITCH: usize = INPUTS / 2;

    const PARTS: usize = 1;

    fn fill(level: Level, x: &[u32], tiles: &mut [InputTile]) {
        level.run(Pairs { x, tiles });
    }

    unsafe fn add_two_by_two(operands: &Operands) {
        // SAFETY: by the caller; fetching ahead reads nothing. Inputs need not stay in the cache.
        unsafe { two_by_two!(operands, "1024", [two_inputs!("tileloaddt1", "0")]) }
    }

    unsafe fn add_one_by_four(operands: &Operands) {
        // SAFETY: as above.
        unsafe {
            one_by_four!(operands, "1024", ["tileloadd tmm4, [{a} + {line}*1]"], by_one_part);
        }
    }
}

/// Inputs of f32 in three parts.
pub(crate) struct InputF32;

/// The three parts of the inputs.
macro_rules! three_parts {
    () => {
        "tileloadd tmm4, [{a} + {line}*1 + 2048]
        tileloadd tmm5, [{a} + {line}*1 + 1024]
        tileloadd tmm6, [{a} + {line}*1]"
    };
}

/// A panel multiplied with them.
macro_rules! by_three_parts {
    ($panel:literal, $sums:literal) => {
        concat!(
            "tileloadd tmm7, [{",
            $panel,
            "} + {line}*1]\n",
            "tdpbf16ps ",
            $sums,
            ", tmm4, tmm7\n",
            "tdpbf16ps ",
            $sums,
            ", tmm5, tmm7\n",
            "tdpbf16ps ",
            $sums,
            ", tmm6, tmm7\n",
        )
    };
}

impl Terms for InputF32 {
    type Input = f32;

    const PITCH: usize = INPUTS;

    const PARTS: usize = 3;

    fn fill(level: Level, x: &[f32], tiles: &mut [InputTile]) {
        level.run(Split { x, tiles: tiles.as_chunks_mut().0 });
    }

    unsafe fn add_two_by_two(operands: &Operands) {
        // SAFETY: by the caller; fetching ahead reads nothing.
        unsafe {
            two_by_two!(
                operands,
                "3072",
                [
                    two_inputs!("tileloadd", "2048"),
                    two_inputs!("tileloadd", "1024"),
                    two_inputs!("tileloadd", "0")
                ]
            );
        }
    }

    unsafe fn add_one_by_four(operands: &Operands) {
        // SAFETY: as above.
        unsafe { one_by_four!(operands, "3072", [three_parts!()], by_three_parts) }
    }
}
