//! The forward pass of the miniature's guard, a small Llama, written plainly: 4 heads and 2 key-value heads of 32.

use std::collections::HashMap;
use std::path::Path;

use half::bf16;
use safetensors::SafeTensors;

pub(crate) struct Model(HashMap<String, Vec<f32>>);

impl Model {
    pub(crate) fn load(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let values = |data: &[u8]| {
            let value = |pair: &[u8]| bf16::from_le_bytes([pair[0], pair[1]]).to_f32();
            data.chunks_exact(2).map(value).collect()
        };
        Self(file.iter().map(|(name, tensor)| (name.to_owned(), values(tensor.data()))).collect())
    }

    /// The logits behind the last token.
    pub(crate) fn logits(&self, ids: &[u32]) -> Vec<f32> {
        let embedding = &self.0["model.embed_tokens.weight"];
        let row = |id: &u32| embedding[*id as usize * WIDTH..][..WIDTH].to_vec();
        let mut states: Vec<Vec<f32>> = ids.iter().map(row).collect();
        for layer in 0..LAYERS {
            self.attend(layer, &mut states);
            self.feed_forward(layer, &mut states);
        }
        let last = norm(states.last().unwrap(), &self.0["model.norm.weight"]);
        product(embedding, &last)
    }

    fn weight(&self, layer: usize, name: &str) -> &[f32] {
        &self.0[&format!("model.layers.{layer}.{name}.weight")]
    }

    fn attend(&self, layer: usize, states: &mut [Vec<f32>]) {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for (position, state) in states.iter_mut().enumerate() {
            let x = norm(state, self.weight(layer, "input_layernorm"));
            let project = |name| product(self.weight(layer, name), &x);
            let query = rotated(project("self_attn.q_proj"), position);
            keys.push(rotated(project("self_attn.k_proj"), position));
            values.push(project("self_attn.v_proj"));
            let mixed: Vec<f32> = (0..HEADS)
                .flat_map(|head| mix(&query[head * HEAD..][..HEAD], head / GROUP, &keys, &values))
                .collect();
            add(state, &product(self.weight(layer, "self_attn.o_proj"), &mixed));
        }
    }

    fn feed_forward(&self, layer: usize, states: &mut [Vec<f32>]) {
        for state in states {
            let x = norm(state, self.weight(layer, "post_attention_layernorm"));
            let gate = product(self.weight(layer, "mlp.gate_proj"), &x);
            let up = product(self.weight(layer, "mlp.up_proj"), &x);
            let inner: Vec<f32> =
                gate.iter().zip(&up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            add(state, &product(self.weight(layer, "mlp.down_proj"), &inner));
        }
    }
}

/// One head's attention over all positions so far.
fn mix(query: &[f32], group: usize, keys: &[Vec<f32>], values: &[Vec<f32>]) -> Vec<f32> {
    let part = group * HEAD..(group + 1) * HEAD;
    let score = |key: &Vec<f32>| dot(query, &key[part.clone()]) / (HEAD as f32).sqrt();
    let scores: Vec<f32> = keys.iter().map(score).collect();
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let mut mixed = vec![0.0; HEAD];
    for (weight, value) in weights.iter().zip(values) {
        for (out, x) in mixed.iter_mut().zip(&value[part.clone()]) {
            *out += weight / sum * x;
        }
    }
    mixed
}

/// Rotary positions: each head's first half is turned against its second.
fn rotated(mut x: Vec<f32>, position: usize) -> Vec<f32> {
    for head in x.chunks_exact_mut(HEAD) {
        let (first, second) = head.split_at_mut(HEAD / 2);
        for (i, (a, b)) in first.iter_mut().zip(second).enumerate() {
            let angle = position as f32 / THETA.powf(2.0 * i as f32 / HEAD as f32);
            let (sin, cos) = angle.sin_cos();
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }
    x
}

fn norm(x: &[f32], weight: &[f32]) -> Vec<f32> {
    let scale = (dot(x, x) / x.len() as f32 + EPSILON).sqrt().recip();
    x.iter().zip(weight).map(|(x, w)| x * scale * w).collect()
}

fn product(matrix: &[f32], x: &[f32]) -> Vec<f32> {
    matrix.chunks_exact(x.len()).map(|row| dot(row, x)).collect()
}

/// In sixteen sums, which the compiler can keep in registers; lengths here are multiples of that.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

const WIDTH: usize = 64;
const LAYERS: usize = 4;
const HEADS: usize = 4;
const HEAD: usize = 32;
/// Query heads that share a key-value head.
const GROUP: usize = 2;
const THETA: f32 = 10_000.0;
const EPSILON: f32 = 1e-5;
