//! Every kernel against the same formula in f64, at every level of this machine; and the promise that a row's bits
//! depend neither on the level (but for tiles), nor on the rows beside it, nor on the number of threads.

use half::bf16;
use thinksafe_kernels::{
    Activation, Arithmetic, Attention, BLOCK, Element, Inputs, Level, PackedMatrix, Pool, Rows,
    RowsMut, add_matmul, add_rms_norm, attend, block_len, gate, gated_matmul, matmul,
    norm_and_rotate, rms_norm, soft_cap, store,
};

/// Numbers in [-1, 1) that look random and are the same everywhere.
fn numbers(n: usize, salt: u64) -> Vec<f32> {
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
        })
        .collect()
}

fn pools(levels: &[Level]) -> Vec<Pool> {
    let of_level = |level: &Level| [1, 2, 3].map(|threads| Pool::with_level(threads, *level));
    levels.iter().flat_map(of_level).collect()
}

#[track_caller]
fn assert_close(actual: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((f64::from(*a) - e).abs() <= tolerance, "[{i}]: {a} instead of {e}");
    }
}

/// Runs `kernel` at every level, checks the first result and that all are the same bits.
fn check(expected: &[f64], tolerance: f64, kernel: impl Fn(&Pool) -> Vec<f32>) -> Vec<f32> {
    check_at(&Level::available(), expected, tolerance, kernel)
}

/// The same at some levels.
fn check_at(
    levels: &[Level],
    expected: &[f64],
    tolerance: f64,
    kernel: impl Fn(&Pool) -> Vec<f32>,
) -> Vec<f32> {
    let mut results = pools(levels).into_iter().map(|pool| kernel(&pool));
    let first = results.next().expect("there is a pool");
    assert_close(&first, expected, tolerance);
    for other in results {
        assert!(first.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
    first
}

/// Rows against weights, both in the given formats.
fn check_matmul([rows, outputs, inputs]: [usize; 3], half: bool, arithmetic: Arithmetic) {
    let round = |x: f32| bf16::from_f32(x).to_f32();
    let exact = numbers(outputs * inputs, 1);
    let weights: Vec<f32> = if half { exact.into_iter().map(round).collect() } else { exact };
    let x = numbers(rows * inputs, 2);
    let rounds = arithmetic == Arithmetic::Bf16;
    let seen: Vec<f32> = if rounds { x.iter().map(|x| round(*x)).collect() } else { x.clone() };
    let mut expected = vec![0f64; rows * outputs];
    for (m, x) in seen.chunks_exact(inputs).enumerate() {
        for (n, w) in weights.chunks_exact(inputs).enumerate() {
            expected[m * outputs + n] =
                x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
        }
    }
    let packed = PackedMatrix::new(&weights, outputs, inputs);
    assert_eq!(packed.is_bf16(), half);
    let product = |pool: &Pool| {
        let mut out = vec![f32::NAN; rows * outputs];
        let mut kept = Inputs::new(arithmetic);
        matmul(pool, &packed, (kept.of(pool, &x, inputs), rows), &mut out);
        out
    };
    // Tiles add in an order of their own.
    let levels = Level::available();
    let apart =
        levels.len() - usize::from(half && inputs % 32 == 0 && levels.contains(&Level::Amx));
    let tolerance = 2e-6 * inputs as f64;
    let mut whole = check_at(&levels[..apart], &expected, tolerance, product);
    if apart < levels.len() {
        whole = check_at(&levels[apart..], &expected, tolerance, product);
    }
    for m in 0..rows {
        let mut alone = vec![0f32; outputs];
        let row = &x[m * inputs..][..inputs];
        let (pool, mut kept) = (Pool::new(1), Inputs::new(arithmetic));
        matmul(&pool, &packed, (kept.of(&pool, row, inputs), 1), &mut alone);
        assert_eq!(alone, whole[m * outputs..][..outputs], "row {m} alone");
    }
    let mut row = vec![0f32; inputs];
    packed.row(outputs - 1, &mut row);
    assert_eq!(row, weights[(outputs - 1) * inputs..]);
}

#[test]
fn products_of_every_odd_shape() {
    let odd = [[1, 1, 1], [2, 16, 5], [7, 47, 33], [8, 48, 16], [13, 80, 32], [19, 131, 40]];
    let tiles =
        [[1, 16, 32], [16, 33, 64], [17, 64, 96], [40, 100, 64], [75, 47, 32], [530, 200, 1088]];
    for shape in odd.into_iter().chain(tiles) {
        for half in [false, true] {
            check_matmul(shape, half, Arithmetic::F32);
            check_matmul(shape, half, Arithmetic::Bf16);
        }
    }
}

/// The root of the mean square error of f32 inputs with bf16 weights, relative to that of the exact result.
fn relative_error(level: Level) -> f64 {
    let [rows, outputs, inputs] = [32, 64, 1024];
    let weights: Vec<bf16> =
        numbers(outputs * inputs, 21).into_iter().map(bf16::from_f32).collect();
    let x = numbers(rows * inputs, 22);
    let mut out = vec![0f32; rows * outputs];
    let packed = PackedMatrix::from_bf16(&weights, outputs, inputs);
    matmul(&Pool::with_level(1, level), &packed, (Rows::F32(&x), rows), &mut out);
    let (mut error, mut size) = (0f64, 0f64);
    for (m, x) in x.chunks_exact(inputs).enumerate() {
        for (n, w) in weights.chunks_exact(inputs).enumerate() {
            let exact: f64 = x.iter().zip(w).map(|(x, w)| f64::from(*x) * w.to_f64()).sum();
            error += (f64::from(out[m * outputs + n]) - exact).powi(2);
            size += exact.powi(2);
        }
    }
    (error / size).sqrt()
}

#[test]
fn f32_inputs_lose_no_more_in_tiles_than_in_vectors() {
    let vectors = relative_error(Level::Portable);
    assert!(vectors < 1e-6, "{vectors:e}");
    if Level::available().contains(&Level::Amx) {
        let tiles = relative_error(Level::Amx);
        assert!(tiles < vectors, "{tiles:e}, vectors {vectors:e}");
        println!("tiles {tiles:e}, vectors {vectors:e}");
    }
}

#[test]
fn long_sums_are_taken_in_parts() {
    let (rows, outputs, inputs) = (9, 40, 100_003);
    let half: Vec<bf16> = numbers(outputs * inputs, 1).into_iter().map(bf16::from_f32).collect();
    let packed = PackedMatrix::from_bf16(&half, outputs, inputs);
    let x = numbers(rows * inputs, 2);
    let product = |pool: &Pool| {
        let mut out = vec![f32::NAN; rows * outputs];
        matmul(pool, &packed, (Rows::F32(&x), rows), &mut out);
        out
    };
    let expected: Vec<f64> = x
        .chunks_exact(inputs)
        .flat_map(|x| {
            half.chunks_exact(inputs)
                .map(|w| x.iter().zip(w).map(|(x, w)| f64::from(*x) * w.to_f64()).sum::<f64>())
        })
        .collect();
    // Sums of some 100 are off by 1.7e-4; as one sequence of fused additions they would be by 2.8e-3.
    check(&expected, 5e-4, product);
}

#[test]
fn products_are_added_to_what_is_there() {
    for [rows, outputs, inputs] in [[1, 16, 32], [13, 80, 31], [70, 47, 64], [530, 33, 1088]] {
        let weights = numbers(outputs * inputs, 1);
        let half: Vec<f32> = weights.iter().map(|w| bf16::from_f32(*w).to_f32()).collect();
        let x = numbers(rows * inputs, 2);
        let there = numbers(rows * outputs, 3);
        for packed in [weights, half].map(|w| PackedMatrix::new(&w, outputs, inputs)) {
            for level in Level::available() {
                let pool = Pool::with_level(2, level);
                let (mut product, mut sum) = (vec![f32::NAN; there.len()], there.clone());
                matmul(&pool, &packed, (Rows::F32(&x), rows), &mut product);
                add_matmul(&pool, &packed, (Rows::F32(&x), rows), &mut sum);
                for ((sum, product), there) in sum.iter().zip(product).zip(&there) {
                    assert!((sum - (product + there)).abs() < 1e-4, "{sum}, {product}, {there}");
                }
            }
        }
    }
}

#[test]
fn a_matrix_that_is_filled_by_rows_or_columns_is_the_matrix() {
    for [outputs, inputs] in [[1, 1], [16, 2], [47, 33], [80, 32], [131, 41]] {
        let values: Vec<bf16> =
            numbers(outputs * inputs, 1).into_iter().map(bf16::from_f32).collect();
        let transposed: Vec<bf16> =
            (0..outputs * inputs).map(|at| values[at % outputs * inputs + at / outputs]).collect();
        let (mut rows, mut columns) =
            (PackedMatrix::zeros(outputs, inputs), PackedMatrix::zeros(outputs, inputs));
        for (piece, values) in values.chunks(10 * inputs).enumerate() {
            rows.fill_rows(10 * piece, values);
        }
        for (piece, values) in transposed.chunks(10 * outputs).enumerate() {
            columns.fill_columns(10 * piece, values);
        }
        let (mut expected, mut found) = (vec![0f32; inputs], vec![0f32; inputs]);
        for matrix in [&rows, &columns] {
            assert_eq!([matrix.outputs(), matrix.inputs()], [outputs, inputs]);
            for n in 0..outputs {
                PackedMatrix::from_bf16(&values, outputs, inputs).row(n, &mut expected);
                matrix.row(n, &mut found);
                assert_eq!(found, expected, "row {n}");
            }
        }
    }
}

/// Weights as those of models: most near zero, a few large, a few tiny, a few zero.
fn like_a_models(n: usize) -> Vec<bf16> {
    let spread = |(at, x): (usize, f32)| match at % 1001 {
        0 => x * 1e4,
        1 => x * 1e-30,
        2 => 0.0,
        _ => x * 0.05,
    };
    numbers(n, 31).into_iter().enumerate().map(spread).map(bf16::from_f32).collect()
}

#[test]
fn compact_weights_give_the_same_bits() {
    for [rows, outputs, inputs] in [
        [1, 16, 600],
        [5, 33, 37],
        [64, 80, 1030],
        [65, 47, 515],
        [130, 70, 300],
        [3, 20, 9001],
        [70, 20, 9001],
    ] {
        let values = like_a_models(outputs * inputs);
        let plain = PackedMatrix::from_bf16(&values, outputs, inputs);
        let compact = plain.clone().compact(Level::Portable);
        assert!(compact.is_bf16() && compact.bytes() * 100 < plain.bytes() * 81);
        let x = numbers(rows * inputs, 2);
        let there = numbers(rows * outputs, 3);
        for pool in pools(&Level::available()) {
            if pool.level() == Level::Amx && inputs % 32 == 0 {
                continue;
            }
            for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
                let mut kept = Inputs::new(arithmetic);
                let x = (kept.of(&pool, &x, inputs), rows);
                let (mut expected, mut found) = (vec![f32::NAN; there.len()], there.clone());
                matmul(&pool, &plain, x, &mut expected);
                matmul(&pool, &compact, x, &mut found);
                assert_eq!(found, expected, "[{rows}, {outputs}, {inputs}]");
                (expected, found) = (there.clone(), there.clone());
                add_matmul(&pool, &plain, x, &mut expected);
                add_matmul(&pool, &compact, x, &mut found);
                assert_eq!(found, expected, "[{rows}, {outputs}, {inputs}], added");
            }
        }
        let (mut expected, mut found) = (vec![0f32; inputs], vec![1f32; inputs]);
        for n in 0..outputs {
            plain.row(n, &mut expected);
            compact.row(n, &mut found);
            assert_eq!(found, expected, "row {n}");
        }
    }
}

#[test]
fn weights_of_many_exponents_stay_as_they_are() {
    let all: Vec<bf16> = (0..64 * 512).map(|at| bf16::from_bits((at % 0x7F80) as u16)).collect();
    let plain = PackedMatrix::from_bf16(&all, 64, 512);
    assert_eq!(plain.clone().compact(Level::Portable).bytes(), plain.bytes());
}

#[test]
fn bf16_weights_are_packed_alike_from_both_formats() {
    let weights: Vec<bf16> = numbers(35 * 7, 13).into_iter().map(bf16::from_f32).collect();
    let wide: Vec<f32> = weights.iter().map(|w| w.to_f32()).collect();
    let (half, full) = (PackedMatrix::from_bf16(&weights, 35, 7), PackedMatrix::new(&wide, 35, 7));
    assert!(full.is_bf16() && half.bytes() == full.bytes());
    for n in 0..35 {
        let (mut a, mut b) = (vec![0f32; 7], vec![1f32; 7]);
        half.row(n, &mut a);
        full.row(n, &mut b);
        assert_eq!(a, b);
    }
}

#[test]
fn norms() {
    for width in [1, 16, 37, 96] {
        let (x, delta) = (numbers(3 * width, 3), numbers(3 * width, 4));
        let weight = numbers(width, 5);
        let norm = |x: &[f64]| -> Vec<f64> {
            let scale = 1.0 / (x.iter().map(|x| x * x).sum::<f64>() / width as f64 + 1e-6).sqrt();
            x.iter().zip(&weight).map(|(x, w)| x * scale * f64::from(*w)).collect()
        };
        let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let expected: Vec<f64> = x.chunks(width).flat_map(|x| norm(&wide(x))).collect();
        check(&expected, 2e-6, |pool| {
            let mut out = vec![0f32; x.len()];
            rms_norm(pool, &x, (&weight, 1e-6), RowsMut::F32(&mut out));
            out
        });
        for multiplier in [1.0, 0.22] {
            let sum: Vec<f32> = x.iter().zip(&delta).map(|(x, d)| x + d * multiplier).collect();
            let expected: Vec<f64> = sum.chunks(width).flat_map(|x| norm(&wide(x))).collect();
            check(&expected, 2e-6, |pool| {
                let (mut x, mut out) = (x.clone(), vec![0f32; x.len()]);
                let rows = RowsMut::F32(&mut out);
                add_rms_norm(pool, &mut x, (&delta, multiplier), (&weight, 1e-6), rows);
                assert_eq!(x, sum);
                out
            });
        }
    }
}

#[test]
fn results_that_products_read_are_those_of_f32_rounded() {
    for (rows, width) in [(1, 2), (3, 37), (5, 96), (40, 1024)] {
        let (x, delta) = (numbers(rows * width, 3), numbers(rows * width, 4));
        let (weight, gate_up) = (numbers(width, 5), numbers(2 * rows * width, 6));
        for pool in pools(&Level::available()) {
            let kernel = |which: usize, out: RowsMut<'_>| match which {
                0 => rms_norm(&pool, &x, (&weight, 1e-6), out),
                1 => {
                    add_rms_norm(&pool, &mut x.clone(), (&delta, 0.5), (&weight, 1e-6), out);
                }
                _ => gate(&pool, Activation::Silu, (&gate_up, rows), out),
            };
            for which in 0..3 {
                let mut wide = vec![f32::NAN; rows * width];
                kernel(which, RowsMut::F32(&mut wide));
                let mut kept = Inputs::new(Arithmetic::Bf16);
                kernel(which, kept.rows_mut(rows, width));
                let mut row = vec![f32::NAN; width];
                for (index, wide) in wide.chunks(width).enumerate() {
                    kept.rows().part(index..rows, width).row(0, &mut row);
                    assert!(wide.iter().zip(&row).all(|(x, y)| bf16::from_f32(*x).to_f32() == *y));
                }
            }
        }
    }
}

#[test]
fn blocks_that_products_read_are_those_of_f32_rounded() {
    let (columns, width, row_ends) = (3, 34, [2, 5, 6]);
    let values = numbers(6 * columns * width, 15);
    let fill = |index: usize, column: usize, rows: &mut [&mut [f32]]| {
        let first = row_ends[index] - rows.len();
        for (row, out) in (first..).zip(rows) {
            out.copy_from_slice(&values[(row * columns + column) * width..][..width]);
        }
    };
    for pool in pools(&Level::available()) {
        let cut = (row_ends.as_slice(), columns, width);
        let mut wide = vec![f32::NAN; values.len()];
        RowsMut::F32(&mut wide).for_each_block(&pool, cut, &fill);
        assert_eq!(wide, values);
        let (mut kept, mut rounded) = (Inputs::new(Arithmetic::Bf16), vec![f32::NAN; wide.len()]);
        kept.rows_mut(6, columns * width).for_each_block(&pool, cut, &fill);
        for (row, out) in rounded.chunks_mut(columns * width).enumerate() {
            kept.rows().row(row, out);
        }
        assert!(values.iter().zip(&rounded).all(|(x, y)| bf16::from_f32(*x).to_f32() == *y));
    }
}

#[test]
fn products_are_gated_to_the_bits_of_product_and_gate() {
    // By pieces where rows are many and outputs whole groups, apart otherwise; the longest sums are taken in parts.
    for [rows, width, inputs] in
        [[70, 96, 512], [129, 48, 301], [9, 48, 4200], [5, 96, 512], [70, 40, 64]]
    {
        let plain = PackedMatrix::from_bf16(&like_a_models(2 * width * inputs), 2 * width, inputs);
        let compact = plain.clone().compact(Level::Portable);
        let wide = PackedMatrix::new(&numbers(2 * width * inputs, 16), 2 * width, inputs);
        assert!(compact.bytes() < plain.bytes() && !wide.is_bf16());
        let x = numbers(rows * inputs, 2);
        for pool in pools(&Level::available()) {
            for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
                for weights in [&plain, &compact, &wide] {
                    let [mut kept, mut expected, mut found] =
                        [(); 3].map(|()| Inputs::new(arithmetic));
                    let x = (kept.of(&pool, &x, inputs), rows);
                    let mut memory = vec![0f32; rows * 2 * width];
                    matmul(&pool, weights, x, &mut memory);
                    let out = expected.rows_mut(rows, width);
                    gate(&pool, Activation::GeluTanh, (&memory, rows), out);
                    let out = found.rows_mut(rows, width);
                    memory.clear();
                    gated_matmul(&pool, Activation::GeluTanh, weights, x, &mut memory, out);
                    let same = match (expected.rows(), found.rows()) {
                        (Rows::F32(expected), Rows::F32(found)) => expected == found,
                        (Rows::Bf16(expected), Rows::Bf16(found)) => expected == found,
                        _ => false,
                    };
                    assert!(same, "[{rows}, {width}, {inputs}] at {:?}", pool.level());
                }
            }
        }
    }
}

#[test]
fn gates() {
    let gate_up: Vec<f32> = numbers(2 * 3 * 45, 6).into_iter().map(|x| x * 20.0).collect();
    let silu = |g: f64| g / (1.0 + (-g).exp());
    let gelu = |g: f64| {
        let inner = (2.0 / std::f64::consts::PI).sqrt() * (g + 0.044_715 * g.powi(3));
        0.5 * g * (1.0 + inner.tanh())
    };
    for activation in [Activation::Silu, Activation::GeluTanh] {
        let truth = |g| if activation == Activation::Silu { silu(g) } else { gelu(g) };
        let expected: Vec<f64> = gate_up
            .chunks(90)
            .flat_map(|row| {
                let (gate, up) = row.split_at(45);
                let gated = |(g, u): (&f32, &f32)| truth(f64::from(*g)) * f64::from(*u);
                gate.iter().zip(up).map(gated).collect::<Vec<_>>()
            })
            .collect();
        check(&expected, 1e-4, |pool| {
            let mut out = vec![0f32; 3 * 45];
            gate(pool, activation, (&gate_up, 3), RowsMut::F32(&mut out));
            out
        });
    }
}

#[test]
fn soft_caps() {
    // Around the border between its two formulas, and more values than one piece of work.
    let values: Vec<f32> = numbers(20_001, 14).into_iter().map(|x| x * 90.0).collect();
    for cap in [30.0f32, 50.0, 0.5] {
        let truth = |x: &f32| (f64::from(*x) / f64::from(cap)).tanh() * f64::from(cap);
        let expected: Vec<f64> = values.iter().map(truth).collect();
        check(&expected, 5e-7 * f64::from(cap), |pool| {
            let mut capped = values.clone();
            soft_cap(pool, &mut capped, cap);
            capped
        });
    }
}

#[test]
fn rotated_heads() {
    for half in [1, 8, 20, 64] {
        let (head, weight) = (numbers(2 * half, 7), numbers(2 * half, 8));
        let angles = numbers(half, 9);
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
        let mean = head.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / (2 * half) as f64;
        let scale = 1.0 / (mean + 1e-6).sqrt();
        let normed: Vec<f64> =
            head.iter().zip(&weight).map(|(x, w)| f64::from(*x) * scale * f64::from(*w)).collect();
        let expected: Vec<f64> = (0..2 * half)
            .map(|i| {
                let (c, s) = (f64::from(cos[i % half]), f64::from(sin[i % half]));
                let pair = normed[(i + half) % (2 * half)];
                normed[i] * c + if i < half { -pair } else { pair } * s
            })
            .collect();
        check(&expected, 1e-5, |pool| {
            let mut head = head.clone();
            norm_and_rotate(pool.level(), &mut head, Some((&weight, 1e-6)), (&cos, &sin));
            head
        });
    }
}

/// Naive attention of a query over the positions of a window.
fn naive(
    q: &[f32],
    [k, v]: [&[f32]; 2],
    softcap: Option<f32>,
    window: std::ops::Range<usize>,
) -> Vec<f64> {
    let d = q.len();
    let capped = |score: f64| match softcap.map(f64::from) {
        Some(cap) => (score / cap).tanh() * cap,
        None => score,
    };
    q.chunks(d)
        .flat_map(|q| {
            let scores: Vec<f64> = window
                .clone()
                .map(|s| {
                    let products = q.iter().zip(&k[s * d..]);
                    let sum: f64 = products.map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                    capped(sum * 0.3)
                })
                .collect();
            let most = scores.iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
            let total: f64 = weights.iter().sum();
            let window = window.clone();
            (0..d)
                .map(move |i| {
                    let at = |s: usize| f64::from(v[s * d + i]);
                    window.clone().zip(&weights).map(|(s, w)| w * at(s)).sum::<f64>() / total
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Query `i` of so many attends to positions `max(first, i)..length - i`.
fn check_attention<C: Element>(
    d: usize,
    queries: usize,
    std::ops::Range { start: first, end: length }: std::ops::Range<usize>,
    softcap: Option<f32>,
) {
    let round = |x: Vec<f32>| x.into_iter().map(|x| C::from_f32(x).to_f32()).collect::<Vec<_>>();
    let q: Vec<f32> = numbers(queries * d, 10).into_iter().map(|x| x * 3.0).collect();
    let (k, v) = (round(numbers(length * d, 11)), round(numbers(length * d, 12)));
    // What lies behind the last position must not be read.
    let mut blocks = vec![vec![C::from_f32(f32::NAN); block_len(d)]; length.div_ceil(BLOCK)];
    for s in 0..length {
        let level = Level::available()[s % Level::available().len()];
        let (key, value) = (&k[s * d..][..d], &v[s * d..][..d]);
        store(level, &mut blocks[s / BLOCK], s % BLOCK, [key, value]);
    }
    let windows: Vec<_> = (0..queries).map(|i| first.max(i)..(length - i).max(i + 1)).collect();
    let query = |i: usize| &q[i * d..][..d];
    let expected: Vec<f64> = windows
        .iter()
        .enumerate()
        .flat_map(|(i, window)| naive(query(i), [&k, &v], softcap, window.clone()))
        .collect();
    let blocks: Vec<&[C]> = blocks.iter().map(Vec::as_slice).collect();
    let run = |pool: &Pool, which: std::ops::Range<usize>| {
        let mut out = vec![f32::NAN; which.len() * d];
        let attention = Attention {
            q: &q[which.start * d..which.end * d].chunks(d).collect::<Vec<_>>(),
            head_dim: d,
            scale: 0.3,
            softcap,
            blocks: &blocks,
            windows: &windows[which],
            out: &mut out.chunks_mut(d).collect::<Vec<_>>(),
        };
        attend(pool.level(), attention);
        out
    };
    let whole = check(&expected, 3e-6, |pool| run(pool, 0..queries));
    for i in 0..queries {
        let alone = run(&Pool::new(1), i..i + 1);
        assert_eq!(alone, whole[i * d..][..d], "query {i} alone");
    }
}

#[test]
fn attention_over_whole_and_cut_windows() {
    for (d, queries, positions) in [
        (8, 1, 0..1),
        (32, 2, 0..16),
        (33, 3, 0..17),
        (64, 8, 5..40),
        (128, 4, 30..200),
        (16, 7, 16..50),
        (96, 21, 0..150),
    ] {
        for softcap in [None, Some(2.0)] {
            check_attention::<f32>(d, queries, positions.clone(), softcap);
            check_attention::<bf16>(d, queries, positions.clone(), softcap);
        }
    }
}
