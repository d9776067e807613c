//! The page: its sections in their order.

use super::{Report, browser, figures, sections};

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let body: String = [
        sections::header(report),
        sections::results(report),
        thinksafe_plot::figures(&figures::all(report)),
        sections::unscored(report),
        sections::categories(report),
        browser::section(report),
        sections::provenance(report),
    ]
    .concat();
    thinksafe_plot::page(&report.title, &body)
}
