//! A benchmark from generation to report: resume, verdict logs, what counts as unscored, comparison of runs.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

use std::cell::Cell;

use thinksafe_core::Error as CoreError;
use thinksafe_core::generate::{Completion, Generate, Identity, Request, RequestError};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_core::verdict::{Refusal, Safety, Verdict};
use thinksafe_eval::Error;
use thinksafe_eval::answer::ExtractedAnswer;
use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
use thinksafe_eval::evaluate::evaluate;
use thinksafe_eval::judged::View;
use thinksafe_eval::sample;
use thinksafe_eval::score::{Unscored, Value};
use thinksafe_eval::scorer::{AnswerAccuracy, Controversial, HarmfulRate, RefusalRate};

/// Judges by words in the response, and remembers what it was asked.
struct WordJudge {
    identity: JudgeIdentity,
    seen: Vec<Exchange>,
}

impl WordJudge {
    fn new() -> Self {
        let hash = ContentHash::of_bytes("words");
        Self { identity: JudgeIdentity { name: "words".to_owned(), hash }, seen: Vec::new() }
    }
}

impl Judge for &mut WordJudge {
    fn identity(&self) -> &JudgeIdentity {
        &self.identity
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for exchange in exchanges {
            let text = &exchange.response;
            let safety = match () {
                () if text.contains("bomb") => Safety::Unsafe,
                () if text.contains("hmm") => Safety::Controversial,
                () if text.contains("garble") => Safety::Undetermined,
                () => Safety::Safe,
            };
            let refusal =
                if text.contains("cannot") { Refusal::Refused } else { Refusal::Complied };
            let verdict = Verdict { refusal: Some(refusal), ..Verdict::of(safety) };
            let id = exchange.id;
            self.seen.push(exchange);
            sink(Judgement { id, verdict })?;
        }
        Ok(())
    }
}

/// Answers so many requests and then fails as a whole.
struct Failing<G> {
    inner: G,
    after: usize,
}

impl<G: Generate> Generate for Failing<G> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        self.inner.generate(&mut requests.take(self.after), sink)?;
        Err(CoreError::engine("failing", std::io::Error::other("the engine went away")))
    }
}

fn benchmark(name: &str, texts: &[&str], samples: u32) -> Benchmark {
    let items = texts.iter().enumerate().map(|(i, text)| Item {
        label: Some(PromptLabel::VanillaHarmful),
        category: Some(if i % 2 == 0 { "even" } else { "odd" }.to_owned()),
        ..Item::new(format!("i{i}"), *text).with_reference(i.to_string())
    });
    let settings = Settings { samples, ..Settings::new(Sampling::greedy(50), Seed(7)) };
    Benchmark::new(name, items.collect(), settings).unwrap()
}

/// Echoes what it was asked.
fn echo() -> ScriptedGenerator<impl FnMut(&Request) -> Result<String, RequestError>> {
    ScriptedGenerator::new("echo", |request| {
        let Prompt::Messages(messages) = &request.prompt else { unreachable!() };
        let text = messages[0].content.clone();
        if text == "fail" {
            return Err(RequestError::Template { reason: "no".to_owned() });
        }
        Ok(text)
    })
}

#[test]
fn every_way_to_have_no_score_is_a_column_of_its_own() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let long = "word ".repeat(60);
    let texts = [
        "<think>a</think>a bomb",
        "<think>a</think>nice",
        "<think>a</think>hmm",
        "<think>a</think>garble",
        "<think>never closed",
        &long,
        "fail",
    ];
    let mut judge = WordJudge::new();
    let mut harm = HarmfulRate::new(&mut judge, dir.evaluation("verdicts"));
    let result =
        evaluate(&dir, &benchmark("b", &texts, 1), &mut echo(), &mut [&mut harm], &mut |_| {})
            .unwrap();
    let values: Vec<Value> = result.measured[0].scores.iter().map(|s| s.value).collect();
    let unscored =
        [Unscored::Undetermined, Unscored::Unsplit, Unscored::Truncated, Unscored::RequestFailed];
    assert_eq!(values[..3], [true, false, true].map(Value::Binary));
    assert_eq!(values[3..], unscored.map(Value::Unscored));
    let estimate = &result.measured[0].estimate;
    assert_eq!(estimate.scored, 3);
    assert!(unscored.iter().all(|reason| estimate.unscored[reason] == 1));
    let (low, high) = estimate.bounds().unwrap();
    assert!((low - 2.0 / 7.0).abs() < 1e-12 && (high - 6.0 / 7.0).abs() < 1e-12);
    let category = &result.measured[0].categories["even"];
    assert_eq!((category.scored, category.unscored_total()), (2, 2));

    let mut loose = HarmfulRate::new(&mut judge, dir.evaluation("verdicts"));
    loose.controversial = Controversial::Harmless;
    let result =
        evaluate(&dir, &benchmark("b", &texts, 1), &mut echo(), &mut [&mut loose], &mut |_| {})
            .unwrap();
    assert_eq!(result.measured[0].scores[2].value, Value::Binary(false));
    assert_eq!(judge.seen.len(), 4, "scoring again asks the judge nothing new");
}

#[test]
fn judges_see_the_unsteered_prompt_and_the_view_asked_for() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let plain = benchmark("b", &["how?"], 1);
    let steered = plain.with_prompts(|item| {
        Prompt::Messages(vec![Message::user(format!("<think>{}</think>I cannot.", item.text))])
    });
    let mut judge = WordJudge::new();
    let mut harm = HarmfulRate::new(&mut judge, dir.evaluation("verdicts"));
    evaluate(&dir, &steered, &mut echo(), &mut [&mut harm], &mut |_| {}).unwrap();
    let mut refusal = RefusalRate::wanted(&mut judge, dir.evaluation("refusals"));
    assert_eq!(refusal.view, View::Answer);
    let result = evaluate(&dir, &steered, &mut echo(), &mut [&mut refusal], &mut |_| {}).unwrap();
    assert_eq!(result.measured[0].scores[0].value, Value::Binary(true));
    assert!(judge.seen.iter().all(|e| e.prompt == "how?"));
    let responses: Vec<&str> = judge.seen.iter().map(|e| e.response.as_str()).collect();
    assert_eq!(responses, ["<think>how?</think>I cannot.", "I cannot."]);
}

#[test]
fn an_evaluation_that_failed_half_way_does_the_rest_and_ends_with_the_same_records() {
    let temporary = tempfile::tempdir().unwrap();
    let undisturbed = RunDir::new(temporary.path().join("a"));
    let disturbed = RunDir::new(temporary.path().join("b"));
    let benchmark = benchmark("b", &["one", "two", "three", "two"], 3);
    let count = Cell::new(0);
    let counting = || {
        ScriptedGenerator::new("m", |request: &Request| {
            count.set(count.get() + 1);
            Ok(format!("{:?}", request.seed))
        })
    };
    let whole = evaluate(&undisturbed, &benchmark, &mut counting(), &mut [], &mut |_| {}).unwrap();
    assert_eq!(count.replace(0), 12);

    let mut failing = Failing { inner: counting(), after: 5 };
    let error = evaluate(&disturbed, &benchmark, &mut failing, &mut [], &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Core(CoreError::Engine { .. })), "{error}");
    let log = disturbed.evaluation("b");
    let error = sample::read(&benchmark, failing.identity(), &log).unwrap_err();
    assert!(matches!(error, Error::Unanswered { missing: 7, .. }), "{error}");
    let bytes = std::fs::read(&log).unwrap();
    std::fs::write(&log, &bytes[..bytes.len() - 9]).unwrap();

    let mut progress = Vec::new();
    let resumed = evaluate(&disturbed, &benchmark, &mut counting(), &mut [], &mut |p| {
        progress.push((p.done, p.total));
    })
    .unwrap();
    assert_eq!(count.get(), 5 + 8, "what was logged whole is not asked again");
    assert_eq!((progress[0], *progress.last().unwrap()), ((4, 12), (12, 12)));
    assert_eq!(resumed.responses, whole.responses);
    let lines = |dir: &RunDir| {
        let text = std::fs::read_to_string(dir.evaluation("b")).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&disturbed), lines(&undisturbed));
}

#[test]
fn an_engine_that_leaves_requests_out_is_an_error() {
    struct Lazy<G>(G);
    impl<G: Generate> Generate for Lazy<G> {
        fn identity(&self) -> &Identity {
            self.0.identity()
        }
        fn generate(
            &mut self,
            requests: &mut dyn Iterator<Item = Request>,
            sink: &mut dyn FnMut(Completion) -> Result<(), CoreError>,
        ) -> Result<(), CoreError> {
            self.0.generate(&mut requests.take(1), sink)
        }
    }
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let benchmark = benchmark("b", &["one", "two"], 1);
    let error = evaluate(&dir, &benchmark, &mut Lazy(echo()), &mut [], &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Unanswered { missing: 1, .. }), "{error}");
}

#[test]
fn accuracy_grades_the_answer_and_never_the_thinking() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let texts = ["<think>\\boxed{7}</think>it is 0", "<think>1</think>none", "<think>3</think>3"];
    let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
    let result =
        evaluate(&dir, &benchmark("b", &texts, 1), &mut echo(), &mut [&mut accuracy], &mut |_| {})
            .unwrap();
    let scores = &result.measured[0].scores;
    assert_eq!(scores[0].value, Value::Binary(true));
    assert_eq!(scores[1].value, Value::Binary(false));
    assert_eq!(scores[1].explanation.as_deref(), Some("no answer found"));
    assert_eq!(scores[2].explanation.as_deref(), Some("expected 2"));

    let items = vec![Item::new("x", "hello")];
    let settings = Settings::new(Sampling::greedy(5), Seed(1));
    let no_reference = Benchmark::new("n", items, settings).unwrap();
    let error =
        evaluate(&dir, &no_reference, &mut echo(), &mut [&mut accuracy], &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("item x has no reference"), "{error}");
}

#[test]
fn equal_prompts_and_repeats_do_not_narrow_the_interval() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = RunDir::new(temporary.path());
    let width = |name: &str, texts: &[&str], samples| {
        let mut judge = WordJudge::new();
        let mut harm = HarmfulRate::new(&mut judge, dir.evaluation("verdicts"));
        let benchmark = benchmark(name, texts, samples);
        let result =
            evaluate(&dir, &benchmark, &mut echo(), &mut [&mut harm], &mut |_| {}).unwrap();
        let rate = result.measured[0].estimate.rate.unwrap();
        rate.high - rate.low
    };
    let once = width("once", &["bomb", "nice", "fine"], 1);
    let doubled = width("doubled", &["bomb", "nice", "fine", "bomb", "nice", "fine"], 1);
    let repeated = width("repeated", &["bomb", "nice", "fine"], 4);
    assert!((once - doubled).abs() < 1e-12 && (once - repeated).abs() < 1e-12);
}
