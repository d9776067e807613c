//! The printed tables against the code that makes ours.

use super::*;
use crate::catalog;

const MODELS: [&str; 9] = [
    "Qwen3-0.6B",
    "Qwen3-1.7B",
    "Qwen3-4B",
    "Qwen3-8B",
    "Qwen3-14B",
    "Qwen3-32B",
    "DeepSeek-R1-Distill-Qwen-1.5B",
    "DeepSeek-R1-Distill-Qwen-7B",
    "DeepSeek-R1-Distill-Llama-8B",
];

/// What cells and averages rounded to two decimals may differ by.
const ROUNDING: f64 = 0.0101;

/// Every average that our table computes from the cells of the paper and that the paper prints otherwise.
fn slips() -> Vec<(String, &'static str, String, f64)> {
    let mut slips = Vec::new();
    for model in MODELS {
        let table = table(model);
        for row in table.rows() {
            let published = find(model, &row.name).unwrap();
            let printed = [published.safety_average, published.reasoning_average];
            for ((group, average), printed) in
                ["safety", "reasoning"].iter().zip(table.averages(row)).zip(printed)
            {
                let average = average.unwrap().value * 100.0;
                if (average - printed).abs() > ROUNDING {
                    let what = format!("{model} {}", row.name);
                    slips.push((what, *group, format!("{average:.2}"), printed));
                }
            }
        }
    }
    slips
}

#[test]
fn our_averages_of_the_papers_cells_show_its_slips_and_no_others() {
    let expected = [
        ("Qwen3-0.6B SafeChain", "safety", "45.27", 45.20),
        ("Qwen3-1.7B ThinkSafe+WG", "safety", "16.97", 17.17),
        ("Qwen3-4B DirectRefusal", "safety", "26.11", 29.80),
        ("Qwen3-4B ThinkSafe+WG", "safety", "4.86", 5.68),
        ("Qwen3-8B ThinkSafe", "reasoning", "78.42", 78.50),
        ("DeepSeek-R1-Distill-Qwen-1.5B SafeChain", "safety", "45.83", 45.73),
        ("DeepSeek-R1-Distill-Llama-8B ThinkSafe", "reasoning", "67.57", 67.47),
    ];
    let found = slips();
    let found: Vec<_> = found.iter().map(|(w, g, a, p)| (&**w, *g, &**a, *p)).collect();
    assert_eq!(found, expected);
}

/// A rate over `n` responses is a multiple of 1/n: cells that are none, in what they name.
#[test]
fn three_cells_are_no_rate_over_their_benchmark() {
    // GPQA's 59.67 is 59.97 in the paper's table 9, which also gives the average that is printed.
    let expected = [
        ("Qwen3-8B", "SafeChain", "strongreject", 38.95),
        ("Qwen3-8B", "SafeChain", "wildjailbreak", 36.42),
        ("Qwen3-8B", "ThinkSafe", "gpqa-diamond", 59.67),
    ];
    let mut found = Vec::new();
    for row in results() {
        for name in SAFETY.iter().chain(&REASONING) {
            let percent = row.percent(name).unwrap();
            let spec = catalog::find(name).unwrap();
            let items = spec.expect.items.or(spec.expect.rows).unwrap();
            let n = (items * u64::from(spec.settings.samples)) as f64;
            let nearest = (percent / 100.0 * n).round() / n * 100.0;
            if (nearest - percent).abs() > 0.005_01 {
                found.push((row.model, row.method, *name, percent));
            }
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn every_row_belongs_to_a_model_and_stands_once() {
    let rows: usize = MODELS.iter().map(|model| table(model).rows().len()).sum();
    assert_eq!(rows, results().len());
    for row in results() {
        assert!(std::ptr::eq(find(row.model, row.method).unwrap(), row), "{row:?}");
    }
    assert_eq!(table("GPT-2").rows().len(), 0);
}
