//! Generation, interrupted and resumed.

use std::path::Path;

use proptest::prelude::*;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_core::trace::Unsplit;
use thinksafe_core::{Error as CoreError, log};

use super::*;

pub(crate) fn prompts(n: usize) -> PromptSet {
    let prompt = |i: usize| LabeledPrompt {
        id: i.to_string(),
        text: format!("request {{{i}}}"),
        label: PromptLabel::ALL[i % 4],
    };
    PromptSet::new((0..n).map(prompt).collect()).unwrap()
}

pub(crate) fn settings() -> TraceSettings {
    let sampling = Sampling { max_new_tokens: 8, ..Sampling::default() };
    TraceSettings { samples_per_prompt: 2, sampling, ..TraceSettings::new(Seed(7)) }
}

/// What a model would write: every kind of outcome, decided by prompt and seed.
pub(crate) fn answer(request: &Request) -> Result<String, RequestError> {
    let Prompt::Messages(messages) = &request.prompt else { panic!("expected messages") };
    let asked = &messages[0].content;
    Ok(match request.seed.0 % 5 {
        0 => return Err(RequestError::PromptTooLong { tokens: 9, limit: 8 }),
        1 => "<think>\na b c d e f g h i j</think>k".to_owned(),
        2 => format!("<think>\n{}\n</think>\n\nno", asked.len()),
        3 => "</think><think>".to_owned(),
        _ => format!("{}", request.seed.0),
    })
}

/// Answers in bursts from the back, and gives up after `left` answers.
pub(crate) struct Shuffling<G> {
    pub(crate) inner: G,
    pub(crate) left: usize,
}

impl<G: Generate> Generate for Shuffling<G> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        loop {
            let mut burst: Vec<Request> = requests.take(3).collect();
            if burst.is_empty() {
                return Ok(());
            }
            burst.reverse();
            for request in burst {
                if self.left == 0 {
                    return Err(CoreError::Engine {
                        engine: "shuffling".to_owned(),
                        source: "killed".into(),
                    });
                }
                self.left -= 1;
                self.inner.generate(&mut std::iter::once(request), sink)?;
            }
        }
    }
}

fn run(path: &Path, left: usize) -> Result<TraceCounts, Error> {
    let mut log = RecordLog::open(path)?;
    let mut engine = Shuffling { inner: ScriptedGenerator::new("m", answer), left };
    generate_traces(&mut engine, &prompts(9), &settings(), &mut log, &mut |_| {})
}

pub(crate) fn sorted_lines(path: &Path) -> Vec<String> {
    let mut lines: Vec<String> =
        std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn records_hold_what_was_asked_and_what_came_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.jsonl");
    let mut log = RecordLog::open(&path).unwrap();
    let mut seen = Vec::new();
    let mut engine = ScriptedGenerator::new("m", |request: &Request| {
        let Prompt::Messages(messages) = &request.prompt else { panic!("expected messages") };
        seen.push(messages[0].content.clone());
        Ok("<think>\nt\n</think>\n\na".to_owned())
    });
    let mut steps = Vec::new();
    let settings = TraceSettings::new(Seed(7));
    generate_traces(&mut engine, &prompts(4), &settings, &mut log, &mut |p| steps.push(p.done))
        .unwrap();
    assert_eq!(steps, [1, 2, 3, 4]);
    let records: Vec<TraceRecord> = log::read(&path).unwrap();
    assert_eq!(records.len(), 4);
    for (record, asked) in records.iter().zip(&seen) {
        assert_eq!(record.steering.is_some(), record.label.is_harmful());
        assert_eq!(
            asked.starts_with("The following prompt is harmful."),
            record.label.is_harmful()
        );
        assert!(asked.ends_with(&record.prompt));
        assert_eq!(record.trace().unwrap().thinking.as_deref(), Some("t"));
        let turn = record.turn().unwrap();
        assert_eq!(
            (turn.whole().as_str(), turn.completion_tokens),
            ("<think>\nt\n</think>\n\na", 5)
        );
    }
}

#[test]
fn every_outcome_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.jsonl");
    let counts = run(&path, usize::MAX).unwrap();
    let records: Vec<TraceRecord> = log::read(&path).unwrap();
    assert_eq!((counts.done_before, counts.done_now, records.len()), (0, 18, 18));
    let count = |test: fn(&TraceRecord) -> bool| records.iter().filter(|r| test(r)).count() as u64;
    let failed = count(|r| r.turn().is_none());
    let unsplit = count(|r| r.turn().is_some() && r.trace().is_none());
    let truncated = count(|r| r.turn().is_some_and(Turn::is_truncated));
    assert!(failed > 0 && truncated > 0 && unsplit > truncated, "the script covers each outcome");
    assert_eq!(counts.failed, BTreeMap::from([("prompt_too_long".to_owned(), failed)]));
    assert_eq!((counts.unsplit, counts.truncated), (unsplit, truncated));
    let reasons: Vec<_> = records.iter().filter_map(TraceRecord::turn).map(|t| &t.split).collect();
    assert!(reasons.contains(&&Split::Unsplit(Unsplit::UnclosedThinking)));
    assert!(reasons.contains(&&Split::Unsplit(Unsplit::OutOfOrder)));
}

#[test]
fn a_second_run_does_nothing_and_another_setting_starts_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.jsonl");
    run(&path, usize::MAX).unwrap();
    let before = std::fs::read(&path).unwrap();
    let counts = run(&path, 0).unwrap();
    assert_eq!((counts.done_before, counts.done_now), (18, 0));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let changed = [
        TraceSettings { seed: Seed(8), ..settings() },
        TraceSettings { sampling: Sampling::greedy(8), ..settings() },
    ];
    for settings in changed {
        let mut log = RecordLog::open(&path).unwrap();
        let mut engine = ScriptedGenerator::new("m", answer);
        let counts =
            generate_traces(&mut engine, &prompts(9), &settings, &mut log, &mut |_| {}).unwrap();
        assert_eq!(counts.done_before, 0);
    }
    let unsteered = TraceSettings { steering: SteeringPlan::unsteered(), ..settings() };
    let mut log = RecordLog::open(&path).unwrap();
    let mut engine = ScriptedGenerator::new("m", answer);
    let counts =
        generate_traces(&mut engine, &prompts(9), &unsteered, &mut log, &mut |_| {}).unwrap();
    assert_eq!(
        counts.done_before, 8,
        "benign prompts were never steered: their samples are the same"
    );
}

#[test]
fn bad_settings_are_refused_before_anything_is_generated() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = RecordLog::open(dir.path().join("traces.jsonl")).unwrap();
    let mut engine = ScriptedGenerator::new("m", |_| panic!("must not be asked"));
    let bad = Sampling { top_p: 2.0, ..Sampling::default() };
    let cases = [
        (TraceSettings { samples_per_prompt: 0, ..settings() }, "`samples_per_prompt` is 0"),
        (TraceSettings { sampling: bad, ..settings() }, "`top_p` is 2"),
    ];
    for (settings, expected) in cases {
        let error = generate_traces(&mut engine, &prompts(1), &settings, &mut log, &mut |_| {});
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// An engine that breaks the seam's promise in some way.
struct Broken {
    answers: fn(u64) -> Vec<u64>,
    identity: Identity,
}

impl Generate for Broken {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for request in requests {
            for id in (self.answers)(request.id) {
                let outcome = Err(RequestError::Unsupported { feature: "work".to_owned() });
                sink(Completion::new(id, outcome))?;
            }
        }
        Ok(())
    }
}

/// Counts what a batch engine would.
struct Counting<G>(G);

impl<G: Generate> Generate for Counting<G> {
    fn identity(&self) -> &Identity {
        self.0.identity()
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        self.0.generate(requests, &mut |completion| {
            let counters = Counters { shared_tokens: 16, preemptions: completion.id % 2 };
            sink(Completion { counters, ..completion })
        })
    }
}

#[test]
fn what_the_engine_counts_is_in_the_progress_and_in_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, engine: &mut dyn Generate| {
        let path = dir.path().join(name);
        let (mut log, mut notes) = (RecordLog::open(&path).unwrap(), Vec::new());
        let show = &mut |progress: Progress| notes.push(progress.note);
        let counts = generate_traces(engine, &prompts(9), &settings(), &mut log, show).unwrap();
        (sorted_lines(&path), counts.engine, notes.pop().unwrap())
    };
    let plain = run("plain", &mut ScriptedGenerator::new("m", answer));
    let counted = run("counted", &mut Counting(ScriptedGenerator::new("m", answer)));
    assert_eq!(counted.0, plain.0);
    assert_eq!((plain.1, plain.2), (Counters::default(), None));
    assert_eq!(counted.1, Counters { shared_tokens: 18 * 16, preemptions: 9 });
    assert_eq!(counted.2.as_deref(), Some("288 tokens shared, 9 preempted"));
}

#[test]
fn an_engine_that_breaks_its_promise_is_an_error() {
    assert_broken(|_| Vec::new(), "left 18 of 18 requests unanswered");
    assert_broken(|id| vec![id, id], "is already in the log");
    assert_broken(|_| vec![1_000], "request 1000, which was never made");
}

#[track_caller]
fn assert_broken(answers: fn(u64) -> Vec<u64>, expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut log = RecordLog::open(dir.path().join("traces.jsonl")).unwrap();
    let identity = ScriptedGenerator::new("m", answer).identity().clone();
    let mut engine = Broken { answers, identity };
    let error =
        generate_traces(&mut engine, &prompts(9), &settings(), &mut log, &mut |_| {}).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {source}").contains(expected), "{error}: {source}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Stopped after any number of samples, its last line torn at any byte, and resumed: the same lines.
    #[test]
    fn a_resumed_run_leaves_the_lines_of_an_undisturbed_one(left in 0usize..18, torn in 0usize..900) {
        let dir = tempfile::tempdir().unwrap();
        let (whole, resumed) = (dir.path().join("whole.jsonl"), dir.path().join("resumed.jsonl"));
        run(&whole, usize::MAX).unwrap();
        prop_assert!(run(&resumed, left).is_err());
        let bytes = std::fs::read(&resumed).unwrap();
        std::fs::write(&resumed, &bytes[..bytes.len() - torn.min(bytes.len())]).unwrap();
        let counts = run(&resumed, usize::MAX).unwrap();
        prop_assert!(counts.done_before as usize <= left);
        prop_assert_eq!(counts.done_before + counts.done_now, 18);
        prop_assert_eq!(sorted_lines(&whole), sorted_lines(&resumed));
    }
}
