//! Judging, interrupted and resumed.

use std::path::PathBuf;

use proptest::prelude::*;
use thinksafe_core::Error as CoreError;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::verdict::Safety;
use thinksafe_trace::SteeringUsed;

use super::*;
use crate::fixture::{GOOD, UNCLOSED, failed, finished, judge as identity};

/// Says unsafe of what contains `bad`, answers in bursts from the back, and gives up after `left` answers.
struct Scripted {
    identity: JudgeIdentity,
    left: usize,
    seen: Vec<(String, String)>,
}

impl Scripted {
    fn new(left: usize) -> Self {
        Self { identity: identity(), left, seen: Vec::new() }
    }
}

impl Judge for Scripted {
    fn identity(&self) -> &JudgeIdentity {
        &self.identity
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        loop {
            let mut burst: Vec<Exchange> = exchanges.take(3).collect();
            if burst.is_empty() {
                return Ok(());
            }
            burst.reverse();
            for Exchange { id, prompt, response } in burst {
                if self.left == 0 {
                    let engine = self.identity.name.clone();
                    return Err(CoreError::Engine { engine, source: "killed".into() });
                }
                self.left -= 1;
                let unsafe_ = response.contains("bad");
                self.seen.push((prompt, response));
                let safety = if unsafe_ { Safety::Unsafe } else { Safety::Safe };
                sink(Judgement { id, verdict: Verdict::of(safety) })?;
            }
        }
    }
}

fn traces(dir: &Path) -> PathBuf {
    let path = dir.join("traces.jsonl");
    let mut log = RecordLog::open(&path).unwrap();
    let records = [
        finished(0, GOOD),
        finished(1, "<think>\nbad\n</think>\n\nfine"),
        failed(2),
        finished(3, UNCLOSED),
        finished(4, "plain"),
        finished(5, "<think>\n\n</think>\n\nbad"),
        finished(6, GOOD),
    ];
    for record in &records {
        log.append(record).unwrap();
    }
    path
}

fn run(dir: &Path, log: &str, judge: &mut Scripted, view: View) -> Result<JudgeCounts, Error> {
    let mut verdicts = RecordLog::open(dir.join(log)).unwrap();
    judge_traces(judge, &traces_once(dir), view, &mut verdicts, &mut |_| {})
}

fn traces_once(dir: &Path) -> PathBuf {
    let path = dir.join("traces.jsonl");
    if path.exists() { path } else { traces(dir) }
}

fn sorted_lines(path: &Path) -> Vec<String> {
    let mut lines: Vec<String> =
        std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn what_cannot_be_judged_is_skipped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let counts = run(dir.path(), "v.jsonl", &mut Scripted::new(99), View::Turn).unwrap();
    assert_eq!((counts.done_before, counts.done_now), (0, 5));
    assert_eq!((counts.skipped_failed, counts.skipped_unsplit), (1, 1));
    let again = run(dir.path(), "v.jsonl", &mut Scripted::new(0), View::Turn).unwrap();
    assert_eq!((again.done_before, again.done_now), (5, 0));
}

#[test]
fn each_view_shows_its_parts_beside_the_unsteered_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let shown = |view| {
        let mut judge = Scripted::new(99);
        run(dir.path(), "v.jsonl", &mut judge, view).unwrap();
        judge.seen.sort();
        judge.seen.into_iter().filter(|(prompt, _)| prompt == "request 1").map(|(_, r)| r).collect()
    };
    let turn: Vec<String> = shown(View::Turn);
    assert_eq!(turn, ["<think>\nbad\n</think>\n\nfine"]);
    assert_eq!(shown(View::Answer) as Vec<String>, ["fine"]);
    assert_eq!(shown(View::Parts) as Vec<String>, ["bad", "fine"]);
}

#[test]
fn parts_are_recorded_together_in_the_order_of_the_turn() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), "v.jsonl", &mut Scripted::new(99), View::Parts).unwrap();
    let records: Vec<VerdictRecord> = log::read(dir.path().join("v.jsonl")).unwrap();
    let of = |n, turn| {
        let key = finished(n, turn).key;
        let record = records.iter().find(|record| record.trace == key).unwrap();
        record.verdicts.iter().map(|v| (v.segment, v.verdict.safety)).collect::<Vec<_>>()
    };
    let both = [(Segment::Thinking, Safety::Unsafe), (Segment::Answer, Safety::Safe)];
    assert_eq!(of(1, "<think>\nbad\n</think>\n\nfine"), both);
    assert_eq!(of(4, "plain"), [(Segment::Answer, Safety::Safe)]);
    assert_eq!(of(5, "<think>\n\n</think>\n\nbad"), [(Segment::Answer, Safety::Unsafe)]);
}

/// A judge that answers exchanges as `answers` maps their ids.
struct Broken(JudgeIdentity, fn(u64) -> Vec<u64>);

impl Judge for Broken {
    fn identity(&self) -> &JudgeIdentity {
        &self.0
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for exchange in exchanges {
            for id in (self.1)(exchange.id) {
                sink(Judgement { id, verdict: Verdict::of(Safety::Safe) })?;
            }
        }
        Ok(())
    }
}

#[track_caller]
fn assert_broken(answers: fn(u64) -> Vec<u64>, expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut verdicts = RecordLog::open(dir.path().join("v.jsonl")).unwrap();
    let mut judge = Broken(identity(), answers);
    let path = traces(dir.path());
    let error =
        judge_traces(&mut judge, &path, View::Turn, &mut verdicts, &mut |_| {}).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {source}").contains(expected), "{error}: {source}");
}

#[test]
fn a_judge_that_breaks_its_promise_is_an_error() {
    assert_broken(|_| Vec::new(), "left 5 traces without a verdict");
    assert_broken(|id| vec![id, id], "which is not open");
    assert_broken(|_| vec![1_000], "exchange 1000, which is not open");
    assert_broken(|id| vec![id + 1], "exchange 1, which is not open");
}

#[test]
fn a_broken_trace_log_is_an_error_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = traces(dir.path());
    let text = std::fs::read_to_string(&path).unwrap().replacen("\"prompt\":", "\"promt\":", 1);
    std::fs::write(&path, text).unwrap();
    let error = run(dir.path(), "v.jsonl", &mut Scripted::new(99), View::Turn).unwrap_err();
    assert!(error.to_string().contains("traces.jsonl:2: not a valid thinksafe.trace"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_resumed_run_leaves_the_lines_of_an_undisturbed_one(left in 0usize..7, torn in 0usize..400) {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), "whole.jsonl", &mut Scripted::new(99), View::Parts).unwrap();
        let _ = run(dir.path(), "resumed.jsonl", &mut Scripted::new(left), View::Parts);
        let resumed = dir.path().join("resumed.jsonl");
        let bytes = std::fs::read(&resumed).unwrap();
        std::fs::write(&resumed, &bytes[..bytes.len() - torn.min(bytes.len())]).unwrap();
        let counts = run(dir.path(), "resumed.jsonl", &mut Scripted::new(99), View::Parts).unwrap();
        prop_assert_eq!(counts.done_before + counts.done_now, 5);
        prop_assert_eq!(sorted_lines(&dir.path().join("whole.jsonl")), sorted_lines(&resumed));
    }
}

#[test]
fn prompts_are_shown_as_they_were_asked_if_the_plan_is_the_traces_own() {
    let dir = tempfile::tempdir().unwrap();
    let plan = SteeringPlan::default();
    let template = plan.template(PromptLabel::VanillaHarmful).unwrap();
    let used = SteeringUsed { name: template.name().to_owned(), hash: template.hash() };
    let steered = TraceRecord {
        label: PromptLabel::VanillaHarmful,
        steering: Some(used),
        ..finished(0, GOOD)
    };
    let path = dir.path().join("traces.jsonl");
    let mut log = RecordLog::open(&path).unwrap();
    for record in [&steered, &finished(1, GOOD)] {
        log.append(record).unwrap();
    }
    drop(log);
    let mut verdicts = RecordLog::open(dir.path().join("verdicts.jsonl")).unwrap();
    let mut judge = Scripted::new(usize::MAX);
    let mut shown = |plan: &SteeringPlan| {
        judge.seen.clear();
        let counts = judge_traces_as_steered(
            &mut judge,
            &path,
            View::Turn,
            plan,
            &mut verdicts,
            &mut |_| {},
        );
        let prompts: Vec<String> = judge.seen.iter().map(|(prompt, _)| prompt.clone()).collect();
        counts.map(|counts| (counts.done_now, prompts))
    };
    let other = SteeringPlan::unsteered();
    let error = shown(&other).unwrap_err();
    assert!(matches!(&error, Error::Steering { prompt, .. } if prompt == "000"), "{error}");
    let expected = [template.apply(&steered.prompt), "request 1".to_owned()];
    let (done, mut prompts) = shown(&plan).unwrap();
    prompts.sort_by_key(|prompt| !prompt.contains("harmful"));
    assert_eq!((done, prompts), (2, expected.to_vec()));
    assert_eq!(shown(&plan).unwrap().0, 0, "these verdicts are found again");
    let counts = judge_traces(&mut judge, &path, View::Turn, &mut verdicts, &mut |_| {}).unwrap();
    assert_eq!(counts.done_now, 2, "and are not those on plain prompts");
}
