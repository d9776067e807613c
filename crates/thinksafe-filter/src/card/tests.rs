//! What the card says, and what it must not.

use thinksafe_core::log::RecordLog;
use thinksafe_core::verdict::{Safety, Verdict};

use super::*;
use crate::fixture::{GOOD, finished, judge, sample, scored, verdict};
use crate::policy::Policy;
use crate::select::{Verdicts, select};
use crate::view::View;

#[test]
fn removal_is_of_prompts_and_not_of_samples() {
    let traces: Vec<_> = (0..3).map(|index| sample(0, index, GOOD)).collect();
    let judged = traces.iter().enumerate().map(|(n, trace)| {
        verdict(trace, &[Verdict::of(if n == 1 { Safety::Safe } else { Safety::Unsafe })])
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.jsonl");
    let mut log = RecordLog::open(&path).unwrap();
    judged.for_each(|record| log.append(&record).unwrap());
    let verdicts = Verdicts::read(&path, &judge(), View::Turn).unwrap();
    let selection = select(traces.into_iter().map(Ok), &[verdicts], &Policy::default()).unwrap();
    let info = CardInfo { title: String::new(), license: "mit".to_owned(), sources: Vec::new() };
    let card = dataset_card(&selection, &info);
    assert!(card.contains("| **this dataset** | - | 0.00 % |\n"), "{card}");
    assert!(card.contains("| acceptance | 33.33 % |\n"), "{card}");
}

fn card() -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.jsonl");
    let traces: Vec<_> = (0..8).map(|n| finished(n, GOOD)).collect();
    let mut log = RecordLog::open(&path).unwrap();
    for (n, trace) in traces.iter().enumerate() {
        let safety = if n == 0 { Safety::Unsafe } else { Safety::Safe };
        log.append(&verdict(trace, &[scored(safety, 0.25)])).unwrap();
    }
    let verdicts = Verdicts::read(&path, &judge(), View::Turn).unwrap();
    let selection = select(traces.into_iter().map(Ok), &[verdicts], &Policy::default()).unwrap();
    let info = CardInfo {
        title: "A \"title\"\nof two lines".to_owned(),
        license: "cc-by-4.0".to_owned(),
        sources: vec![Source {
            name: "Prompts".to_owned(),
            license: "mit".to_owned(),
            url: Some("https://example.org".to_owned()),
        }],
    };
    dataset_card(&selection, &info)
}

#[test]
fn the_card_says_what_the_hub_and_people_need() {
    let card = card();
    let expected = [
        "---\npretty_name: \"A \\\"title\\\"\\nof two lines\"\nlicense: \"cc-by-4.0\"\n",
        "size_categories:\n- n<1K\n",
        "  data_files: dataset.jsonl\n---\n\n# A \"title\" of two lines\n",
        "| | vanilla_harmful | adversarial_harmful | vanilla_benign | adversarial_benign |\n|---|---:|---:|---:|---:|\n",
        "| traces | 2 | 2 | 2 | 2 |\n| kept | 1 | 2 | 2 | 2 |\n| acceptance | 50.00 % | 100.00 % |",
        "| prompts | 2 | 2 | 2 | 2 |\n| prompts kept | 1 | 2 | 2 | 2 |\n",
        "| dropped: unsafe | 1 | 0 | 0 | 0 |\n",
        "| **this dataset** | 0.00 % | 25.00 % |\n| Qwen3-0.6B (paper) | 1.07 % | 4.84 % |\n",
        "* guard: guard (`",
        "* Prompts <https://example.org>, licence: mit\n",
    ];
    for text in expected {
        assert!(card.contains(text), "{text}\n--- not in ---\n{card}");
    }
}

#[test]
fn the_card_quotes_no_data() {
    let card = card();
    for text in ["request 1", "weigh", "\nfine"] {
        assert!(!card.contains(text), "{text}");
    }
}

/// The paper's kept counts, of 17,888 harmful and 22,112 benign prompts, give its Table 3 to within 0.03 points: two of
/// its own numbers for one model differ by that much.
#[test]
fn the_published_rates_agree_with_the_published_counts() {
    let kept = [
        (17_024, 21_875),
        (17_300, 21_906),
        (17_825, 21_973),
        (17_860, 21_948),
        (15_592, 19_674),
        (17_364, 21_516),
        (17_802, 21_934),
    ];
    for (published, (harmful, benign)) in PAPER_REMOVAL.iter().zip(kept) {
        let removed = |kept: i32, of: i32| 100.0 * f64::from(of - kept) / f64::from(of);
        assert!((removed(harmful, 17_888) - published.harmful).abs() <= 0.03, "{published:?}");
        assert!((removed(benign, 22_112) - published.benign).abs() <= 0.03, "{published:?}");
    }
}
