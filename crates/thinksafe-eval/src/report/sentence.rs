//! The result in a sentence.

use super::headline::{Headline, HeadlineRun, shown};
use super::table::{interval, percent};
use crate::statistics::Interval;

/// What the last run did against the first, or what the only run did; empty if nothing was measured.
pub(crate) fn lead(headlines: &[Headline]) -> String {
    let run = |end: fn(&[HeadlineRun]) -> Option<&HeadlineRun>| {
        headlines.iter().find_map(|h| end(&h.runs)).map(|of| of.run.as_str())
    };
    match (run(<[_]>::first), run(<[_]>::last)) {
        (Some(first), Some(last)) if first != last => against(headlines, first, last),
        (Some(only), _) => alone(headlines, only),
        _ => String::new(),
    }
}

/// What a run did against the first; empty if nothing was measured in both.
pub(crate) fn against(headlines: &[Headline], first: &str, run: &str) -> String {
    let phrase = |h: &Headline| Some(compared(h.name, h.of(first)?.rate, h.of(run)?));
    let phrases: Vec<String> = shown(headlines).filter_map(phrase).collect();
    sentence(&format!("{run} against {first}"), &phrases)
}

fn alone(headlines: &[Headline], run: &str) -> String {
    let phrase = |h: &Headline| {
        Some(format!("{} {}", h.name.to_lowercase(), with_unit(&interval(h.of(run)?.rate))))
    };
    let phrases: Vec<String> = shown(headlines).filter_map(phrase).collect();
    sentence(run, &phrases)
}

fn compared(name: &str, first: Interval, run: &HeadlineRun) -> String {
    let name = name.to_lowercase();
    let [from, to] = [first, run.rate].map(|rate| percent(rate.value));
    let ends = format!("{from}\u{a0}% to {to}\u{a0}%");
    match run.change {
        None => format!("{name} has no pair to compare ({ends})"),
        Some(change) if change.high < 0.0 => format!("{name} fell from {ends}"),
        Some(change) if change.low > 0.0 => format!("{name} rose from {ends}"),
        Some(_) => format!("{name} did not clearly change ({ends})"),
    }
}

fn sentence(subject: &str, phrases: &[String]) -> String {
    if phrases.is_empty() { String::new() } else { format!("{subject}: {}.", phrases.join("; ")) }
}

/// `98.0 % [95.0, 99.2]`; the number and its unit stay on one line.
fn with_unit(interval: &str) -> String {
    interval.replacen(' ', "\u{a0}% ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Aspect;

    fn headline(aspect: Aspect, name: &'static str, runs: &[(&str, f64, Option<f64>)]) -> Headline {
        let around = |value: f64| Interval { value, low: value - 0.05, high: value + 0.05 };
        let run = |&(run, rate, change): &(&str, f64, Option<f64>)| HeadlineRun {
            run: run.to_owned(),
            rate: around(rate),
            change: change.map(around),
        };
        Headline { aspect, name, benchmarks: 1, runs: runs.iter().map(run).collect() }
    }

    #[test]
    fn a_sentence_says_what_fell_what_rose_and_what_is_not_clear() {
        let headlines = [
            headline(
                Aspect::Harm,
                "Harmful responses",
                &[("a", 0.9, None), ("b", 0.1, Some(-0.8))],
            ),
            headline(Aspect::Refusal, "Refused when harmful", &[("a", 0.1, None)]),
            headline(
                Aspect::OverRefusal,
                "Over-refusal",
                &[("a", 0.1, None), ("b", 0.12, Some(0.02))],
            ),
        ];
        let expected = "b against a: harmful responses fell from 90.0\u{a0}% to 10.0\u{a0}%; over-refusal did not clearly \
            change (10.0\u{a0}% to 12.0\u{a0}%).";
        assert_eq!(lead(&headlines), expected);
        assert_eq!(against(&headlines, "a", "c"), "");
    }

    #[test]
    fn a_single_run_has_its_rates_and_nothing_has_no_sentence() {
        let one = [headline(Aspect::Reasoning, "Answer accuracy", &[("m", 0.75, None)])];
        assert_eq!(lead(&one), "m: answer accuracy 75.0\u{a0}% [70.0, 80.0].");
        assert_eq!(lead(&[]), "");
    }
}
