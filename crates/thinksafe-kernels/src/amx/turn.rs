//! The instructions of a turn, 32 inputs: four tiles of sums, of two blocks of rows by two panels or of one block by four.
//!
//! All work on the [`Operands`](super::terms::Operands) of a product.

/// The instructions around those of a turn: sums are fetched from four places or begun at zero, and put back.
macro_rules! turns {
    ([$p0:literal, $p1:literal, $p2:literal, $p3:literal], [$($line:expr),+ $(,)?], $($operand:tt)+) => {
        asm!(
            "test {fresh:e}, {fresh:e}",
            "jz 2f",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "jmp 3f",
            "2:",
            concat!("tileloadd tmm0, [", $p0, "]"),
            concat!("tileloadd tmm1, [", $p1, "]"),
            concat!("tileloadd tmm2, [", $p2, "]"),
            concat!("tileloadd tmm3, [", $p3, "]"),
            "3:",
            $($line,)+
            "dec {turns}",
            "jnz 3b",
            concat!("tilestored [", $p0, "], tmm0"),
            concat!("tilestored [", $p1, "], tmm1"),
            concat!("tilestored [", $p2, "], tmm2"),
            concat!("tilestored [", $p3, "], tmm3"),
            $($operand)+,
            line = in(reg) 64usize,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// Fetches the tile of a panel two turns ahead: from memory it comes as fast only if it is asked for early. One that is in
/// the cache comes later for it.
macro_rules! fetch_ahead {
    ($panel:literal) => {
        concat!(
            ".irp line, 0, 64, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768, 832, 896, 960\n",
            "prefetcht0 [{", $panel, "} + 2048 + \\line]\n",
            ".endr"
        )
    };
}

/// For weights that are in the cache.
macro_rules! fetch_nothing {
    ($panel:literal) => {
        ""
    };
}

/// Two blocks of rows by two panels; `$part` is for each part of the inputs.
macro_rules! two_by_two {
    ($operands:ident, $bytes:literal, [$($part:expr),+]) => {
        if $operands.cold {
            two_by_two!($operands, $bytes, [$($part),+], fetch_ahead);
        } else {
            two_by_two!($operands, $bytes, [$($part),+], fetch_nothing);
        }
    };
    ($operands:ident, $bytes:literal, [$($part:expr),+], $fetch:ident) => {{
        let Operands { inputs: [a0, a1], weights: [b0, b1, ..], sums, stride, .. } = *$operands;
        turns!(
            ["{s0} + {stride}*1", "{s0} + {stride}*1 + 64", "{s1} + {stride}*1", "{s1} + {stride}*1 + 64"],
            [
                "tileloadd tmm6, [{b0} + {line}*1]",
                "tileloadd tmm7, [{b1} + {line}*1]",
                $($part,)+
                $fetch!("b0"),
                $fetch!("b1"),
                concat!("add {a0}, ", $bytes),
                concat!("add {a1}, ", $bytes),
                "add {b0}, 1024",
                "add {b1}, 1024",
            ],
            a0 = inout(reg) a0 => _,
            a1 = inout(reg) a1 => _,
            b0 = inout(reg) b0 => _,
            b1 = inout(reg) b1 => _,
            turns = inout(reg) $operands.turns => _,
            s0 = in(reg) sums,
            s1 = in(reg) sums.wrapping_byte_add(16 * stride),
            stride = in(reg) stride,
            fresh = in(reg) u32::from($operands.fresh)
        )
    }};
}

/// Both blocks' part of inputs at an offset, each multiplied with both panels.
macro_rules! two_inputs {
    ($load:literal, $at:literal) => {
        concat!(
            $load,
            " tmm4, [{a0} + {line}*1 + ",
            $at,
            "]\n",
            "tdpbf16ps tmm0, tmm4, tmm6\n",
            "tdpbf16ps tmm1, tmm4, tmm7\n",
            $load,
            " tmm5, [{a1} + {line}*1 + ",
            $at,
            "]\n",
            "tdpbf16ps tmm2, tmm5, tmm6\n",
            "tdpbf16ps tmm3, tmm5, tmm7\n",
        )
    };
}

/// One block of rows by four panels; `$input` loads parts of the inputs, `$panel` is what is done with each panel.
macro_rules! one_by_four {
    ($operands:ident, $bytes:literal, [$($input:expr),+], $panel:ident) => {
        if $operands.cold {
            one_by_four!($operands, $bytes, [$($input),+], $panel, fetch_ahead);
        } else {
            one_by_four!($operands, $bytes, [$($input),+], $panel, fetch_nothing);
        }
    };
    ($operands:ident, $bytes:literal, [$($input:expr),+], $panel:ident, $fetch:ident) => {{
        let Operands { inputs: [a, _], weights: [b0, b1, b2, b3], sums, stride, .. } = *$operands;
        turns!(
            ["{sums} + {stride}*1", "{sums} + {stride}*1 + 64", "{sums} + {stride}*1 + 128", "{sums} + {stride}*1 + 192"],
            [
                $($input,)+
                $panel!("b0", "tmm0"),
                $panel!("b1", "tmm1"),
                $panel!("b2", "tmm2"),
                $panel!("b3", "tmm3"),
                $fetch!("b0"),
                $fetch!("b1"),
                $fetch!("b2"),
                $fetch!("b3"),
                concat!("add {a}, ", $bytes),
                "add {b0}, 1024",
                "add {b1}, 1024",
                "add {b2}, 1024",
                "add {b3}, 1024",
            ],
            a = inout(reg) a => _,
            b0 = inout(reg) b0 => _,
            b1 = inout(reg) b1 => _,
            b2 = inout(reg) b2 => _,
            b3 = inout(reg) b3 => _,
            turns = inout(reg) $operands.turns => _,
            sums = in(reg) sums,
            stride = in(reg) stride,
            fresh = in(reg) u32::from($operands.fresh)
        )
    }};
}
