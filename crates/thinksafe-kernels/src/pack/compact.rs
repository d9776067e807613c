//! Panels of bf16 in twelve bits a weight, and without loss.
//!
//! The eight bits of sign and fraction look random; those of the exponent do not: in a panel of a model's weights sixteen exponents
//! are all but one in some thousands of the weights (Zhang et al., arXiv 2504.11651, find 2.6 bits of information in the
//! eight). So a weight is its sign and fraction, and the number of its exponent among the panel's sixteen most frequent; the few
//! others are kept beside.

use crate::LANES;
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pack::widen;

/// Two weights of sixteen outputs each: one step of a panel.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct CompactStep {
    /// Sign in the highest bit, fraction below, in the order of [`place`].
    pub(crate) rest: [u8; 2 * LANES],
    /// The numbers of the exponents: of the first sixteen places in the low halves, of the others in the high ones.
    pub(crate) codes: [u8; LANES],
}

/// The exponents of a panel, shifted to where they belong in the two bytes of a bf16.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exponents {
    pub(crate) high: [u8; LANES],
    pub(crate) low: [u8; LANES],
}

/// A weight whose exponent has no number.
#[derive(Debug, Clone, Copy)]
struct Exception {
    step: u32,
    /// Twice the output in the panel, and one more for the second input of the step.
    at: u8,
    bits: u16,
}

/// Panels that are unpacked together, and lie together: those of one step side by side, so that reading them is one stream.
pub(crate) const GROUP: usize = 3;

/// Panels in groups `[groups, steps, GROUP]`; the last group may have fewer.
#[derive(Debug, Clone)]
pub(crate) struct Compact {
    steps: Vec<CompactStep>,
    /// Steps of a panel.
    length: usize,
    /// Of each panel.
    exponents: Vec<Exponents>,
    /// Of each panel, by step.
    exceptions: Vec<Vec<Exception>>,
}

/// One weight of so many may be an exception; matrices with more of them stay as they are.
const MOST_EXCEPTIONS: usize = 256;

/// Where the weight of an output's (0 to 15) first or second input is among the 32 of a step: such that interleaving the halves of
/// two registers brings them in order.
const fn place(at: usize) -> usize {
    match at / 8 {
        1 => at + 8,
        2 => at - 8,
        _ => at,
    }
}

const fn exponent(bits: u16) -> u8 {
    (bits >> 7) as u8
}

impl Compact {
    /// Panels of `length` steps each, if few weights are exceptions.
    pub(crate) fn new(panels: &[[u32; LANES]], length: usize) -> Option<Self> {
        let mut compact = Self {
            steps: Vec::with_capacity(panels.len()),
            length,
            exponents: Vec::new(),
            exceptions: Vec::new(),
        };
        for group in panels.chunks(GROUP * length.max(1)) {
            compact.push(group);
        }
        let exceptions: usize = compact.exceptions.iter().map(Vec::len).sum();
        (exceptions * MOST_EXCEPTIONS <= panels.len() * 2 * LANES).then_some(compact)
    }

    fn push(&mut self, group: &[[u32; LANES]]) {
        let first = self.steps.len();
        let panels = group.chunks_exact(self.length);
        let width = panels.len();
        self.steps
            .resize(first + group.len(), CompactStep { rest: [0; 2 * LANES], codes: [0; LANES] });
        for (at, panel) in panels.enumerate() {
            let frequent = frequent(panel);
            let to = self.steps[first + at..].iter_mut().step_by(width);
            self.exceptions.push(packed(panel, frequent, to));
            self.exponents.push(Exponents {
                high: frequent.map(|exponent| exponent >> 1),
                low: frequent.map(|exponent| exponent << 7),
            });
        }
    }

    /// Panels in the group of a panel.
    pub(crate) fn width(&self, panel: usize) -> usize {
        GROUP.min(self.exponents.len() - panel / GROUP * GROUP)
    }

    /// The weights of an output as f32.
    pub(crate) fn row(&self, output: usize, out: &mut [f32]) {
        let (panel, lane) = (output / LANES, output % LANES);
        let group = &self.steps[panel / GROUP * GROUP * self.length..];
        let steps = group.iter().skip(panel % GROUP).step_by(self.width(panel));
        for (out, step) in out.chunks_mut(2).zip(steps) {
            let pair = pair(step, &self.exponents[panel], lane);
            out.copy_from_slice(&widen(pair)[..out.len()]);
        }
        for Exception { step, at, bits } in &self.exceptions[panel] {
            let place = 2 * *step as usize + usize::from(at % 2);
            if usize::from(at / 2) == lane
                && let Some(out) = out.get_mut(place)
            {
                *out = f32::from_bits(u32::from(*bits) << 16);
            }
        }
    }

    /// The steps of the group that begins with a panel, `[length, P]`, and its exponents.
    #[inline(always)]
    pub(crate) fn group<const P: usize>(
        &self,
        panel: usize,
    ) -> (&[[CompactStep; P]], &[Exponents]) {
        let steps = &self.steps[panel * self.length..][..self.length * P];
        (steps.as_chunks().0, &self.exponents[panel..][..P])
    }

    /// The exceptions of a panel from a step on.
    #[inline(always)]
    pub(crate) fn exceptions(&self, panel: usize, step: usize) -> Exceptions<'_> {
        let all = &self.exceptions[panel];
        Exceptions(&all[all.partition_point(|exception| (exception.step as usize) < step)..])
    }

    /// Bytes that the panels take.
    pub(crate) fn bytes(&self) -> usize {
        let exceptions: usize = self.exceptions.iter().map(|of| size_of_val(of.as_slice())).sum();
        size_of_val(self.steps.as_slice()) + size_of_val(self.exponents.as_slice()) + exceptions
    }
}

/// Packs the steps of a panel; returns the weights whose exponents are not among the frequent.
fn packed<'a>(
    panel: &[[u32; LANES]],
    frequent: [u8; LANES],
    to: impl Iterator<Item = &'a mut CompactStep>,
) -> Vec<Exception> {
    let mut numbers = [None; 256];
    for (number, exponent) in frequent.iter().enumerate() {
        numbers[usize::from(*exponent)] = Some(number as u8);
    }
    let mut exceptions = Vec::new();
    for (step, (pairs, packed)) in panel.iter().zip(to).enumerate() {
        for (at, bits) in halves(pairs).into_iter().enumerate() {
            let Some(number) = numbers[usize::from(exponent(bits))] else {
                exceptions.push(Exception { step: step as u32, at: at as u8, bits });
                continue;
            };
            let place = place(at);
            packed.rest[place] = (bits >> 8 & 0x80 | bits & 0x7F) as u8;
            packed.codes[place % LANES] |= number << (place / LANES * 4);
        }
    }
    exceptions.shrink_to_fit();
    exceptions
}

/// Exceptions that are still to come.
#[derive(Clone, Copy)]
pub(crate) struct Exceptions<'a>(&'a [Exception]);

impl Exceptions<'_> {
    /// Puts those of the steps from `first` on that were unpacked into them.
    #[inline(always)]
    pub(crate) fn correct(&mut self, first: usize, unpacked: &mut [[u32; LANES]]) {
        while let Some((Exception { step, at, bits }, rest)) = self.0.split_first()
            && let Some(pairs) = unpacked.get_mut(*step as usize - first)
        {
            let (lane, shift) = (usize::from(at / 2), u32::from(at % 2) * 16);
            pairs[lane] = pairs[lane] & !(0xFFFF << shift) | u32::from(*bits) << shift;
            self.0 = rest;
        }
    }
}

/// The bits of a step's weights: an output's first input, then its second.
fn halves(pairs: &[u32; LANES]) -> [u16; 2 * LANES] {
    std::array::from_fn(|at| (pairs[at / 2] >> (16 * (at % 2))) as u16)
}

/// The sixteen most frequent exponents.
fn frequent(panel: &[[u32; LANES]]) -> [u8; LANES] {
    let mut counts = [0usize; 256];
    for bits in panel.iter().flat_map(halves) {
        counts[usize::from(exponent(bits))] += 1;
    }
    let mut exponents: [u8; 256] = std::array::from_fn(|exponent| exponent as u8);
    exponents.sort_by_key(|exponent| std::cmp::Reverse(counts[usize::from(*exponent)]));
    std::array::from_fn(|number| exponents[number])
}

/// One step in the layout of panels, exceptions aside: what every level does.
#[inline(always)]
pub(crate) fn unpack(step: &CompactStep, exponents: &Exponents, pairs: &mut [u32; LANES]) {
    for (lane, to) in pairs.iter_mut().enumerate() {
        *to = pair(step, exponents, lane);
    }
}

/// The pair of weights of a lane in a step, exceptions aside.
#[inline(always)]
fn pair(step: &CompactStep, exponents: &Exponents, lane: usize) -> u32 {
    let mut both = 0;
    for half in 0..2 {
        let place = place(2 * lane + half);
        let number = usize::from(step.codes[place % LANES] >> (place / LANES * 4) & 0xF);
        let high = exponents.high[number] | step.rest[place] & 0x80;
        let low = exponents.low[number] | step.rest[place] & 0x7F;
        both |= u32::from(u16::from_le_bytes([low, high])) << (16 * half);
    }
    both
}

/// Unpacks a group's panels, one behind the other.
pub(crate) struct Unpack<'a> {
    pub(crate) compact: &'a Compact,
    /// The first panel of the group.
    pub(crate) panel: usize,
    pub(crate) to: &'a mut [[u32; LANES]],
}

impl Kernel for Unpack<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.compact.width(self.panel) {
            GROUP => self.unpack::<V, GROUP>(),
            2 => self.unpack::<V, 2>(),
            _ => self.unpack::<V, 1>(),
        }
    }
}

impl Unpack<'_> {
    /// The panels of a group of `P`, step by step.
    #[inline(always)]
    fn unpack<V: Lanes, const P: usize>(self) {
        let Self { compact, panel, to } = self;
        let (length, (from, exponents)) = (compact.length, compact.group::<P>(panel));
        for (at, from) in from.iter().enumerate() {
            for p in 0..P {
                V::unpack(&from[p], &exponents[p], &mut to[p * length + at]);
            }
        }
        for (p, to) in to.chunks_exact_mut(length).enumerate().take(P) {
            compact.exceptions(panel + p, 0).correct(0, to);
        }
    }
}
