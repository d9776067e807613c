//! The generator of Python's `random` module, because published prompts depend on its shuffles.

const N: usize = 624;
const M: usize = 397;

/// MT19937 (Matsumoto and Nishimura, 1998), seeded as `random.seed(int)` does.
pub(super) struct PythonRandom {
    state: [u32; N],
    next: usize,
}

impl PythonRandom {
    pub(super) fn new(seed: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32];
        let key = if words[1] == 0 { &words[..1] } else { &words[..] };
        Self { state: init_by_array(key), next: N }
    }

    /// `random.shuffle`.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }

    /// A number below `n`: as many bits as `n` has, drawn again until they are.
    fn below(&mut self, n: u32) -> u32 {
        loop {
            let bits = self.word() >> n.leading_zeros();
            if bits < n {
                return bits;
            }
        }
    }

    fn word(&mut self) -> u32 {
        if self.next == N {
            twist(&mut self.state);
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }
}

fn init(seed: u32) -> [u32; N] {
    let mut state = [seed; N];
    for i in 1..N {
        let before = state[i - 1] ^ (state[i - 1] >> 30);
        state[i] = before.wrapping_mul(1_812_433_253).wrapping_add(i as u32);
    }
    state
}

fn init_by_array(key: &[u32]) -> [u32; N] {
    let mut state = init(19_650_218);
    let mut i = 1;
    for k in 0..N.max(key.len()) {
        let j = k % key.len();
        state[i] = mix(&state, i, 1_664_525).wrapping_add(key[j]).wrapping_add(j as u32);
        i = advance(&mut state, i);
    }
    for _ in 1..N {
        state[i] = mix(&state, i, 1_566_083_941).wrapping_sub(i as u32);
        i = advance(&mut state, i);
    }
    state[0] = 0x8000_0000;
    state
}

fn mix(state: &[u32; N], i: usize, factor: u32) -> u32 {
    state[i] ^ (state[i - 1] ^ (state[i - 1] >> 30)).wrapping_mul(factor)
}

/// The index after `i`; index 0 only ever takes over the last word.
fn advance(state: &mut [u32; N], i: usize) -> usize {
    if i + 1 < N {
        return i + 1;
    }
    state[0] = state[N - 1];
    1
}

fn twist(state: &mut [u32; N]) {
    for i in 0..N {
        let y = (state[i] & 0x8000_0000) | (state[(i + 1) % N] & 0x7FFF_FFFF);
        let odd = if y & 1 == 1 { 0x9908_B0DF } else { 0 };
        state[i] = state[(i + M) % N] ^ (y >> 1) ^ odd;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffled<const K: usize>(random: &mut PythonRandom, mut items: [u8; K]) -> [u8; K] {
        random.shuffle(&mut items);
        items
    }

    /// `random.seed(s)` and `random.shuffle` of CPython 3.11.
    #[test]
    fn shuffles_are_those_of_python() {
        let mut random = PythonRandom::new(41);
        for expected in ["CABD", "ACDB", "DABC", "DACB", "BCAD", "DBAC"] {
            assert_eq!(std::str::from_utf8(&shuffled(&mut random, *b"ABCD")), Ok(expected));
        }
        let thirty =
            shuffled(&mut PythonRandom::new((1 << 40) + 7), std::array::from_fn(|i| i as u8));
        let expected: [u8; 30] = [
            10, 17, 0, 1, 6, 27, 28, 24, 2, 9, 13, 3, 5, 14, 7, 25, 11, 21, 12, 16, 4, 29, 8, 15,
            22, 18, 20, 26, 23, 19,
        ];
        assert_eq!(thirty, expected);
        // Beyond the first 624 words.
        let mut random = PythonRandom::new(0);
        let last = (0..400).map(|_| shuffled(&mut random, *b"ABCD")).last();
        assert_eq!(last.as_ref().map(|l| &l[..]), Some(&b"DACB"[..]));
    }
}
