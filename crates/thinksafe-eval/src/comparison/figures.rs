//! The plots: safety against reasoning, cost against safety, perplexity against reasoning lost, rewards by step.

use thinksafe_core::seed::Seed;
use thinksafe_plot::{Curve, Figure, Interval as Plotted, Marked, cloud, curves};

use super::measure::Measure;
use super::{Arm, Comparison, Reinforcement};
use crate::statistics::Interval;

/// Those that there is data for.
pub(super) fn all(comparison: &Comparison) -> Vec<Figure> {
    [
        safety_and_reasoning(comparison),
        cost_and_safety(comparison),
        perplexity(comparison),
        rewards(comparison),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn safety_and_reasoning(comparison: &Comparison) -> Option<Figure> {
    let points = points(comparison, |arm| {
        let value = |measure| comparison.value(&arm.name, measure).map(percent);
        Some((value(Measure::Safety)?, value(Measure::Reasoning)?))
    })?;
    Some(Figure {
        title: "Safety against reasoning".to_owned(),
        caption: "Better is left and up.".to_owned(),
        svg: cloud(&points, "safety average, %", "reasoning average, %"),
    })
}

fn cost_and_safety(comparison: &Comparison) -> Option<Figure> {
    let points = points(comparison, |arm| {
        let flops = arm.mean(|training| Some(training.flops.log10()))?;
        let safety = comparison.value(&arm.name, Measure::Safety)?;
        Some((exact(flops), percent(safety)))
    })?;
    Some(Figure {
        title: "Cost against safety".to_owned(),
        caption: "Generating and training. Better is left and down.".to_owned(),
        svg: cloud(&points, "FLOPs, as a power of ten", "safety average, %"),
    })
}

fn perplexity(comparison: &Comparison) -> Option<Figure> {
    let initial = &comparison.arms.first()?.name;
    let points = points(comparison, |arm| {
        let nats = comparison.value(&arm.name, Measure::LogPerplexity)?;
        let change = comparison.difference(initial, &arm.name, Measure::Reasoning)?;
        let loss = Interval { value: -change.value, low: -change.high, high: -change.low };
        Some((plotted(nats, 1.0), percent(loss)))
    })?;
    Some(Figure {
        title: "Perplexity against reasoning lost".to_owned(),
        caption: "Of the training examples, under the initial model.".to_owned(),
        svg: cloud(&points, "log-perplexity, nats a token", "reasoning lost, points"),
    })
}

/// A curve for each run of each arm that learns from rewards.
fn rewards(comparison: &Comparison) -> Option<Figure> {
    let curve = |arm: &Arm, (seed, run): (Seed, &Reinforcement)| {
        let points = (1..).zip(&run.rewards).map(|(step, reward)| (f64::from(step), *reward));
        Curve::noisy(format!("{}, seed {}", arm.name, seed.0), points.collect())
    };
    let of_arm = |arm: &Arm| -> Vec<Curve> {
        let runs = arm.reinforcements().into_iter().filter(|(_, run)| run.rewards.len() > 1);
        runs.map(|run| curve(arm, run)).collect()
    };
    let lines: Vec<Curve> = comparison.arms.iter().flat_map(of_arm).collect();
    (!lines.is_empty()).then(|| Figure {
        title: "Reward".to_owned(),
        caption: "The mean over a step's responses, and its moving average.".to_owned(),
        svg: curves(&lines, "step", "reward"),
    })
}

/// The arms that have a place, each marked with a letter by its row; `None` if there is none.
fn points(
    comparison: &Comparison,
    place: impl Fn(&Arm) -> Option<(Plotted, Plotted)>,
) -> Option<Vec<Marked>> {
    let mark = |row: usize| char::from(b'A' + (row % 26) as u8).to_string();
    let marked = |(row, arm): (usize, &Arm)| {
        let (x, y) = place(arm)?;
        Some(Marked { name: arm.name.clone(), mark: mark(row), x, y })
    };
    let points: Vec<Marked> = comparison.arms.iter().enumerate().filter_map(marked).collect();
    (!points.is_empty()).then_some(points)
}

fn percent(interval: Interval) -> Plotted {
    plotted(interval, 100.0)
}

fn plotted(interval: Interval, factor: f64) -> Plotted {
    let Interval { value, low, high } = interval;
    Plotted { value: factor * value, low: factor * low, high: factor * high }
}

fn exact(value: f64) -> Plotted {
    Plotted { value, low: value, high: value }
}
