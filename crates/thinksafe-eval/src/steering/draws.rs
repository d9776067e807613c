//! How many samples the first accepted one takes.

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::Seed;

use super::acceptance::Counts;
use crate::statistics::{Interval, bootstrap_ratio, pass_at_k};

/// How many samples of a prompt are drawn until one is accepted, and how far steering shortens that.
///
/// The paper's E\[T\] = 1/α is infinite for a prompt that never gives an accepted sample and cannot be told from k samples, so
/// draws stop at [`most`](Self::most) here: E\[min(T, m)\], of which m samples give an unbiased estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draws {
    /// m: where draws stop.
    pub most: u64,
    /// Prompts with at least m samples on both sides; the others do not count here.
    pub prompts: u64,
    /// The mean over prompts, without steering.
    pub unsteered: f64,
    /// The mean over prompts, with steering.
    pub steered: f64,
    /// Steered over unsteered; the interval is that of a bootstrap over prompts.
    pub ratio: Interval,
    /// The same ratio if each prompt's rate a rose to ωa / (1 + (ω − 1)a) as Corollary 4.4 says, with one ω for all and
    /// a = (accepted + ½) / (drawn + 1). Absent without ω.
    pub predicted: Option<f64>,
    /// The corollary's ratio of E\[T\] where every prompt has the mean rate: a + (1 − a)/ω. Absent without ω.
    pub formula: Option<f64>,
}

/// How often prompts are drawn anew for the interval.
const RESAMPLES: u32 = 2000;

impl Draws {
    /// From the counts of each prompt, with its id: unsteered, steered. `None` if no prompt has `most` samples on both
    /// sides, or `most` is 0.
    pub fn of(
        prompts: &[(&str, Counts, Counts)],
        omega: Option<f64>,
        most: u64,
        seed: Seed,
    ) -> Option<Self> {
        let enough = |counts: &Counts| counts.drawn() >= most;
        let usable: Vec<_> = prompts.iter().filter(|(_, u, s)| enough(u) && enough(s)).collect();
        let seen: Vec<(&str, f64, f64)> = usable
            .iter()
            .map(|(id, u, s)| Some((*id, expected(s, most)?, expected(u, most)?)))
            .collect::<Option<_>>()?;
        let count = seen.len() as f64;
        let predicted = omega.map(|omega| {
            let rates = usable.iter().map(|(_, unsteered, _)| smoothed(unsteered));
            let (steered, unsteered) = rates.fold((0.0, 0.0), |sums, a| {
                (sums.0 + capped(tilted(a, omega), most), sums.1 + capped(a, most))
            });
            steered / unsteered
        });
        let mean_rate = usable.iter().map(|(_, u, _)| rate(u)).sum::<f64>() / count;
        Some(Self {
            most,
            prompts: seen.len() as u64,
            unsteered: seen.iter().map(|(_, _, unsteered)| unsteered).sum::<f64>() / count,
            steered: seen.iter().map(|(_, steered, _)| steered).sum::<f64>() / count,
            ratio: bootstrap_ratio(&seen, RESAMPLES, seed)?,
            predicted,
            formula: omega.map(|omega| mean_rate + (1.0 - mean_rate) / omega),
        })
    }
}

/// What Corollary 4.4 makes of an acceptance rate.
pub(super) fn tilted(rate: f64, omega: f64) -> f64 {
    omega * rate / (1.0 + (omega - 1.0) * rate)
}

/// E\[min(T, most)\] = Σ P(T > j) for j below `most`, without bias: the chance that j of the samples hold no accepted one.
fn expected(counts: &Counts, most: u64) -> Option<f64> {
    let missed = |j| Some(1.0 - pass_at_k(counts.drawn(), counts.accepted, j)?);
    (1..most).map(missed).sum::<Option<f64>>().filter(|_| most > 0).map(|later| 1.0 + later)
}

/// E\[min(T, most)\] at a rate.
fn capped(rate: f64, most: u64) -> f64 {
    (1.0 - (1.0 - rate).powf(most as f64)) / rate
}

fn rate(counts: &Counts) -> f64 {
    counts.accepted as f64 / counts.drawn() as f64
}

fn smoothed(counts: &Counts) -> f64 {
    (counts.accepted as f64 + 0.5) / (counts.drawn() as f64 + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(accepted: u64, found_unsafe: u64) -> Counts {
        Counts { accepted, found_unsafe, ..Counts::default() }
    }

    #[test]
    fn draws_are_counted_to_the_first_accepted_one() {
        for (accepted, rejected, most, mean) in
            [(4, 0, 4, 1.0), (0, 4, 4, 4.0), (1, 1, 2, 1.5), (1, 2, 3, 2.0), (2, 2, 1, 1.0)]
        {
            let found = expected(&counts(accepted, rejected), most).unwrap();
            assert!((found - mean).abs() < 1e-12, "{accepted} {rejected} {most}: {found}");
        }
        assert_eq!(expected(&counts(1, 1), 4), None);
        assert!((capped(0.5, 2) - 1.5).abs() < 1e-12);
    }

    #[test]
    fn a_prediction_that_holds_is_near_what_is_seen() {
        // a = 0.2 and ω = 16: steering accepts four in five.
        let prompts = [("p", counts(20, 80), counts(80, 20)); 5];
        let draws = Draws::of(&prompts, Some(16.0), 10, Seed(1)).unwrap();
        assert_eq!(draws.prompts, 5);
        assert!((draws.ratio.value - draws.predicted.unwrap()).abs() < 0.01, "{draws:?}");
        assert!((draws.formula.unwrap() - (0.2 + 0.8 / 16.0)).abs() < 1e-12);
        assert!((tilted(0.2, 16.0) - 0.8).abs() < 1e-12);
        assert_eq!(Draws::of(&prompts, None, 101, Seed(1)), None);
        assert_eq!(Draws::of(&prompts, None, 0, Seed(1)), None);
        assert_eq!(Draws::of(&[], None, 4, Seed(1)), None);
    }
}
