//! Products in tiles: AMX, of Intel's servers from Sapphire Rapids on.
//!
//! A tile is sixteen rows of 64 bytes. One instruction adds to sixteen rows of sixteen f32 sums what 32 inputs of bf16
//! give: many times the rate of vectors, whose instruction for pairs of bf16 is slower on these machines than that for
//! f32.
//!
//! Weights are bf16 and are multiplied as they lie, as are inputs of bf16. Those of f32 are split: an f32 of 24 bits
//! is the sum of three bf16 of eight, so that nothing is lost, and three products in tiles take half the time of one in f32.

#![expect(unsafe_code, reason = "instructions that the compiler has no functions for")]

mod config;
mod product;
mod split;
#[macro_use]
mod turn;
mod terms;

use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

pub(crate) use product::multiply;
pub(crate) use terms::{Bf16, InputF32};

use crate::LANES;

/// Rows of a tile, and f32 sums or pairs of bf16 in each.
const TILE: usize = 16;

/// Inputs in a row of a tile.
const INPUTS: usize = 2 * TILE;

/// 32 inputs of sixteen rows.
type InputTile = [[u16; INPUTS]; TILE];

/// 32 inputs, two by two, of a panel of weights.
type PanelTile = [[u32; LANES]; TILE];

/// Whether the processor has tiles of bf16 and the system lets this process use them.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_tiles() && is_permitted())
}

fn has_tiles() -> bool {
    const BF16_AND_TILES: u32 = 1 << 22 | 1 << 24;
    __cpuid_count(7, 0).edx & BF16_AND_TILES == BF16_AND_TILES
}

/// Asks Linux for the state of the tiles, which a process has only once it has asked.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
    const XTILEDATA: libc::c_ulong = 18;
    // SAFETY: a request that takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// Whether rows of so many inputs are whole tiles.
pub(crate) fn divides(inputs: usize) -> bool {
    inputs > 0 && inputs.is_multiple_of(INPUTS)
}
