//! The loads: prompts and lengths that are a function of a seed, here and in `peers/common.py` alike.

use serde_json::Value;

/// A prompt and how many tokens are to follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Item {
    /// The prompt.
    pub ids: Vec<u32>,
    /// Tokens to generate, exactly.
    pub new: u32,
}

/// Ids below this are special tokens, which prompts do not have.
const FIRST_WORD: u64 = 4;

/// Prompts of one length.
pub fn even(seed: u64, count: usize, context: usize, new: u32, vocab: i64) -> Vec<Item> {
    let item = |sequence| Item { ids: ids(seed, sequence, 0..context, vocab), new };
    (0..count as u64).map(item).collect()
}

/// Prompts that begin with the same `common` tokens and go on with `own` of their own.
pub fn shared(seed: u64, count: usize, common: usize, own: usize, vocab: i64) -> Vec<Item> {
    let beginning = ids(seed, u64::from(u16::MAX), 0..common, vocab);
    let item = |sequence| {
        let rest = ids(seed, sequence, common..common + own, vocab);
        Item { ids: [beginning.clone(), rest].concat(), new: 1 }
    };
    (0..count as u64).map(item).collect()
}

/// Prompts of 16 to 256 tokens, each as likely, and outputs of 16 to `longest` tokens: log-normal around a median of
/// 128 with a deviation of 0.9, cut at both ends.
pub fn ragged(seed: u64, count: usize, longest: u32, vocab: i64) -> Vec<Item> {
    let item = |sequence: u64| {
        let draw = |which: u64| mix(key(seed, sequence, (1 << 24) - 1 - which));
        let unit = |which| (draw(which) >> 11) as f64 / (1u64 << 53) as f64;
        // Box and Muller's transform; 1 - u is never 0.
        let normal = (-2.0 * (1.0 - unit(0)).ln()).sqrt() * (std::f64::consts::TAU * unit(1)).cos();
        let length = (128f64.ln() + 0.9 * normal).exp().round();
        let context = 16 + (draw(2) % 241) as usize;
        let new = length.clamp(16.0, f64::from(longest)) as u32;
        Item { ids: ids(seed, sequence, 0..context, vocab), new }
    };
    (0..count as u64).map(item).collect()
}

/// One number for everything in a load; both sides print it, so that equal work can be seen.
pub fn checksum(items: &[Item]) -> u64 {
    let mut sum = 0u64;
    for item in items {
        for (position, id) in (1u64..).zip(&item.ids) {
            sum = sum.wrapping_add(position.wrapping_mul(u64::from(*id)));
        }
        sum = sum.wrapping_mul(31).wrapping_add(u64::from(item.new));
    }
    sum
}

/// A checksum as JSON; text, since JSON's numbers are not exact at this size everywhere.
pub fn checksum_json(items: &[Item]) -> Value {
    format!("{:016x}", checksum(items)).into()
}

fn ids(seed: u64, sequence: u64, positions: std::ops::Range<usize>, vocab: i64) -> Vec<u32> {
    let words = vocab as u64 - FIRST_WORD;
    let id = |position: usize| FIRST_WORD + mix(key(seed, sequence, position as u64)) % words;
    positions.map(|position| id(position) as u32).collect()
}

fn key(seed: u64, sequence: u64, position: u64) -> u64 {
    seed << 40 | sequence << 24 | position
}

/// Steele, Lea and Flood's SplitMix64, of one number.
fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_the_published_one() {
        // The first outputs of SplitMix64 from seed 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(0x9e37_79b9_7f4a_7c15), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn loads_are_what_they_say() {
        let prompts = even(3, 5, 40, 7, 100);
        assert_eq!(prompts.len(), 5);
        assert!(prompts.iter().all(|p| p.ids.len() == 40 && p.new == 7));
        assert!(prompts.iter().flat_map(|p| &p.ids).all(|id| (4..100).contains(id)));
        assert_ne!(prompts[0].ids, prompts[1].ids);
        assert_ne!(prompts[0].ids, even(4, 1, 40, 7, 100)[0].ids);

        let prompts = shared(3, 4, 30, 10, 4096);
        assert!(prompts.iter().all(|p| p.ids[..30] == prompts[0].ids[..30] && p.ids.len() == 40));
        assert_ne!(prompts[0].ids[30..], prompts[1].ids[30..]);
    }

    #[test]
    fn ragged_lengths_are_spread_around_the_median() {
        let load = ragged(1, 4000, 1024, 4096);
        let mut lengths: Vec<u32> = load.iter().map(|item| item.new).collect();
        lengths.sort_unstable();
        assert!((120..137).contains(&lengths[2000]), "{}", lengths[2000]);
        assert_eq!((lengths[0], lengths[3999]), (16, 1024));
        // One deviation above the median: 128 e^0.9 = 315.
        assert!((295..335).contains(&lengths[3365]), "{}", lengths[3365]);
        assert!(load.iter().all(|item| (16..=256).contains(&item.ids.len())));
    }

    #[test]
    fn the_loads_are_those_of_the_peers() {
        // What `peers/common.py` prints for the same arguments.
        assert_eq!(checksum(&ragged(1, 256, 1024, 4096)), 0x68fa_dbce_8999_6a35);
        assert_eq!(checksum(&even(2, 8, 64, 128, 151_936)), 0x8f19_9e7d_759e_9341);
    }

    #[test]
    fn a_checksum_sees_ids_order_and_lengths() {
        let item = |ids: &[u32], new| Item { ids: ids.to_vec(), new };
        let sums = [
            checksum(&[item(&[4, 5], 1), item(&[6], 2)]),
            checksum(&[item(&[5, 4], 1), item(&[6], 2)]),
            checksum(&[item(&[6], 2), item(&[4, 5], 1)]),
            checksum(&[item(&[4, 5], 2), item(&[6], 2)]),
        ];
        assert!((1..4).all(|i| !sums[..i].contains(&sums[i])));
        assert_eq!(sums[0], (4 + 10) * 31 * 31 + 31 + 6 * 31 + 2);
    }
}
