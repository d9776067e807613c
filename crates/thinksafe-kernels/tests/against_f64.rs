//! Every kernel against the same formula in f64, at every level of this machine; and the promise that a row's bits
//! depend neither on the level, nor on the rows beside it, nor on the number of threads.

use half::bf16;
use thinksafe_kernels::{
    Attention, BLOCK, Element, Level, PackedMatrix, Pool, add_rms_norm, attend, block_len, matmul,
    norm_and_rotate, rms_norm, store_key, store_value, swiglu,
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

fn pools() -> Vec<Pool> {
    Level::available()
        .into_iter()
        .flat_map(|level| [1, 2, 3].map(|threads| Pool::with_level(threads, level)))
        .collect()
}

#[track_caller]
fn assert_close(actual: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((f64::from(*a) - e).abs() <= tolerance, "[{i}]: {a} instead of {e}");
    }
}

/// Runs `kernel` in every pool, checks the first result and that all are the same bits.
fn check(expected: &[f64], tolerance: f64, kernel: impl Fn(&Pool) -> Vec<f32>) -> Vec<f32> {
    let mut results = pools().into_iter().map(|pool| kernel(&pool));
    let first = results.next().expect("there is a pool");
    assert_close(&first, expected, tolerance);
    for other in results {
        assert!(first.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
    first
}

fn check_matmul<W: Element>(rows: usize, outputs: usize, inputs: usize) {
    let weights: Vec<W> = numbers(outputs * inputs, 1).into_iter().map(W::from_f32).collect();
    let x = numbers(rows * inputs, 2);
    let mut expected = vec![0f64; rows * outputs];
    for (m, x) in x.chunks_exact(inputs).enumerate() {
        for (n, w) in weights.chunks_exact(inputs).enumerate() {
            expected[m * outputs + n] =
                x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(w.to_f32())).sum();
        }
    }
    let packed = PackedMatrix::new(&weights, outputs, inputs);
    let whole = check(&expected, 2e-6 * inputs as f64, |pool| {
        let mut out = vec![f32::NAN; rows * outputs];
        matmul(pool, &packed, &x, rows, &mut out);
        out
    });
    for m in 0..rows {
        let mut alone = vec![0f32; outputs];
        matmul(&Pool::new(1), &packed, &x[m * inputs..][..inputs], 1, &mut alone);
        assert_eq!(alone, whole[m * outputs..][..outputs], "row {m} alone");
    }
    let mut row = vec![0f32; inputs];
    packed.row(outputs - 1, &mut row);
    assert!(
        row.iter()
            .zip(&weights[(outputs - 1) * inputs..])
            .all(|(a, b)| a.to_bits() == b.to_f32().to_bits())
    );
}

#[test]
fn products_of_every_odd_shape() {
    for (rows, outputs, inputs) in [(1, 1, 1), (2, 16, 5), (7, 47, 33), (8, 48, 16), (19, 131, 40)]
    {
        check_matmul::<f32>(rows, outputs, inputs);
        check_matmul::<bf16>(rows, outputs, inputs);
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
            rms_norm(pool, &x, &weight, 1e-6, &mut out);
            out
        });
        let sum: Vec<f32> = x.iter().zip(&delta).map(|(x, d)| x + d).collect();
        let expected: Vec<f64> = sum.chunks(width).flat_map(|x| norm(&wide(x))).collect();
        check(&expected, 2e-6, |pool| {
            let (mut x, mut out) = (x.clone(), vec![0f32; x.len()]);
            add_rms_norm(pool, &mut x, &delta, (&weight, 1e-6), &mut out);
            assert_eq!(x, sum);
            out
        });
    }
}

#[test]
fn gates() {
    let gate_up: Vec<f32> = numbers(2 * 3 * 45, 6).into_iter().map(|x| x * 20.0).collect();
    let expected: Vec<f64> = gate_up
        .chunks(90)
        .flat_map(|row| {
            let (gate, up) = row.split_at(45);
            let silu = |g: &f32| f64::from(*g) / (1.0 + (-f64::from(*g)).exp());
            gate.iter().zip(up).map(|(g, u)| silu(g) * f64::from(*u)).collect::<Vec<_>>()
        })
        .collect();
    check(&expected, 1e-4, |pool| {
        let mut out = vec![0f32; 3 * 45];
        swiglu(pool, &gate_up, 3, &mut out);
        out
    });
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

/// Naive attention of `heads` query heads over positions `first..length`.
fn naive(q: &[f32], k: &[f32], v: &[f32], d: usize, window: std::ops::Range<usize>) -> Vec<f64> {
    q.chunks(d)
        .flat_map(|q| {
            let scores: Vec<f64> = window
                .clone()
                .map(|s| {
                    q.iter()
                        .zip(&k[s * d..])
                        .map(|(q, k)| f64::from(*q) * f64::from(*k))
                        .sum::<f64>()
                        * 0.3
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

fn check_attention<C: Element>(d: usize, first: usize, length: usize, tolerance: f64) {
    let round = |x: Vec<f32>| x.into_iter().map(|x| C::from_f32(x).to_f32()).collect::<Vec<_>>();
    let q: Vec<f32> = numbers(3 * d, 10).into_iter().map(|x| x * 3.0).collect();
    let (k, v) = (round(numbers(length * d, 11)), round(numbers(length * d, 12)));
    let mut blocks = vec![vec![C::default(); block_len(d)]; length.div_ceil(BLOCK)];
    for s in 0..length {
        store_key(&mut blocks[s / BLOCK], s % BLOCK, &k[s * d..][..d]);
        store_value(&mut blocks[s / BLOCK], s % BLOCK, &v[s * d..][..d]);
    }
    let expected = naive(&q, &k, &v, d, first..length);
    check(&expected, tolerance, |pool| {
        let mut out = vec![f32::NAN; q.len()];
        let blocks: Vec<&[C]> = blocks.iter().map(Vec::as_slice).collect();
        let attention = Attention {
            q: &q,
            head_dim: d,
            scale: 0.3,
            blocks: &blocks,
            window: first..length,
            out: &mut out,
        };
        attend(pool.level(), attention);
        out
    });
}

#[test]
fn attention_over_whole_and_cut_windows() {
    for (d, first, length) in
        [(8, 0, 1), (32, 0, 16), (33, 0, 17), (64, 5, 40), (128, 30, 31), (16, 16, 50)]
    {
        check_attention::<f32>(d, first, length, 3e-6);
        check_attention::<bf16>(d, first, length, 3e-6);
    }
}
