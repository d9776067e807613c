//! Learning-rate schedules: a linear warm-up, then a decay.

use serde::{Deserialize, Serialize};

use crate::Error;

/// How the learning rate moves over a run, as a factor of its peak.
///
/// The factors are those of `transformers` (`get_cosine_schedule_with_warmup` and its siblings): optimizer step `k`,
/// counted from 0, uses `factor(k)`, so that with a warm-up the first step has factor 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// How long the rate rises.
    pub warmup: Warmup,
    /// How it falls afterwards.
    pub decay: Decay,
}

impl Default for Schedule {
    /// 10 % warm-up, then cosine (paper, section 1.2 of the set-up).
    fn default() -> Self {
        Self { warmup: Warmup::Ratio(0.1), decay: Decay::Cosine }
    }
}

/// The length of the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a length is relative or absolute")]
pub enum Warmup {
    /// A share of all optimizer steps, rounded up; in [0, 1].
    Ratio(f64),
    /// A number of optimizer steps.
    Steps(u64),
}

/// The course of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decay {
    /// Half a cosine, to 0.
    Cosine,
    /// A straight line to 0.
    Linear,
    /// None.
    Constant,
    /// The peak is held for a share of all steps, then a straight line leads to a floor (trapezoid).
    HoldThenLinear {
        /// The share of all steps, warm-up included, after which the rate falls; in [0, 1].
        hold: f64,
        /// The factor at the end; in [0, 1].
        floor: f64,
    },
}

impl Schedule {
    /// The warm-up in optimizer steps, for a run of `total` steps.
    pub fn warmup_steps(&self, total: u64) -> u64 {
        match self.warmup {
            Warmup::Ratio(ratio) => (ratio * total as f64).ceil() as u64,
            Warmup::Steps(steps) => steps,
        }
    }

    /// The factor for optimizer step `step` (from 0) of `total`.
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        let warmup = self.warmup_steps(total);
        if step < warmup {
            return step as f64 / warmup.max(1) as f64;
        }
        let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
        match self.decay {
            Decay::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0),
            Decay::Linear => (1.0 - progress).max(0.0),
            Decay::Constant => 1.0,
            Decay::HoldThenLinear { hold, floor } => {
                let start = hold * total as f64;
                let left = (total as f64 - start).max(1.0);
                let fallen = ((step as f64 - start) / left).clamp(0.0, 1.0);
                1.0 - (1.0 - floor) * fallen
            }
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Config`] with the first that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let in_unit = |value: f64| (0.0..=1.0).contains(&value);
        let wrong = |field, value: f64| {
            Err(Error::Config {
                field,
                reason: format!("expected a number in [0, 1], found {value}"),
            })
        };
        if let Warmup::Ratio(ratio) = self.warmup
            && !in_unit(ratio)
        {
            return wrong("schedule.warmup", ratio);
        }
        match self.decay {
            Decay::HoldThenLinear { hold, .. } if !in_unit(hold) => {
                wrong("schedule.decay.hold", hold)
            }
            Decay::HoldThenLinear { floor, .. } if !in_unit(floor) => {
                wrong("schedule.decay.floor", floor)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warmup_ratio_is_rounded_up() {
        let schedule = Schedule::default();
        assert_eq!(schedule.warmup_steps(450), 45);
        assert_eq!(schedule.warmup_steps(451), 46);
        assert_eq!(schedule.warmup_steps(1), 1);
    }

    #[test]
    fn a_trapezoid_rises_holds_and_falls_to_its_floor() {
        let schedule = Schedule {
            warmup: Warmup::Steps(100),
            decay: Decay::HoldThenLinear { hold: 0.4, floor: 0.02 },
        };
        let at = |step| schedule.factor(step, 1000);
        for (step, factor) in [(0, 0.0), (50, 0.5), (100, 1.0), (400, 1.0)] {
            assert!((at(step) - factor).abs() < 1e-12, "{step}");
        }
        assert!((at(700) - 0.51).abs() < 1e-12);
        assert!((at(1000) - 0.02).abs() < 1e-12);
    }

    #[test]
    fn shares_outside_the_unit_interval_are_refused() {
        let schedule = Schedule { warmup: Warmup::Ratio(1.5), decay: Decay::Cosine };
        assert!(schedule.validate().unwrap_err().to_string().contains("schedule.warmup"));
        let decay = Decay::HoldThenLinear { hold: 0.5, floor: -1.0 };
        let schedule = Schedule { warmup: Warmup::Steps(0), decay };
        assert!(schedule.validate().unwrap_err().to_string().contains("schedule.decay.floor"));
    }
}
