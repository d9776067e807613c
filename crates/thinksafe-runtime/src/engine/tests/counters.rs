//! What is counted and reported beside the outcomes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use thinksafe_core::generate::Counters;

use super::*;
use crate::engine::Kind;
use crate::{EngineProgress, Watch};

/// Options with memory for so many pages of the small model.
fn with_pages(count: usize) -> EngineOptions {
    let mut engine = engine(small());
    let Kind::Cpu(backend) = &engine.prepared().backend else { unreachable!("a CPU model") };
    EngineOptions { kv_bytes: count * backend.page_bytes(), ..small() }
}

fn ids(id: u64, ids: Vec<u32>, new: u32) -> Request {
    Request::new(id, Prompt::Ids(ids), Sampling::greedy(new), SampleSeed(id))
}

/// The counters of all requests, by their numbers.
fn count(engine: &mut LocalGenerator, requests: Vec<Request>) -> Vec<Counters> {
    let mut counters = vec![Counters::default(); requests.len()];
    engine
        .generate(&mut requests.into_iter(), &mut |completion| {
            completion.outcome.unwrap();
            counters[completion.id as usize] = completion.counters;
            Ok(())
        })
        .unwrap();
    counters
}

#[test]
fn tokens_of_shared_pages_are_counted() {
    let prompt = |own: u32| (0..48).map(|i| 4 + i % 90).chain([own; 5]).collect::<Vec<u32>>();
    let mut engine = engine(EngineOptions { step_tokens: 200, ..small() });
    let counters = count(&mut engine, (0..3).map(|i| ids(i, prompt(i as u32 + 5), 2)).collect());
    let shared: Vec<u64> = counters.iter().map(|c| c.shared_tokens).collect();
    assert_eq!(shared, [0, 48, 48]);
}

#[test]
fn the_tokens_that_a_page_begins_with_are_copied_and_nothing_changes() {
    let prompt = |own: u32| [vec![7; 20], vec![own; 20]].concat();
    let request = |i: u64| ids(i, prompt(i as u32 + 10), 8);
    let mut together = engine(EngineOptions { step_tokens: 200, ..small() });
    let mut texts = Vec::new();
    let requests = (0..3).map(request);
    let sink = &mut |completion: Completion| {
        let text = completion.outcome.unwrap().ids;
        texts.push((completion.id, completion.counters.shared_tokens, text));
        Ok(())
    };
    together.generate(&mut requests.into_iter(), sink).unwrap();
    for (id, shared, text) in texts {
        assert_eq!(shared, if id == 0 { 0 } else { 20 });
        let alone = one(&mut engine(small()), request(id)).unwrap();
        assert_eq!(alone.ids, text, "request {id}");
    }
}

#[test]
fn a_sequence_that_loses_its_pages_is_counted_and_answered() {
    // Each enters with two pages and grows to five; nine do not hold three such.
    let requests = || (0..3).map(|i| ids(i, vec![5 + i as u32; 20], 50)).collect::<Vec<_>>();
    let counters = count(&mut engine(with_pages(9)), requests());
    assert!(counters.iter().map(|c| c.preemptions).sum::<u64>() > 0, "{counters:?}");
    assert_eq!(counters[0].preemptions, 0, "the first keeps its pages");
    let plenty = count(&mut engine(small()), requests());
    assert_eq!(plenty.iter().map(|c| c.preemptions).sum::<u64>(), 0);
}

#[test]
fn a_watch_is_told_what_the_engine_does_by_the_callers_clock() {
    let reports: Arc<Mutex<Vec<EngineProgress>>> = Arc::default();
    let told = Arc::clone(&reports);
    let mut now = Duration::from_secs(100);
    let watch = Watch {
        // Each look at the clock is half a second after the last.
        clock: Box::new(move || {
            now += Duration::from_millis(500);
            now
        }),
        every: Duration::from_secs(1),
        requests: Some(4),
        report: Box::new(move |progress| told.lock().unwrap().push(progress.clone())),
    };
    let mut engine = engine(with_pages(40));
    engine.set_watch(Some(watch));
    let requests = (0..4).map(|i| ids(i, vec![4 + i as u32; 10], 6 + i as u32));
    count(&mut engine, requests.collect());
    let reports = reports.lock().unwrap();
    let last = reports.last().unwrap();
    assert_eq!((last.finished, last.prompt_tokens, last.generated_tokens), (4, 40, 6 + 7 + 8 + 9));
    assert_eq!((last.running, last.pages_held, last.left), (0, 0, Some(Duration::ZERO)));
    let first = &reports[0];
    assert_eq!((first.running, first.max_batch, first.pages_limit), (3, 3, 40));
    assert!(first.pages_held >= 3 && first.left.is_none());
    // Two looks at the clock a report: all the prompts' tokens within a second.
    assert!((first.prompt_rate - 30.0).abs() < 1e-9, "{first:?}");
    assert!(reports.iter().any(|r| r.finished > 0 && r.left > Some(Duration::ZERO)));
    assert!(reports.windows(2).all(|pair| pair[0].elapsed < pair[1].elapsed));
}
