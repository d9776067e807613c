//! The page's sections and figures. One without data is left out.

use thinksafe_plot::{Curve, Figure, curves, escape, facts, figures};

use super::TrainingReport;
use crate::fit::Ending;
use crate::record::{StepRecord, term_names};

/// The whole page.
pub(super) fn page(report: &TrainingReport) -> String {
    let body = [
        header(report),
        figures(&all_figures(report)),
        section("data", "Data", &report.data),
        section("settings", "Settings", &report.settings),
    ];
    thinksafe_plot::page(&report.title, &body.concat())
}

fn header(report: &TrainingReport) -> String {
    let tiles: String =
        [loss_tile(report), held_out_tile(report), steps_tile(report), tokens_tile(report)]
            .into_iter()
            .flatten()
            .collect();
    format!(
        "<header><p class=\"kicker\">ThinkSafe training{}</p><h1>{}</h1><div class=\"tiles four\">{tiles}</div></header>\n",
        ending(report).map_or(String::new(), |ending| format!(" \u{b7} {ending}")),
        escape(&report.title)
    )
}

fn ending(report: &TrainingReport) -> Option<&'static str> {
    Some(match report.outcome.as_ref()?.ending {
        Ending::Finished => "finished",
        Ending::OutOfPatience => "ended early: evaluations stopped improving",
        Ending::Stopped => "stopped; goes on when started again",
    })
}

/// The loss of the first steps and of the last: a single step says little.
fn loss_tile(report: &TrainingReport) -> Option<String> {
    let steps = &report.steps;
    let some = (steps.len() / 20).max(1);
    let mean =
        |steps: &[StepRecord]| steps.iter().map(|step| step.loss).sum::<f64>() / steps.len() as f64;
    let (first, last) = (steps.get(..some)?, steps.get(steps.len() - some..)?);
    let note = match some {
        1 => "first step and last".to_owned(),
        _ => format!("means of the first {some} steps and the last {some}"),
    };
    Some(change_tile("Training loss", mean(first), mean(last), &note))
}

fn held_out_tile(report: &TrainingReport) -> Option<String> {
    let first = report.evaluations.first()?;
    // Of evaluations that are as good, the earliest.
    let best = report.evaluations.iter().min_by(|a, b| a.loss.total_cmp(&b.loss))?;
    let note = format!(
        "lowest after step {}, of {} evaluations",
        grouped(best.step),
        report.evaluations.len()
    );
    Some(change_tile("Held-out loss", first.loss, best.loss, &note))
}

fn steps_tile(report: &TrainingReport) -> Option<String> {
    let last = report.steps.last()?;
    Some(tile("Optimizer steps", &grouped(last.step), &format!("{:.2} epochs", last.epoch)))
}

fn tokens_tile(report: &TrainingReport) -> Option<String> {
    let tokens: u64 = report.steps.iter().map(|step| step.tokens).sum();
    let supervised: u64 = report.steps.iter().map(|step| step.supervised_tokens).sum();
    let note =
        format!("{:.0} % of them supervised", 100.0 * supervised as f64 / tokens.max(1) as f64);
    (tokens > 0).then(|| tile("Tokens", &short(tokens), &note))
}

fn change_tile(name: &str, from: f64, to: f64, note: &str) -> String {
    let numbers = format!(
        "<span class=\"from\">{from:.3}</span><span class=\"to-arrow\">\u{2192}</span><span class=\"to\">{to:.3}</span>"
    );
    tile_of(name, &numbers, note)
}

fn tile(name: &str, number: &str, note: &str) -> String {
    tile_of(name, &format!("<span class=\"to\">{number}</span>"), note)
}

fn tile_of(name: &str, numbers: &str, note: &str) -> String {
    format!(
        "<div class=\"tile\"><h2>{name}</h2><p class=\"numbers\">{numbers}</p><p class=\"note\">{note}</p></div>"
    )
}

fn all_figures(report: &TrainingReport) -> Vec<Figure> {
    // A curve needs two points.
    if report.steps.len() < 2 {
        return Vec::new();
    }
    let mut all = vec![loss(report)];
    all.extend(terms(report));
    let by_step = |of: fn(&StepRecord) -> f64| points(report, of);
    let rate = Curve::smooth("learning rate", by_step(|step| step.lr));
    let norm = Curve::noisy("gradient norm", by_step(|step| step.grad_norm));
    all.push(figure("Gradient norm", "Before clipping.", &[norm], "2-norm"));
    all.push(figure("Learning rate", "As the schedule has it.", &[rate], "learning rate"));
    all
}

fn loss(report: &TrainingReport) -> Figure {
    let mut lines = vec![Curve::noisy("training", points(report, |step| step.loss))];
    let caption = if report.evaluations.is_empty() {
        "Each step, and their moving average."
    } else {
        let held_out = report.evaluations.iter().map(|e| (e.step as f64, e.loss)).collect();
        lines.push(Curve::dotted("held out", held_out));
        "Each step and their moving average; held-out examples where they were evaluated."
    };
    figure("Loss", caption, &lines, "loss")
}

/// The terms, if there are several.
fn terms(report: &TrainingReport) -> Option<Figure> {
    let names = term_names(&report.steps.first()?.terms);
    if names.len() < 2 {
        return None;
    }
    let line = |(index, name): (usize, String)| {
        let value = |step: &StepRecord| Some((step.step as f64, step.terms.get(index)?.value));
        Curve::noisy(name.replace('_', " "), report.steps.iter().filter_map(value).collect())
    };
    let lines: Vec<Curve> = names.into_iter().enumerate().map(line).collect();
    Some(figure(
        "Terms of the loss",
        "Their sum is the loss; factors included.",
        &lines,
        "share of the loss",
    ))
}

fn figure(title: &str, caption: &str, lines: &[Curve], y: &str) -> Figure {
    let svg = curves(lines, "optimizer step", y);
    Figure { title: title.to_owned(), caption: caption.to_owned(), svg }
}

fn points(report: &TrainingReport, of: impl Fn(&StepRecord) -> f64) -> Vec<(f64, f64)> {
    report.steps.iter().map(|step| (step.step as f64, of(step))).collect()
}

fn section(id: &str, title: &str, rows: &[(String, String)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let list = facts(rows.iter().map(|(name, value)| (&**name, &**value)));
    format!("<section id=\"{id}\"><h2>{title}</h2>{list}</section>\n")
}

/// A count with its thousands apart.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count in at most four characters and a unit.
fn short(count: u64) -> String {
    match count {
        0..10_000 => grouped(count),
        10_000..1_000_000 => format!("{:.0}k", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", count as f64 / 1e6),
        _ => format!("{:.2}B", count as f64 / 1e9),
    }
}
