//! The page: its sections in their order.

use super::{Report, browser, figures, lengths, sections};

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let body: String = [
        sections::header(report),
        sections::results(report),
        thinksafe_plot::figures(&figures::all(report)),
        sections::unscored(report),
        sections::categories(report),
        lengths::section(report),
        browser::section(&report.samples, |benchmark| report.asked(benchmark)),
        sections::provenance(report),
    ]
    .concat();
    thinksafe_plot::page(&report.title, &body)
}
