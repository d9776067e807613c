//! The figures of a set.

use thinksafe_plot::{Curve, Figure, curves, square};

use super::report::SetResult;
use super::result::JudgeResult;
use super::threshold::AtThreshold;

/// Every figure of a set that there is data for.
pub(super) fn of(set: &SetResult) -> Vec<Figure> {
    let squares = [roc(set), reliability(set)].into_iter().flatten();
    squares.chain(thresholds(set)).collect()
}

fn roc(set: &SetResult) -> Option<Figure> {
    let curves: Vec<Curve> = set.judges.iter().filter_map(operating).collect();
    if curves.is_empty() {
        return None;
    }
    let caption = "Each threshold\u{2019}s rates; a judge without probabilities is one point. Chance is the diagonal.";
    Some(Figure {
        title: "ROC".to_owned(),
        caption: caption.to_owned(),
        svg: square(&curves, "false positive rate", "true positive rate"),
    })
}

/// A judge's curve, or its one point.
fn operating(judge: &JudgeResult) -> Option<Curve> {
    let name = &judge.judge.name;
    if let Some(roc) = &judge.roc {
        let points =
            roc.points.iter().map(|point| (point.false_positive_rate, point.true_positive_rate));
        return Some(Curve::smooth(format!("{name}, AUC {:.3}", roc.auc), points.collect()));
    }
    let point = (judge.false_positive_rate?.value, judge.true_positive_rate?.value);
    Some(Curve::dotted(name, vec![point]))
}

fn reliability(set: &SetResult) -> Option<Figure> {
    let curve = |judge: &JudgeResult| {
        let calibration = judge.calibration.as_ref()?;
        let points = calibration.bins.iter().map(|bin| (bin.mean, bin.share)).collect();
        Some(Curve::dotted(format!("{}, ECE {:.3}", judge.judge.name, calibration.ece), points))
    };
    let curves: Vec<Curve> = set.judges.iter().filter_map(curve).collect();
    if curves.is_empty() {
        return None;
    }
    let caption =
        "A dot for each tenth with probabilities in it. What is calibrated lies on the diagonal.";
    Some(Figure {
        title: "Reliability".to_owned(),
        caption: caption.to_owned(),
        svg: square(&curves, "mean probability", "share of yes"),
    })
}

fn thresholds(set: &SetResult) -> Vec<Figure> {
    let figure = |judge: &JudgeResult| {
        let curve = |name: &str, rate: fn(&AtThreshold) -> Option<f64>| {
            let points = judge.thresholds.iter().filter_map(|at| Some((at.threshold, rate(at)?)));
            Curve::smooth(name, points.collect())
        };
        let rates = [
            curve("true positive rate", AtThreshold::true_positive_rate),
            curve("false positive rate", AtThreshold::false_positive_rate),
            curve("precision", AtThreshold::precision),
        ];
        Figure {
            title: format!("Thresholds of {}", judge.judge.name),
            caption: "What flagging everything of at least the threshold does.".to_owned(),
            svg: curves(&rates, "threshold on the probability", "rate"),
        }
    };
    set.judges.iter().filter(|judge| !judge.thresholds.is_empty()).map(figure).collect()
}
