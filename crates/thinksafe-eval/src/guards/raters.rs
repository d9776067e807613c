//! Agreement among everyone who answered a set's question: people and judges.

use serde::{Deserialize, Serialize};

use super::agreement::{cohen_kappa, fleiss_kappa, krippendorff_alpha};

/// How far raters agree. What a rater did not answer is missing: no item is counted where there is nothing to compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// The raters: people, then judges.
    pub raters: Vec<String>,
    /// Every two of them.
    pub pairs: Vec<Pair>,
    /// Items that all answered.
    pub complete_items: u64,
    /// Fleiss' κ over those.
    pub fleiss: Option<f64>,
    /// Items that at least two answered.
    pub pairable_items: u64,
    /// Krippendorff's α over those.
    pub krippendorff: Option<f64>,
}

/// How far two raters agree, over the items that both answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// One.
    pub first: String,
    /// The other.
    pub second: String,
    /// Items that both answered.
    pub items: u64,
    /// The share of them that they answered alike; absent if there are none.
    pub observed: Option<f64>,
    /// Cohen's κ.
    pub kappa: Option<f64>,
}

/// A rater's name, and its answer to each item if it gave one.
pub(super) type Rater = (String, Vec<Option<bool>>);

impl Agreement {
    pub(super) fn of(raters: &[Rater]) -> Self {
        let items = raters.first().map_or(0, |(_, answers)| answers.len());
        let given = |item: usize| -> Vec<bool> {
            raters.iter().filter_map(|(_, answers)| *answers.get(item)?).collect()
        };
        let values: Vec<Vec<bool>> = (0..items).map(given).collect();
        let complete: Vec<Vec<bool>> =
            values.iter().filter(|values| values.len() == raters.len()).cloned().collect();
        let pairs = raters
            .iter()
            .enumerate()
            .flat_map(|(i, first)| raters[i + 1..].iter().map(move |second| pair(first, second)));
        Self {
            raters: raters.iter().map(|(name, _)| name.clone()).collect(),
            pairs: pairs.collect(),
            complete_items: complete.len() as u64,
            fleiss: fleiss_kappa(&complete),
            pairable_items: values.iter().filter(|values| values.len() > 1).count() as u64,
            krippendorff: krippendorff_alpha(&values),
        }
    }
}

fn pair((first, a): &Rater, (second, b): &Rater) -> Pair {
    let both: Vec<(bool, bool)> =
        a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect();
    let alike = both.iter().filter(|(a, b)| a == b).count() as f64;
    Pair {
        first: first.clone(),
        second: second.clone(),
        items: both.len() as u64,
        observed: (!both.is_empty()).then(|| alike / both.len() as f64),
        kappa: cohen_kappa(&both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_answered_is_missing_and_not_a_no() {
        let rater = |name: &str, answers: [Option<bool>; 4]| (name.to_owned(), answers.to_vec());
        let (yes, no) = (Some(true), Some(false));
        let raters = [
            rater("a", [yes, no, None, None]),
            rater("b", [yes, no, no, None]),
            rater("c", [yes, yes, None, no]),
        ];
        let agreement = Agreement::of(&raters);
        assert_eq!((agreement.complete_items, agreement.pairable_items), (2, 2));
        let pairs: Vec<_> =
            agreement.pairs.iter().map(|p| (&*p.first, &*p.second, p.items, p.observed)).collect();
        let expected =
            [("a", "b", 2, Some(1.0)), ("a", "c", 2, Some(0.5)), ("b", "c", 2, Some(0.5))];
        assert_eq!(pairs, expected);
        assert_eq!(agreement.pairs[0].kappa, Some(1.0));
    }

    #[test]
    fn nobody_agrees_about_nothing() {
        let agreement = Agreement::of(&[]);
        assert_eq!((agreement.fleiss, agreement.krippendorff), (None, None));
        let pair = &Agreement::of(&[("a".into(), vec![]), ("b".into(), vec![])]).pairs[0];
        assert_eq!((pair.observed, pair.kappa), (None, None));
    }
}
