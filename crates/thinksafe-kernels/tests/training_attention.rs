//! Attention in training and its derivative, against the formulas in f64.

use half::bf16;
use thinksafe_kernels::training::{
    AttentionBackward, AttentionForward, AttentionShape, HeadRows, Trainable,
};
use thinksafe_kernels::{Element, Level};

fn numbers<T: Element>(n: usize, salt: u64) -> Vec<T> {
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        T::from_f32((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
    };
    std::iter::repeat_with(next).take(n).collect()
}

/// Queries, keys, values, result, and the four gradients, in f64.
struct Exact {
    out: Vec<f64>,
    log_sums: Vec<f64>,
    dq: Vec<f64>,
    dk: Vec<f64>,
    dv: Vec<f64>,
}

/// One query after another, as the definition says.
fn exact(shape: AttentionShape, [q, k, v, dout]: [&[f64]; 4]) -> Exact {
    let AttentionShape { length, group, head_dim: dim, scale, cap, window } = shape;
    let scale = f64::from(scale);
    let capped =
        |score: f64| cap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh());
    let slope = |score: f64| cap.map_or(1.0, |cap| 1.0 - (score / f64::from(cap)).powi(2));
    let mut exact = Exact {
        out: vec![0.0; q.len()],
        log_sums: vec![0.0; length * group],
        dq: vec![0.0; q.len()],
        dk: vec![0.0; k.len()],
        dv: vec![0.0; v.len()],
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for row in 0..length * group {
        let position = row / group;
        let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
        let of = |x: &[f64], at: usize| x[at * dim..][..dim].to_vec();
        let (query, dout) = (of(q, row), of(dout, row));
        let scores: Vec<f64> =
            (first..=position).map(|key| capped(dot(&query, &of(k, key)) * scale)).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|score| (score - most).exp()).sum();
        exact.log_sums[row] = most + sum.ln();
        let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp() / sum).collect();
        let dweights: Vec<f64> = (first..=position).map(|key| dot(&dout, &of(v, key))).collect();
        let shared = dot(&weights, &dweights);
        for (index, key) in (first..=position).enumerate() {
            let dscore = weights[index] * (dweights[index] - shared) * slope(scores[index]) * scale;
            for d in 0..dim {
                exact.out[row * dim + d] += weights[index] * v[key * dim + d];
                exact.dv[key * dim + d] += weights[index] * dout[d];
                exact.dq[row * dim + d] += dscore * k[key * dim + d];
                exact.dk[key * dim + d] += dscore * query[d];
            }
        }
    }
    exact
}

#[track_caller]
fn assert_close<T: Element>(what: &str, found: &[T], expected: &[f64], tolerance: f64) {
    // Of some values only rounding is left, as in the gradient of the queries of a single token.
    let largest = expected.iter().fold(0.1f64, |a, b| a.max(b.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found.to_f32()) - expected).abs();
        assert!(error <= tolerance * largest, "{what}[{index}]: {found:?}, expected {expected}");
    }
}

fn check<T: Trainable>(shape: AttentionShape, tolerance: f64) {
    let AttentionShape { length, group, head_dim: dim, .. } = shape;
    let (wide, narrow) = (group * dim, dim);
    // Other heads' values lie between the rows.
    let gap = 3;
    let strided = |width: usize, salt| numbers::<T>(length * (width + gap), salt);
    let [q, dout] = [1, 2].map(|salt| strided(wide, salt));
    let [k, v] = [3, 4].map(|salt| strided(narrow, salt));
    let rows = |values: &'_ [T], width: usize| -> Vec<f64> {
        let rows = values.chunks_exact(width + gap);
        rows.flat_map(|row| row[..width].iter().map(|x| f64::from(x.to_f32()))).collect()
    };
    let expected =
        exact(shape, [&rows(&q, wide), &rows(&k, narrow), &rows(&v, narrow), &rows(&dout, wide)]);
    let head = |values, width| HeadRows { values, stride: width + gap, width };
    let (q, dout) = (head(&q[..], wide), head(&dout[..], wide));
    let (k, v) = (head(&k[..], narrow), head(&v[..], narrow));
    for level in Level::available() {
        let mut out = numbers::<T>(length * wide, 5);
        let mut log_sums = vec![f32::NAN; length * group];
        let forward = AttentionForward { shape, q, k, v, out: &mut out, log_sums: &mut log_sums };
        T::attention(level, forward);
        let what = |name: &str| format!("{name} of {shape:?} at {level:?}");
        assert_close(&what("out"), &out, &expected.out, tolerance);
        assert_close(&what("log_sums"), &log_sums, &expected.log_sums, tolerance);
        let [mut dq, mut dk, mut dv] =
            [wide, narrow, narrow].map(|width| numbers::<T>(length * width, 6));
        let out = HeadRows { values: &out[..], stride: wide, width: wide };
        T::attention_backward(
            level,
            AttentionBackward {
                shape,
                q,
                k,
                v,
                out,
                log_sums: &log_sums,
                dout,
                dq: &mut dq,
                dk: &mut dk,
                dv: &mut dv,
            },
        );
        assert_close(&what("dq"), &dq, &expected.dq, tolerance);
        assert_close(&what("dk"), &dk, &expected.dk, tolerance);
        assert_close(&what("dv"), &dv, &expected.dv, tolerance);
    }
}

fn shapes() -> Vec<AttentionShape> {
    let of = |length, group, head_dim: usize, window| AttentionShape {
        length,
        group,
        head_dim,
        scale: 1.0 / (head_dim as f32).sqrt(),
        cap: None,
        window,
    };
    vec![
        of(1, 1, 16, None),
        of(2, 3, 8, None),
        of(17, 2, 5, None),
        of(48, 2, 64, None),
        of(49, 1, 128, None),
        of(130, 7, 80, None),
        // Queries of a group that is larger than a tile.
        of(9, 100, 16, None),
        // More keys than a tile holds.
        of(600, 2, 16, None),
        of(33, 2, 16, Some(2)),
        of(100, 4, 24, Some(20)),
        of(600, 1, 32, Some(300)),
        AttentionShape { scale: 1.0, cap: Some(1.5), ..of(70, 2, 16, Some(40)) },
    ]
}

#[test]
fn in_f32() {
    for shape in shapes() {
        check::<f32>(shape, 5e-6);
    }
}

#[test]
fn in_bf16() {
    for shape in shapes() {
        check::<bf16>(shape, 2e-2);
    }
}

#[test]
fn large_scores_neither_overflow_nor_lose_their_weights() {
    let shape =
        AttentionShape { length: 70, group: 2, head_dim: 16, scale: 40.0, cap: None, window: None };
    check::<f32>(shape, 2e-4);
}
