//! Stateless randomness: every draw is a function of its key and its position.
//!
//! A sample's seed comes from the run's seed, the prompt and the sample's index; the draw for its n-th token from
//! that seed and n. Nothing else enters, so neither order nor batch nor a resumed run changes a draw.

use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;

/// The one seed that a run is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of one sample of one prompt.
    pub fn sample(self, prompt: &ContentHash, sample_index: u32) -> SampleSeed {
        SampleSeed(self.derive("thinksafe.sample", &(prompt, sample_index)))
    }

    /// A seed for another purpose within the run: weight initialisation, data order, dropout.
    #[must_use]
    pub fn purpose(self, name: &str) -> Self {
        Self(self.derive("thinksafe.purpose", &name))
    }

    /// A counter-based stream of this seed.
    pub fn stream(self) -> Philox {
        Philox::new(self.0)
    }

    fn derive(self, domain: &str, value: &impl Serialize) -> u64 {
        let hash = ContentHash::of(domain, &(self.0, value));
        u64::from_str_radix(&hash.as_str()[..16], 16).expect("a content hash is hexadecimal")
    }
}

/// The seed of one sample, written into its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SampleSeed(pub u64);

impl SampleSeed {
    /// The uniform draw in [0, 1) for the token at `position` (0 is the first generated token).
    pub fn uniform(self, position: u64) -> f64 {
        Philox::new(self.0).uniform(position)
    }
}

/// Philox4x32-10 (Salmon et al., 2011), the counter-based generator that PyTorch uses on CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
}

impl Philox {
    /// A generator with a 64-bit key.
    pub fn new(key: u64) -> Self {
        Self { key: [key as u32, (key >> 32) as u32] }
    }

    /// The four 32-bit words at a 128-bit counter (low word first).
    pub fn block(self, counter: [u32; 4]) -> [u32; 4] {
        let mut words = counter;
        let mut key = self.key;
        for _ in 0..10 {
            words = round(words, key);
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        words
    }

    /// 64 random bits at a position.
    pub fn bits(self, position: u64) -> u64 {
        let [low, high, ..] = self.block([position as u32, (position >> 32) as u32, 0, 0]);
        u64::from(low) | u64::from(high) << 32
    }

    /// A uniform number in [0, 1) with 53 random bits at a position.
    pub fn uniform(self, position: u64) -> f64 {
        (self.bits(position) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A random permutation of `0..n` (Fisher and Yates), the same for the same key.
    pub fn permutation(self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            let j = ((u128::from(self.bits(i as u64)) * (i as u128 + 1)) >> 64) as usize;
            order.swap(i, j);
        }
        order
    }
}

fn round([c0, c1, c2, c3]: [u32; 4], [k0, k1]: [u32; 2]) -> [u32; 4] {
    let product0 = u64::from(c0) * 0xD251_1F53;
    let product1 = u64::from(c2) * 0xCD9E_8D57;
    [
        (product1 >> 32) as u32 ^ c1 ^ k0,
        product1 as u32,
        (product0 >> 32) as u32 ^ c3 ^ k1,
        product0 as u32,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_matches_the_published_known_answers() {
        let zeros = Philox::new(0).block([0; 4]);
        assert_eq!(zeros, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = Philox::new(u64::MAX).block([u32::MAX; 4]);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn sample_seeds_differ_by_run_prompt_and_index() {
        let a = ContentHash::of_bytes("a");
        let b = ContentHash::of_bytes("b");
        let seeds = [
            Seed(1).sample(&a, 0),
            Seed(1).sample(&a, 1),
            Seed(1).sample(&b, 0),
            Seed(2).sample(&a, 0),
        ];
        for (i, x) in seeds.iter().enumerate() {
            assert!(seeds[i + 1..].iter().all(|y| x != y));
        }
        assert_eq!(Seed(1).sample(&a, 0), seeds[0]);
    }

    #[test]
    fn draws_are_uniform_enough() {
        let n = 20_000;
        let mean = (0..n).map(|i| SampleSeed(7).uniform(i)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Philox::new(3).permutation(100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
