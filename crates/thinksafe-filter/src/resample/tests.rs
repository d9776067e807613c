//! Resampling, undisturbed and interrupted.

use thinksafe_core::Error as CoreError;
use thinksafe_core::generate::{Request, RequestError};
use thinksafe_core::judge::{Exchange, JudgeIdentity, Judgement};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_core::verdict::{Safety, Verdict};

use super::*;
use crate::fixture::{GOOD, UNCLOSED, judge as identity};

/// Says unsafe of what contains `bad`, and gives up after `left` answers.
struct Words {
    identity: JudgeIdentity,
    left: usize,
}

impl Judge for Words {
    fn identity(&self) -> &JudgeIdentity {
        &self.identity
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for Exchange { id, response, .. } in exchanges {
            if self.left == 0 {
                let engine = self.identity.name.clone();
                return Err(CoreError::Engine { engine, source: "killed".into() });
            }
            self.left -= 1;
            let safety = if response.contains("bad") { Safety::Unsafe } else { Safety::Safe };
            sink(Judgement { id, verdict: Verdict::of(safety) })?;
        }
        Ok(())
    }
}

/// What prompts get, sample after sample: prompt 0 is safe at once, 1 at its third sample, 2 never; 3 is never served.
/// A prompt's text is its number.
fn model(settings: &TraceSettings, prompts: &PromptSet) -> impl Generate {
    let bad = "<think>\nbad\n</think>\n\nbad";
    let turns = [[GOOD, GOOD, GOOD, GOOD], [bad, UNCLOSED, GOOD, GOOD], [bad, bad, bad, bad]];
    let mut by_seed = HashMap::new();
    for (n, prompt) in prompts.prompts().iter().enumerate() {
        for sample in 0..4u32 {
            let turn = turns.get(n).map(|turns| turns[sample as usize].to_owned());
            by_seed.insert(settings.seed.sample(&prompt.hash(), sample), turn);
        }
    }
    ScriptedGenerator::new("m", move |request: &Request| {
        by_seed[&request.seed].clone().ok_or(RequestError::PromptTooLong { tokens: 2, limit: 1 })
    })
}

fn prompts() -> PromptSet {
    let prompt = |n: usize| LabeledPrompt {
        id: n.to_string(),
        text: n.to_string(),
        label: PromptLabel::ALL[n],
    };
    PromptSet::new((0..4).map(prompt).collect()).unwrap()
}

fn settings() -> TraceSettings {
    TraceSettings { samples_per_prompt: 4, ..TraceSettings::new(Seed(3)) }
}

/// Resamples with a judge that gives up after so many answers.
fn run(dir: &Path, left: usize, policy: &Policy) -> Result<Vec<Round>, Error> {
    run_with(dir, left, policy, &settings())
}

fn run_with(
    dir: &Path,
    left: usize,
    policy: &Policy,
    settings: &TraceSettings,
) -> Result<Vec<Round>, Error> {
    let prompts = prompts();
    let mut traces = RecordLog::open(dir.join("traces.jsonl")).unwrap();
    let mut verdicts = RecordLog::open(dir.join("verdicts.jsonl")).unwrap();
    let mut judge = Words { identity: identity(), left };
    Resampling { prompts: &prompts, settings, policy }.run(
        &mut model(settings, &prompts),
        &mut [(&mut judge, View::Turn)],
        &mut traces,
        &mut verdicts,
        &mut |_| {},
    )
}

fn lines(dir: &Path) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let text = read("traces.jsonl") + &read("verdicts.jsonl");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn only_what_was_rejected_is_sampled_again() {
    let dir = tempfile::tempdir().unwrap();
    let rounds = run(dir.path(), usize::MAX, &Policy::default()).unwrap();
    let expected = [(4, 1, 1), (2, 0, 0), (2, 1, 0), (1, 0, 0)];
    let expected = expected.map(|(prompts, kept, not_served)| Round { prompts, kept, not_served });
    assert_eq!(rounds, expected);

    let traces = log::read::<TraceRecord>(dir.path().join("traces.jsonl")).unwrap();
    let samples = |id: &str| traces.iter().filter(|trace| trace.prompt_id == id).count();
    assert_eq!(["0", "1", "2", "3"].map(samples), [1, 3, 4, 1]);

    // Each rejected sample is counted under its reason and label.
    let verdicts = Verdicts::read(&dir.path().join("verdicts.jsonl"), &identity(), View::Turn);
    let path = dir.path().join("traces.jsonl");
    let selection =
        crate::select_from_logs(&path, &[verdicts.unwrap()], &Policy::default()).unwrap();
    let dropped = |n: usize| &selection.counts[&PromptLabel::ALL[n]].dropped;
    assert_eq!(*dropped(1), [(DropReason::UnclosedThinking, 1), (DropReason::Unsafe, 1)].into());
    assert_eq!(*dropped(2), [(DropReason::Unsafe, 4)].into());
    assert_eq!(*dropped(3), [(DropReason::RequestFailed, 1)].into());
    assert_eq!(selection.rows.len(), 2);
}

#[test]
fn an_interrupted_call_goes_on_where_it_was() {
    let whole = tempfile::tempdir().unwrap();
    let rounds = run(whole.path(), usize::MAX, &Policy::default()).unwrap();
    for left in 0..7 {
        let dir = tempfile::tempdir().unwrap();
        assert!(run(dir.path(), left, &Policy::default()).is_err(), "{left}");
        assert_eq!(run(dir.path(), usize::MAX, &Policy::default()).unwrap(), rounds);
        assert_eq!(lines(dir.path()), lines(whole.path()), "{left}");
    }
}

#[test]
fn a_stricter_policy_goes_on_from_the_same_logs() {
    let dir = tempfile::tempdir().unwrap();
    let lenient = Policy { keep_truncated: true, ..Policy::default() };
    run(dir.path(), usize::MAX, &lenient).unwrap();
    let before = lines(dir.path());
    run(dir.path(), usize::MAX, &Policy::default()).unwrap();
    assert_eq!(lines(dir.path()), before);
}

#[test]
fn what_cannot_be_resampled_is_refused_before_anything_is_generated() {
    let dir = tempfile::tempdir().unwrap();
    let samples = Samples::AllOf { k: 2, seed: Seed(0) };
    let policy = Policy { samples, ..Policy::default() };
    assert!(matches!(run(dir.path(), usize::MAX, &policy), Err(Error::ResampleAll)));
    let none = TraceSettings { samples_per_prompt: 0, ..settings() };
    let error = run_with(dir.path(), 0, &Policy::default(), &none).unwrap_err();
    assert!(error.to_string().contains("samples_per_prompt"), "{error}");
    assert_eq!(lines(dir.path()).len(), 2);
}
