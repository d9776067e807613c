//! Results of several seeds on the same items: intervals for both kinds of chance.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Interval, Z_95, mean_of_intervals, wilson};

/// A column of a table: for each seed, one value an item, in the items' order.
pub type SeededColumn = Vec<Vec<f64>>;

/// The mean of columns of rates in [0, 1], each with the same seeds, and its 95 % interval.
///
/// The interval has two parts, added in quadrature on each side: that of the items (Wilson's, over each item's mean of the
/// seeds, so that a rate of 0 has one) and that of the seeds (Student's t, over each seed's mean; none with one
/// seed). What varies from draw to draw is in both, so it is rather wide than narrow.
///
/// `None` without a column, a seed or an item, and where seeds differ in their numbers of items or columns in their seeds.
pub fn rate_over_seeds(columns: &[SeededColumn]) -> Option<Interval> {
    let wilson = |means: &[f64]| wilson(means.iter().sum(), means.len() as f64);
    let interval = over_seeds(columns, wilson)?;
    Some(Interval { low: interval.low.max(0.0), high: interval.high.min(1.0), ..interval })
}

/// The difference `second` - `first` of two such means on the same items and seeds, item by item and seed by seed.
///
/// As [`rate_over_seeds`], but that the items' part is the normal one.
pub fn difference_over_seeds(first: &[SeededColumn], second: &[SeededColumn]) -> Option<Interval> {
    if first.len() != second.len() {
        return None;
    }
    let columns: Option<Vec<SeededColumn>> =
        first.iter().zip(second).map(|(first, second)| subtract(first, second)).collect();
    over_seeds(&columns?, |means| normal(means, Z_95))
}

/// The mean of one value a seed, with its interval by Student's t; of one seed's alone, the interval is that value.
pub fn mean_of_seeds(values: &[f64]) -> Option<Interval> {
    match values.len() {
        0 => None,
        1 => Some(Interval { value: values[0], low: values[0], high: values[0] }),
        n => normal(values, StudentsT::new(0.0, 1.0, n as f64 - 1.0).ok()?.inverse_cdf(0.975)),
    }
}

fn over_seeds(
    columns: &[SeededColumn],
    of_items: impl Fn(&[f64]) -> Option<Interval>,
) -> Option<Interval> {
    let seeds = columns.first()?.len();
    let items: Option<Vec<Interval>> =
        columns.iter().map(|column| of_items(&item_means(column, seeds)?)).collect();
    let items = mean_of_intervals(&items?)?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let of_seed = |seed: usize| {
        columns.iter().map(|column| mean(&column[seed])).sum::<f64>() / columns.len() as f64
    };
    let seeds = mean_of_seeds(&(0..seeds).map(of_seed).collect::<Vec<_>>())?;
    let reach = |items: f64, seeds: f64| items.hypot(seeds);
    Some(Interval {
        value: items.value,
        low: items.value - reach(items.value - items.low, seeds.value - seeds.low),
        high: items.value + reach(items.high - items.value, seeds.high - seeds.value),
    })
}

/// Each item's mean over the seeds.
fn item_means(column: &SeededColumn, seeds: usize) -> Option<Vec<f64>> {
    let items = column.first()?.len();
    let even = items > 0 && column.len() == seeds && column.iter().all(|seed| seed.len() == items);
    let mean = |item| column.iter().map(|seed| seed[item]).sum::<f64>() / seeds as f64;
    even.then(|| (0..items).map(mean).collect())
}

fn subtract(first: &SeededColumn, second: &SeededColumn) -> Option<SeededColumn> {
    let alike = first.len() == second.len()
        && first.iter().zip(second).all(|(first, second)| first.len() == second.len());
    let differ = |(first, second): (&Vec<f64>, &Vec<f64>)| -> Vec<f64> {
        first.iter().zip(second).map(|(first, second)| second - first).collect()
    };
    alike.then(|| first.iter().zip(second).map(differ).collect())
}

/// The mean, and so many standard errors around it; unbounded for a single value.
fn normal(values: &[f64], quantile: f64) -> Option<Interval> {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
    let half =
        if values.len() > 1 { quantile * (squares / (n - 1.0) / n).sqrt() } else { f64::INFINITY };
    value.is_finite().then_some(Interval { value, low: value - half, high: value + half })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(interval: Interval, expected: [f64; 3]) {
        let found = [interval.value, interval.low, interval.high];
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{interval:?}");
        }
    }

    /// Seeds that agree leave the items' interval: statsmodels' `proportion_confint(1, 4, method="wilson")`.
    #[test]
    fn equal_seeds_leave_the_interval_of_the_items() {
        let seed = vec![1.0, 0.0, 0.0, 0.0];
        let interval = rate_over_seeds(&[vec![seed.clone(), seed.clone(), seed]]).unwrap();
        close(interval, [0.25, 0.045_587_265, 0.699_358_157]);
    }

    /// Items that agree leave the seeds' interval: t(2) at 0.975 is 4.302653, the standard error 0.1 / sqrt(3).
    #[test]
    fn differences_that_are_the_same_for_all_items_leave_the_interval_of_the_seeds() {
        let column = |values: [f64; 3]| -> SeededColumn {
            values.iter().map(|value| vec![*value; 5]).collect()
        };
        let (first, second) = (column([0.0; 3]), column([0.1, 0.2, 0.3]));
        let interval = difference_over_seeds(&[first], &[second]).unwrap();
        let half = 4.302_652_73 * 0.1 / 3f64.sqrt();
        close(interval, [0.2, 0.2 - half, 0.2 + half]);
    }

    #[test]
    fn both_kinds_of_chance_add_in_quadrature() {
        let zero = vec![vec![0.0; 2]; 2];
        let second = vec![vec![0.0, 0.4], vec![0.2, 0.6]];
        let interval = difference_over_seeds(&[zero], &[second]).unwrap();
        // Items' means 0.1 and 0.5: standard error 0.2. Seeds' means 0.2 and 0.4: standard error 0.1, t(1) = 12.7062.
        let half = (Z_95 * 0.2).hypot(12.706_204_7 * 0.1);
        close(interval, [0.3, 0.3 - half, 0.3 + half]);
    }

    #[test]
    fn an_average_weighs_its_columns_alike_however_many_items_they_have() {
        let columns = [vec![vec![1.0; 10]], vec![vec![0.0; 1000]]];
        let interval = rate_over_seeds(&columns).unwrap();
        assert!((interval.value - 0.5).abs() < 1e-12);
        assert!(interval.low > 0.3 && interval.high < 0.6, "{interval:?}");
    }

    #[test]
    fn one_seed_has_no_chance_of_its_own_and_a_zero_rate_has_an_interval() {
        let interval = rate_over_seeds(&[vec![vec![0.0; 240]]]).unwrap();
        assert!(interval.low == 0.0 && interval.high > 0.01, "{interval:?}");
    }

    #[test]
    fn what_does_not_line_up_has_no_interval() {
        let column = |sizes: &[usize]| -> SeededColumn {
            sizes.iter().map(|size| vec![0.0; *size]).collect()
        };
        assert_eq!(rate_over_seeds(&[]), None);
        assert_eq!(rate_over_seeds(&[column(&[])]), None);
        assert_eq!(rate_over_seeds(&[column(&[0])]), None);
        assert_eq!(rate_over_seeds(&[column(&[2, 3])]), None);
        assert_eq!(rate_over_seeds(&[column(&[2, 2]), column(&[2])]), None);
        assert_eq!(difference_over_seeds(&[column(&[2])], &[column(&[3])]), None);
        assert_eq!(difference_over_seeds(&[column(&[2])], &[]), None);
        assert_eq!(mean_of_seeds(&[]), None);
    }
}
