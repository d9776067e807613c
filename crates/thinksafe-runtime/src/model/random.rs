//! Random weights from a seed, the same on every machine and device.

use tch::Tensor;
use thinksafe_core::seed::{Philox, Seed};

use crate::model::weight::Weight;
use crate::model::weights::Source;
use crate::{Error, Placement};

/// Normal weights of a given deviation, norms that change no scale, biases 0.
#[derive(Debug)]
pub(crate) struct Random {
    pub(crate) seed: Seed,
    pub(crate) deviation: f64,
    /// The weight of norms: 1, or 0 where one is added to it.
    pub(crate) norm: f32,
    pub(crate) placement: Placement,
}

impl Source for Random {
    fn tensor(&mut self, name: &str, shape: &[i64]) -> Result<Weight, Error> {
        let count = shape.iter().product::<i64>() as usize;
        let values = match shape {
            [_] if name.ends_with("bias") => vec![0.0; count],
            [_] => vec![self.norm; count],
            _ => normals(self.seed.purpose(name).stream(), count, self.deviation),
        };
        Tensor::f_from_slice(&values)
            .and_then(|t| t.f_view(shape))
            .and_then(|t| t.f_to_device(self.placement.device.into()))
            .and_then(|t| t.f_to_kind(self.placement.precision.kind()))
            .map(Weight::Placed)
            .map_err(|source| Error::backend(format!("place tensor {name}"), source))
    }
}

/// Normal numbers, on all cores: each is a function of its position alone.
fn normals(stream: Philox, count: usize, deviation: f64) -> Vec<f32> {
    let mut values = vec![0f32; count];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Whole blocks of four for each thread.
    let part = count.div_ceil(threads).next_multiple_of(4).max(1 << 14);
    std::thread::scope(|scope| {
        for (i, part_values) in values.chunks_mut(part).enumerate() {
            scope.spawn(move || fill(stream, (i * part / 4) as u64, part_values, deviation));
        }
    });
    values
}

/// Box and Muller's transform of two pairs of each block's words.
fn fill(stream: Philox, first_block: u64, values: &mut [f32], deviation: f64) {
    for (block, four) in (first_block..).zip(values.chunks_mut(4)) {
        let [a, b, c, d] = stream.block([block as u32, (block >> 32) as u32, 0, 0]);
        let normals = [pair(a, b), pair(c, d)].concat();
        for (value, normal) in four.iter_mut().zip(normals) {
            *value = (normal * deviation) as f32;
        }
    }
}

fn pair(a: u32, b: u32) -> [f64; 2] {
    const UNIT: f64 = 1.0 / (1u64 << 32) as f64;
    // Never 0, whose logarithm is infinite.
    let radius = (-2.0 * ((f64::from(a) + 0.5) * UNIT).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * f64::from(b) * UNIT).sin_cos();
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_normal_and_do_not_depend_on_the_parts() {
        let stream = Seed(5).stream();
        let values = normals(stream, 100_001, 2.0);
        let mut alone = vec![0f32; 100_001];
        fill(stream, 0, &mut alone, 2.0);
        assert_eq!(values, alone);
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 4.0).abs() < 0.08, "{variance}");
    }
}
