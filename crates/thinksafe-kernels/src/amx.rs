//! Products of bf16 in tiles: AMX, of Intel's servers from Sapphire Rapids on.
//!
//! A tile is sixteen rows of 64 bytes. Panels of packed weights are such tiles one after the other as they lie; inputs
//! are rounded into tiles. One instruction adds to sixteen rows of sixteen sums what 32 inputs give: many times the rate
//! of vectors, whose instruction for pairs of bf16 is slower on these machines than that for f32.

#![expect(unsafe_code, reason = "instructions that the compiler has no functions for")]

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::cell::RefCell;
use std::sync::OnceLock;

use crate::LANES;
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pool::{Pool, SharedSlice};
use crate::round::bf16_bits;

/// Rows of a tile, and f32 sums or pairs of bf16 in each.
const TILE: usize = 16;

/// Inputs in a row of a tile.
const INPUTS: usize = 2 * TILE;

/// A tile of rounded inputs.
type Tile = [[u16; INPUTS]; TILE];

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

thread_local! {
    /// Rounded inputs; kept, since fresh memory costs more than the rounding.
    static ROUNDED: RefCell<Vec<Tile>> = const { RefCell::new(Vec::new()) };
}

/// Rows `[M, K]` against panels `[ceil(N / 16), K / 2, 16]` of `outputs` outputs; K is such that it
/// [`divides`] into tiles.
pub(crate) fn multiply(
    pool: &Pool,
    (x, rows): (&[f32], usize),
    (panels, outputs): (&[[u32; LANES]], usize),
    out: &SharedSlice<'_, f32>,
) {
    let turns = x.len() / rows / INPUTS;
    ROUNDED.with_borrow_mut(|tiles| {
        let tiles = rounded(pool, (x, rows), turns, tiles);
        let panels = panels.as_chunks::<TILE>().0;
        let product = Product { tiles, rows, panels, turns, outputs, out };
        let panels = outputs.div_ceil(LANES);
        pool.split(panels.div_ceil(2), &|pairs| {
            for pair in pairs {
                product.multiply([2 * pair, (2 * pair + 1).min(panels - 1)]);
            }
        });
    });
}

/// `[M, K]` as `[ceil(M / 16), turns]` tiles; rows behind the last are what they were.
fn rounded<'t>(
    pool: &Pool,
    (x, rows): (&[f32], usize),
    turns: usize,
    tiles: &'t mut Vec<Tile>,
) -> &'t [Tile] {
    let blocks = rows.div_ceil(TILE);
    tiles.resize((blocks * turns).max(tiles.len()), [[0; INPUTS]; TILE]);
    let tiles = &mut tiles[..blocks * turns];
    let level = pool.level();
    let shared = SharedSlice::new(tiles);
    pool.split_light(blocks, x.len(), &|range| {
        for block in range {
            let x = &x[block * TILE * turns * INPUTS..];
            let tiles = shared.part(block * turns, turns);
            level.run(Round { x: &x[..x.len().min(TILE * turns * INPUTS)], tiles });
        }
    });
    tiles
}

/// At most sixteen rows into the tiles of their inputs.
struct Round<'a> {
    x: &'a [f32],
    tiles: &'a mut [Tile],
}

impl Kernel for Round<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { x, tiles } = self;
        for (row, x) in x.chunks_exact(tiles.len() * INPUTS).enumerate() {
            for (tile, x) in tiles.iter_mut().zip(x.as_chunks::<INPUTS>().0) {
                for (bits, x) in tile[row].iter_mut().zip(x) {
                    *bits = bf16_bits(*x) as u16;
                }
            }
        }
    }
}

/// Fetches the weights of the turn after the next: from memory they come as fast only if they are asked for early. Those
/// that are in the cache come later for it.
macro_rules! fetch_ahead {
    () => {
        ".irp line, 0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960
        prefetcht0 [{b0} + 2048 + \\line]
        prefetcht0 [{b1} + 2048 + \\line]
        .endr"
    };
}

/// `turns` times the tiles of inputs at two pointers, which the cache need not keep, by the tiles of weights at two others,
/// into four tiles of sums whose rows are `stride` bytes apart.
macro_rules! add_products {
    ([$a0:ident, $a1:ident, $b0:ident, $b1:ident], $turns:ident, $sums:ident, $stride:ident, $fetch:expr) => {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloaddt1 tmm4, [{a0} + {line}*1]",
            "tileloadd tmm6, [{b0} + {line}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b1} + {line}*1]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloaddt1 tmm5, [{a1} + {line}*1]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            $fetch,
            "add {a0}, 1024",
            "add {a1}, 1024",
            "add {b0}, 1024",
            "add {b1}, 1024",
            "dec {turns}",
            "jnz 2b",
            "tilestored [{s0} + {stride}*1], tmm0",
            "tilestored [{s1} + {stride}*1], tmm1",
            "tilestored [{s2} + {stride}*1], tmm2",
            "tilestored [{s3} + {stride}*1], tmm3",
            a0 = inout(reg) $a0 => _,
            a1 = inout(reg) $a1 => _,
            b0 = inout(reg) $b0 => _,
            b1 = inout(reg) $b1 => _,
            turns = inout(reg) $turns => _,
            line = in(reg) 64usize,
            stride = in(reg) $stride,
            s0 = in(reg) $sums[0],
            s1 = in(reg) $sums[1],
            s2 = in(reg) $sums[2],
            s3 = in(reg) $sums[3],
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

struct Product<'a> {
    /// `[ceil(M / 16), turns]`.
    tiles: &'a [Tile],
    rows: usize,
    /// `[ceil(N / 16), turns]`.
    panels: &'a [[[u32; LANES]; TILE]],
    turns: usize,
    outputs: usize,
    out: &'a SharedSlice<'a, f32>,
}

impl Product<'_> {
    /// All rows against two panels, which stay in the cache meanwhile; they may be the same.
    fn multiply(&self, panels: [usize; 2]) {
        let is_whole = panels[0] < panels[1] && (panels[1] + 1) * LANES <= self.outputs;
        let mut configured = [0; 2];
        for row in (0..self.rows).step_by(2 * TILE) {
            let left = self.rows - row;
            let heights = [left.min(TILE), left.saturating_sub(TILE).min(TILE)];
            if configured != heights {
                Config::new(heights).load();
                configured = heights;
            }
            if is_whole {
                self.add_in_place((row, heights), panels);
            } else {
                self.add_apart((row, heights), panels);
            }
        }
        // SAFETY: tiles were configured; none is used behind this.
        unsafe { asm!("tilerelease", options(nostack, nomem)) }
    }

    /// The sums of blocks of rows with whole panels, put where they belong.
    fn add_in_place(&self, (row, heights): (usize, [usize; 2]), panels: [usize; 2]) {
        let mut unused = [0f32; LANES];
        let sums = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(block, panel)| {
            let from = (row + block * TILE) * self.outputs + panels[panel] * LANES;
            match heights[block] {
                0 => unused.as_mut_ptr(),
                height => self.out.pointer(from, (height - 1) * self.outputs + LANES),
            }
        });
        self.add_products(
            row / TILE,
            heights[1] > 0,
            panels,
            (sums, self.outputs * size_of::<f32>()),
        );
    }

    /// The sums of blocks of rows with panels of which one is not whole or twice there.
    fn add_apart(&self, (row, heights): (usize, [usize; 2]), panels: [usize; 2]) {
        let mut sums = [[[0f32; LANES]; TILE]; 4];
        let places = sums.each_mut().map(|tile| tile.as_mut_ptr().cast());
        self.add_products(row / TILE, heights[1] > 0, panels, (places, 64));
        let tiles = (0..2).flat_map(|block| panels.into_iter().map(move |panel| (block, panel)));
        for ((block, panel), sums) in tiles.zip(&sums) {
            let from = panel * LANES;
            let width = LANES.min(self.outputs - from);
            for (at, sums) in sums[..heights[block]].iter().enumerate() {
                let row = row + block * TILE + at;
                let out = self.out.part(row * self.outputs + from, width);
                out.copy_from_slice(&sums[..width]);
            }
        }
    }

    /// Computes the sums of a block of rows, and of the next if there is one, with two panels. A tile of sums has as many
    /// rows as its block, or one if that is not there.
    fn add_products(
        &self,
        block: usize,
        two: bool,
        panels: [usize; 2],
        (sums, stride): ([*mut f32; 4], usize),
    ) {
        let turns = self.turns;
        let blocks = [block, if two { block + 1 } else { block }];
        let [a0, a1] = blocks.map(|block| self.tiles[block * turns..][..turns].as_ptr());
        let [b0, b1] = panels.map(|panel| self.panels[panel * turns..][..turns].as_ptr());
        if block == 0 {
            // SAFETY: the instructions are there, or this level would not be; each turn reads a tile from each pointer,
            // all of which have `turns` tiles; the callers gave places for the sums. Fetching ahead reads nothing.
            unsafe { add_products!([a0, a1, b0, b1], turns, sums, stride, fetch_ahead!()) }
        } else {
            // SAFETY: as above.
            unsafe { add_products!([a0, a1, b0, b1], turns, sums, stride, "") }
        }
    }
}

/// What the tiles are: 0 to 3 sums, 4 and 5 rows of inputs, 6 and 7 weights.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    /// Bytes of a row.
    widths: [u16; 16],
    heights: [u8; 16],
}

impl Config {
    /// Tiles for two blocks of so many rows; a block of none has one, which is not looked at.
    fn new([first, second]: [usize; 2]) -> Self {
        let [first, second] = [first, second.max(1)].map(|height| height as u8);
        let mut heights = [0; 16];
        heights[..8].copy_from_slice(&[first, first, second, second, first, second, 16, 16]);
        let mut widths = [0; 16];
        widths[..8].fill(64);
        Self { palette: 1, start: 0, reserved: [0; 14], widths, heights }
    }

    fn load(&self) {
        // SAFETY: 64 bytes that describe tiles which every processor with tiles has.
        unsafe { asm!("ldtilecfg [{}]", in(reg) self, options(nostack, readonly)) }
    }
}
