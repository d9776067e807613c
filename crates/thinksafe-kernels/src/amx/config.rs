//! The shapes of the eight tiles.

use std::arch::asm;

/// Bytes of a row of a tile, and rows of each tile.
#[repr(C, align(64))]
pub(super) struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    widths: [u16; 16],
    heights: [u8; 16],
}

impl Config {
    /// Sums of a block of sixteen rows and one of `second` rows with two panels each, the blocks' inputs, the panels.
    pub(super) fn two_by_two(second: usize) -> Self {
        let second = second as u8;
        Self::new([16, 16, second, second, 16, second, 16, 16])
    }

    /// Sums of a block of so many rows with four panels, three parts of its inputs, a panel.
    pub(super) fn one_by_four(rows: usize) -> Self {
        let mut heights = [rows as u8; 8];
        heights[7] = 16;
        Self::new(heights)
    }

    /// Eight tiles of 64 bytes by so many rows.
    fn new(rows: [u8; 8]) -> Self {
        let mut heights = [0; 16];
        heights[..8].copy_from_slice(&rows);
        let mut widths = [0; 16];
        widths[..8].fill(64);
        Self { palette: 1, start: 0, reserved: [0; 14], widths, heights }
    }

    pub(super) fn load(&self) {
        // SAFETY: 64 bytes that describe tiles which every processor with tiles has.
        unsafe { asm!("ldtilecfg [{}]", in(reg) self, options(nostack, readonly)) }
    }
}

/// Gives the tiles back, so that the system need not keep them.
pub(super) fn release() {
    // SAFETY: no tile is in use outside of one block of instructions.
    unsafe { asm!("tilerelease", options(nostack, nomem)) }
}
