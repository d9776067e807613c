//! The tokens among which a choice is made, without sorting a vocabulary.
//!
//! A token is an integer whose order is that of the choice: largest logit first, ties by id. Partitions of such integers
//! are cheap, so only the few tokens around a border are ever sorted.

use thinksafe_kernels::{Level, SCAN_BLOCK, Scan, sum_exp};

/// A token of a row with its logit, ordered as tokens are drawn: `!logit` above, the id below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token(u64);

/// The sign of an `f32`.
const SIGN: u32 = 1 << 31;

impl Token {
    fn new(id: u32, logit: f32) -> Self {
        let bits = logit.to_bits();
        let ascending = if bits & SIGN == 0 { bits | SIGN } else { !bits };
        Self(u64::from(!ascending) << 32 | u64::from(id))
    }

    pub(crate) fn id(self) -> u32 {
        self.0 as u32
    }

    pub(crate) fn logit(self) -> f32 {
        let ascending = !((self.0 >> 32) as u32);
        f32::from_bits(if ascending & SIGN == 0 { !ascending } else { ascending & !SIGN })
    }
}

/// A row of finite logits with what one pass over it found.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    logits: &'a [f32],
    scan: Scan,
    level: Level,
}

impl<'a> Row<'a> {
    /// `None` if the logits are not finite.
    pub(crate) fn new(level: Level, logits: &'a [f32]) -> Option<Self> {
        let scan = Scan::new(level, logits);
        scan.is_finite().then_some(Self { logits, scan, level })
    }

    pub(crate) fn logits(&self) -> &'a [f32] {
        self.logits
    }

    /// The first of the largest logits.
    pub(crate) fn most_likely(&self) -> u32 {
        let most = self.scan.most();
        let block = self.scan.blocks().iter().position(|largest| *largest == most).unwrap_or(0);
        let rest = &self.logits[block * SCAN_BLOCK..];
        (block * SCAN_BLOCK + rest.iter().position(|logit| *logit == most).unwrap_or(0)) as u32
    }

    /// The weights of the row's tokens at a temperature.
    pub(crate) fn weights(&self, temperature: f64) -> Weights {
        // Of temperatures so small that their inverse is no number only the most likely token is left in any case.
        let scale = temperature.recip().min(f64::MAX);
        Weights { most: self.scan.most(), scale, level: self.level }
    }

    /// The sum of all tokens' weights.
    pub(crate) fn mass(&self, weights: &Weights) -> f64 {
        self.scan.sum_exp(self.level, self.logits, weights.scale)
    }

    /// The `k` largest logits and every one equal to the smallest of them (as `transformers` keeps them).
    pub(crate) fn top(&self, k: usize) -> Vec<Token> {
        let floor = self.block_at_rank(k).unwrap_or(f32::NEG_INFINITY);
        let mut tokens = self.at_least(floor);
        if (1..tokens.len()).contains(&k) {
            let (_, last, _) = tokens.select_nth_unstable(k - 1);
            let last = last.logit();
            tokens.retain(|token| token.logit() >= last);
        }
        tokens
    }

    /// The most likely tokens, as many as reach a mass at least; none whose logit is below `floor`, so that it can be
    /// fewer.
    pub(crate) fn head(&self, weights: &Weights, mass: f64, floor: f32) -> Vec<Token> {
        for rank in [64, 1024] {
            let Some(logit) = self.block_at_rank(rank) else { break };
            let tokens = self.at_least(logit.max(floor));
            if logit <= floor || weights.sum(&tokens) >= mass {
                return tokens;
            }
        }
        self.at_least(floor)
    }

    /// The largest logit of the block that has the `rank`-th largest: at least `rank` logits are not smaller.
    fn block_at_rank(&self, rank: usize) -> Option<f32> {
        let mut blocks = self.scan.blocks().to_vec();
        let index = rank.checked_sub(1).filter(|index| *index < blocks.len())?;
        Some(*blocks.select_nth_unstable_by(index, |a, b| b.total_cmp(a)).1)
    }

    fn at_least(&self, floor: f32) -> Vec<Token> {
        let mut tokens = Vec::new();
        let blocks = self.logits.chunks(SCAN_BLOCK).zip(self.scan.blocks());
        for (number, (block, _)) in blocks.enumerate().filter(|(_, (_, most))| **most >= floor) {
            let first = (number * SCAN_BLOCK) as u32;
            let above = (first..).zip(block).filter(|(_, logit)| **logit >= floor);
            tokens.extend(above.map(|(id, logit)| Token::new(id, *logit)));
        }
        tokens
    }
}

/// What turns logits into weights: `exp((logit - most) / temperature)`, so that the most likely token's is 1.
#[derive(Debug)]
pub(crate) struct Weights {
    most: f32,
    scale: f64,
    level: Level,
}

/// As many tokens are sorted without looking for a smaller part first.
const FEW: usize = 128;

impl Weights {
    pub(crate) fn of(&self, logit: f32) -> f64 {
        ((f64::from(logit) - f64::from(self.most)) * self.scale).exp()
    }

    /// The natural logarithm of [`Self::of`].
    pub(crate) fn log(&self, logit: f32) -> f64 {
        (f64::from(logit) - f64::from(self.most)) * self.scale
    }

    /// A logit that has no token of this weight or more below it.
    pub(crate) fn floor(&self, weight: f64) -> f32 {
        let logit = f64::from(self.most) + (weight.ln() - 1e-6) / self.scale;
        (logit as f32).next_down()
    }

    pub(crate) fn sum(&self, tokens: &[Token]) -> f64 {
        let mut logits = [0f32; 512];
        let mut sum = 0.0;
        for tokens in tokens.chunks(logits.len()) {
            for (logit, token) in logits.iter_mut().zip(tokens) {
                *logit = token.logit();
            }
            sum += sum_exp(self.level, &logits[..tokens.len()], self.most, self.scale);
        }
        sum
    }

    /// Where the sum of the weights, most likely token first, gets there; the last token's place if it never does.
    ///
    /// The tokens before the place are then the more likely ones. Half of what is left is set aside at a time, by its sum
    /// alone, so no more than a few are sorted.
    pub(crate) fn place(&self, tokens: &mut [Token], there: impl Fn(f64) -> bool) -> usize {
        let (mut from, mut to, mut before) = (0, tokens.len(), 0.0);
        while to - from > FEW {
            let middle = from.midpoint(to);
            tokens[from..to].select_nth_unstable(middle - from);
            let after = before + self.sum(&tokens[from..middle]);
            if there(after) {
                to = middle;
            } else {
                (from, before) = (middle, after);
            }
        }
        tokens[from..to].sort_unstable();
        let sums = tokens[from..to].iter().scan(before, |sum, token| {
            *sum += self.of(token.logit());
            Some(*sum)
        });
        // Past the end only rounding leads.
        sums.zip(from..).find(|(sum, _)| there(*sum)).map_or(to.saturating_sub(1), |(_, at)| at)
    }
}
