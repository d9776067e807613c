//! The figures of a steering report.

use thinksafe_plot::{Curve, Figure, Series, histogram, square};

use super::draws::tilted;
use super::report::SteeringReport;

/// The acceptance of each prompt, beside what one ω for all says.
pub(super) fn acceptance(report: &SteeringReport) -> Vec<Figure> {
    let rates = report
        .prompts
        .iter()
        .filter_map(|prompt| Some((prompt.unsteered_rate?.value, prompt.steered_rate?.value)));
    let mut curves = vec![Curve::scattered("a prompt", rates.collect())];
    if let Some(omega) = report.omega {
        let points = (0..=200).map(|step| f64::from(step) / 200.0);
        let points = points.map(|rate| (rate, tilted(rate, omega.value))).collect();
        curves.push(Curve::smooth(format!("\u{3c9} = {:.1}", omega.value), points));
    }
    let caption = "Prompts of equal rates are one dot. Above the diagonal, steering helps.";
    vec![Figure {
        title: "Acceptance of each prompt".to_owned(),
        caption: caption.to_owned(),
        svg: square(&curves, "without steering", "with steering"),
    }]
}

/// How log-ratios spread about the mean of their prompt.
pub(super) fn tilt(report: &SteeringReport) -> Vec<Figure> {
    let residuals = &report.tilt.residuals;
    let series = [("unsteered", &residuals.unsteered), ("steered", &residuals.steered)]
        .map(|(name, values)| Series { name: name.to_owned(), values: values.clone() });
    if series.iter().all(|series| series.values.is_empty()) {
        return Vec::new();
    }
    let caption = "Accepted responses, less the mean of their prompt. Under the assumption all are 0 but for rounding.";
    vec![Figure {
        title: "Log-ratios within prompts".to_owned(),
        caption: caption.to_owned(),
        svg: histogram(
            &series,
            "log-ratio less its prompt\u{2019}s mean, nats",
            "share of responses, %",
        ),
    }]
}
