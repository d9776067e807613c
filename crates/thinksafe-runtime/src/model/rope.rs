//! Rotary position embedding (Su et al., 2021) in the half-rotation layout of Hugging Face checkpoints.

use serde::Serialize;
use tch::{Kind, Tensor};

/// Base and scaling of the rotary frequencies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Rope {
    /// The base of the geometric series of wavelengths.
    pub theta: f64,
    /// How the frequencies are stretched for longer contexts.
    pub scaling: Option<RopeScaling>,
}

/// How rotary frequencies are stretched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub enum RopeScaling {
    /// Every frequency is divided by the factor.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between interpolated.
    Llama3 {
        /// The divisor.
        factor: f64,
        /// Wavelengths above original context / this are scaled in full.
        low_freq_factor: f64,
        /// Wavelengths below original context / this are kept.
        high_freq_factor: f64,
        /// The context of pretraining.
        original_max_position_embeddings: i64,
    },
}

impl Rope {
    /// The D / 2 inverse frequencies in f32, with `transformers`' operations in its order.
    pub fn inverse_frequencies(&self, head_dim: i64) -> Vec<f32> {
        let exponents: Vec<f32> =
            (0..head_dim).step_by(2).map(|i| i as f32 / head_dim as f32).collect();
        // libtorch's `pow`, whose last bit is not everywhere that of the C library.
        let powers = Tensor::pow_scalar(self.theta, &Tensor::from_slice(&exponents));
        let mut inverse = vec![0f32; exponents.len()];
        powers.reciprocal().copy_data(&mut inverse, exponents.len());
        for frequency in &mut inverse {
            *frequency = self.scaled(*frequency);
        }
        inverse
    }

    fn scaled(&self, frequency: f32) -> f32 {
        match self.scaling {
            None => frequency,
            Some(RopeScaling::Linear { factor }) => frequency / factor as f32,
            Some(RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            }) => {
                let context = original_max_position_embeddings as f64;
                // libtorch divides a number by a tensor as reciprocal times number.
                let wavelength = frequency.recip() * std::f32::consts::TAU;
                if wavelength < (context / high_freq_factor) as f32 {
                    return frequency;
                }
                let divided = frequency / factor as f32;
                if wavelength > (context / low_freq_factor) as f32 {
                    return divided;
                }
                let smooth = (wavelength.recip() * context as f32 - low_freq_factor as f32)
                    / (high_freq_factor - low_freq_factor) as f32;
                (1.0 - smooth) * frequency / factor as f32 + smooth * frequency
            }
        }
    }
}

/// Cosines and sines of the positions of one forward pass.
#[derive(Debug)]
pub(crate) struct Rotation {
    cos: Tensor, // [B or 1, 1, T, D]
    sin: Tensor, // [B or 1, 1, T, D]
}

impl Rotation {
    /// Angles in f32, then the model's kind.
    ///
    /// # Shapes
    /// - `frequencies`: `[D / 2]`, f32
    /// - `positions`: `[B, T]`, or `[1, T]` if all sequences are at the same positions
    pub(crate) fn new(frequencies: &Tensor, positions: &Tensor, kind: Kind) -> Self {
        let angles = positions.to_kind(Kind::Float).unsqueeze(-1) * frequencies; // [B, T, D / 2]
        let angles = Tensor::cat(&[&angles, &angles], -1).unsqueeze(1); // [B, 1, T, D]
        Self { cos: angles.cos().to_kind(kind), sin: angles.sin().to_kind(kind) }
    }

    /// Turns each head of `x` `[B, H, T, D]` by its position.
    pub(crate) fn apply(&self, x: &Tensor) -> Tensor {
        let half = x.size()[3] / 2;
        let turned = Tensor::cat(&[-x.narrow(3, half, half), x.narrow(3, 0, half)], 3);
        x * &self.cos + turned * &self.sin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA3: RopeScaling = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8192,
    };

    fn close(a: f32, b: f64) {
        assert!((f64::from(a) / b - 1.0).abs() < 1e-6, "{a} is not {b}");
    }

    #[test]
    fn unscaled_frequencies_are_a_geometric_series() {
        let inverse = Rope { theta: 10_000.0, scaling: None }.inverse_frequencies(8);
        for (i, f) in inverse.iter().enumerate() {
            close(*f, 10f64.powi(-(i as i32)));
        }
    }

    #[test]
    fn linear_scaling_divides_every_frequency() {
        let scaling = Some(RopeScaling::Linear { factor: 4.0 });
        let inverse = Rope { theta: 10_000.0, scaling }.inverse_frequencies(4);
        close(inverse[0], 0.25);
        close(inverse[1], 0.0025);
    }

    #[test]
    fn llama3_scaling_keeps_short_divides_long_and_blends_between() {
        let rope = Rope { theta: 500_000.0, scaling: Some(LLAMA3) };
        // Wavelength 6.28 is below 8192 / 4, wavelength 62,832 above 8192 / 1.
        close(rope.scaled(1.0), 1.0);
        close(rope.scaled(1e-4), 1e-4 / 8.0);
        // Wavelength 4096: smooth = (8192 / 4096 - 1) / (4 - 1) = 1 / 3.
        let frequency = std::f64::consts::TAU / 4096.0;
        close(rope.scaled(frequency as f32), frequency * (2.0 / 3.0 / 8.0 + 1.0 / 3.0));
    }

    #[test]
    fn position_zero_is_not_turned_and_turning_keeps_lengths() {
        let frequencies = Tensor::from_slice(&[1.0f32, 0.1]);
        let positions = Tensor::from_slice(&[0i64, 5]).unsqueeze(0);
        let rotation = Rotation::new(&frequencies, &positions, Kind::Float);
        let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0]).expand([1, 1, 2, 4], false);
        let y = rotation.apply(&x);
        let difference = (y.select(2, 0) - x.select(2, 0)).abs().max();
        assert_eq!(f64::try_from(difference).unwrap(), 0.0);
        let norms = Vec::<f32>::try_from(y.square().sum_dim_intlist(-1, false, None).view(-1));
        assert!(norms.unwrap().iter().all(|n| (n - 30.0).abs() < 1e-4));
    }
}
