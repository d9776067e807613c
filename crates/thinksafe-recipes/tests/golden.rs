//! Every recipe on five examples, against what `golden/gen_recipes.py` says: what is asked, and text, learnt bytes and
//! label of what is kept.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde::Deserialize;
use thinksafe_core::Error as CoreError;
use thinksafe_core::generate::Request;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::message::Prompt;
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_core::trace::{ThinkTags, Trace};
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_recipes::{
    DIRECT_REFUSAL_THOUGHT, Error, Lesson, Protocol, Supervised, direct_refusal, harmful_half,
    question_and_answer, safepath, without_reasoning,
};
use thinksafe_steering::Preset;
use thinksafe_trace::PromptSet;

#[derive(Deserialize)]
struct Golden {
    thinksafe: BTreeMap<String, Vec<Case>>,
    rejection_sampling: Vec<Case>,
    safechain: Vec<Case>,
    teacher_distillation: Vec<Case>,
    direct_refusal: Vec<Item>,
    safepath: Vec<Primed>,
    without_reasoning: Vec<Stripped>,
}

/// A prompt of a protocol: what is asked, what the model answers in turn, and the lessons that may come of it.
#[derive(Deserialize)]
struct Case {
    prompt: LabeledPrompt,
    asked: String,
    samples: Vec<Sample>,
    lessons: Vec<Expected>,
}

#[derive(Deserialize)]
struct Sample {
    turn: String,
    safe: bool,
}

#[derive(Deserialize)]
struct Item {
    item: String,
    lesson: Expected,
}

#[derive(Deserialize)]
struct Primed {
    prompt: LabeledPrompt,
    primer: String,
    lesson: Option<Expected>,
}

#[derive(Deserialize)]
struct Stripped {
    prompt: LabeledPrompt,
    thinking: String,
    answer: String,
    lesson: Expected,
    in_harmful_half: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Expected {
    id: String,
    instruction: String,
    turn: String,
    label: PromptLabel,
    learnt: Vec<(usize, usize)>,
}

impl From<&Lesson> for Expected {
    fn from(lesson: &Lesson) -> Self {
        let tags = ThinkTags::default();
        let pair = |bytes: Range<usize>| (bytes.start, bytes.end);
        Self {
            id: lesson.id.clone(),
            instruction: lesson.instruction.clone(),
            turn: lesson.turn(&tags),
            label: lesson.label,
            learnt: lesson.learnt(&tags).into_iter().map(pair).collect(),
        }
    }
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/recipes.json")).unwrap()
}

/// A judge that knows the verdict on each exchange by heart.
struct Table {
    identity: JudgeIdentity,
    safe: HashMap<(String, String), bool>,
}

impl Judge for Table {
    fn identity(&self) -> &JudgeIdentity {
        &self.identity
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for Exchange { id, prompt, response } in exchanges {
            let safe = self.safe[&(prompt, response)];
            let verdict = Verdict::of(if safe { Safety::Safe } else { Safety::Unsafe });
            sink(Judgement { id, verdict })?;
        }
        Ok(())
    }
}

impl Table {
    fn of(cases: &[Case]) -> Self {
        let verdicts = |case: &Case| {
            let prompt = case.prompt.text.clone();
            let one = move |sample: &Sample| ((prompt.clone(), sample.turn.clone()), sample.safe);
            case.samples.iter().map(one).collect::<Vec<_>>()
        };
        let identity =
            JudgeIdentity { name: "table".to_owned(), hash: ContentHash::of("table", &0) };
        Self { identity, safe: cases.iter().flat_map(verdicts).collect() }
    }
}

/// Runs a protocol with a model that answers each prompt with its samples in turn, and fails where anything else is asked
/// or a prompt is asked once too often.
fn collect(protocol: &Protocol, cases: &[Case]) -> Vec<Lesson> {
    let mut asked: HashMap<String, usize> = HashMap::new();
    let mut model = ScriptedGenerator::new("m", |request: &Request| {
        let Prompt::Messages(messages) = &request.prompt else { panic!("a conversation") };
        let text = &messages[0].content;
        let case = cases.iter().find(|case| case.asked == *text);
        let case = case.unwrap_or_else(|| panic!("asked {text:?}"));
        let count = asked.entry(text.clone()).or_default();
        *count += 1;
        Ok(case.samples[*count - 1].turn.clone())
    });
    let directory = tempfile::tempdir().unwrap();
    let prompts = PromptSet::new(cases.iter().map(|case| case.prompt.clone()).collect()).unwrap();
    let (run, mut guard) = (RunDir::new(directory.path()), Table::of(cases));
    let selection = protocol.collect(&run, &prompts, &mut model, &mut guard, &mut |_| {}).unwrap();
    for (case, prompt) in cases.iter().zip(prompts.prompts()) {
        assert_eq!(asked[&case.asked], case.samples.len(), "samples of {}", prompt.id);
    }
    selection.into_dataset().rows().iter().map(Lesson::from).collect()
}

/// Checks that what is kept is what the golden file has: exactly its lesson where there is one.
fn check(protocol: &Protocol, cases: &[Case]) {
    assert_eq!(cases.len(), 5);
    let kept = collect(protocol, cases);
    let expected: Vec<&Expected> = cases.iter().flat_map(|case| &case.lessons).collect();
    assert_eq!(
        kept.iter().map(Expected::from).collect::<Vec<_>>().iter().collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn thinksafe_under_each_template_of_the_paper() {
    let golden = golden();
    assert_eq!(golden.thinksafe.len(), 4);
    for (name, cases) in &golden.thinksafe {
        let template = name.parse::<Preset>().unwrap().template();
        check(&Protocol::thinksafe(&template, Seed(42)), cases);
    }
}

#[test]
fn rejection_sampling() {
    check(&Protocol::rejection_sampling(5, Seed(42)), &golden().rejection_sampling);
}

#[test]
fn teacher_distillation() {
    check(&Protocol::teacher_distillation(Seed(42)), &golden().teacher_distillation);
}

#[test]
fn safechain() {
    let cases = golden().safechain;
    let kept_by = |seed| collect(&Protocol::safechain(5, seed), &cases);
    let wanted: Vec<&Case> = cases.iter().filter(|case| !case.lessons.is_empty()).collect();
    let mut drawn = Vec::new();
    for seed in (0..10).map(Seed) {
        let kept = kept_by(seed);
        assert_eq!(kept.len(), wanted.len());
        for (lesson, case) in kept.iter().map(Expected::from).zip(&wanted) {
            let place = case.lessons.iter().position(|expected| *expected == lesson);
            drawn.push(place.unwrap_or_else(|| panic!("{lesson:?}")));
        }
    }
    // Which of the five it is depends on the seed and on the prompt.
    assert!((0..5).all(|place| drawn.contains(&place)), "{drawn:?}");
    assert_eq!(kept_by(Seed(3)), kept_by(Seed(3)));
}

#[test]
fn direct_refusals() {
    for Item { item, lesson } in golden().direct_refusal {
        let (question, answer) = question_and_answer(&item).unwrap();
        let (id, text) = (lesson.id.clone(), question.to_owned());
        let prompt = LabeledPrompt { id, text, label: PromptLabel::VanillaHarmful };
        let made = direct_refusal(&prompt, DIRECT_REFUSAL_THOUGHT, answer).unwrap();
        assert_eq!(Expected::from(&made), lesson);
    }
    assert_eq!(question_and_answer("Question: only"), None);
    assert_eq!(question_and_answer("Question: a Answer:  "), None);
}

#[test]
fn safepath_primers() {
    for Primed { prompt, primer, lesson } in golden().safepath {
        match (safepath(&prompt, &primer), lesson) {
            (Ok(made), Some(expected)) => assert_eq!(Expected::from(&made), expected),
            (Err(Error::Harmless { id, .. }), None) => assert_eq!(id, prompt.id),
            (made, _) => panic!("{made:?}"),
        }
    }
}

#[test]
fn refusals_without_reasoning_and_the_harmful_half() {
    let mut lessons = Vec::new();
    let cases = golden().without_reasoning;
    for Stripped { prompt, thinking, answer, lesson, .. } in &cases {
        let trace = Trace { thinking: Some(thinking.clone()), answer: answer.clone() };
        let (id, instruction, label) = (prompt.id.clone(), prompt.text.clone(), prompt.label);
        let whole = Lesson { id, instruction, trace, label, supervised: Supervised::Turn };
        assert_eq!(Expected::from(&without_reasoning(whole.clone())), *lesson);
        lessons.push(whole);
    }
    let half: Vec<String> = harmful_half(lessons).into_iter().map(|lesson| lesson.id).collect();
    let expected: Vec<&String> =
        cases.iter().filter(|case| case.in_harmful_half).map(|case| &case.prompt.id).collect();
    assert_eq!(half.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn blank_texts_and_harmless_prompts_are_refused_by_name() {
    let prompt = |label| LabeledPrompt { id: "7".to_owned(), text: "X".to_owned(), label };
    let blank = direct_refusal(&prompt(PromptLabel::VanillaHarmful), "Hm.", " \n").unwrap_err();
    assert_eq!(blank.to_string(), "the refusal for prompt `7` is blank");
    let blank = safepath(&prompt(PromptLabel::VanillaHarmful), "").unwrap_err();
    assert_eq!(blank.to_string(), "the primer for prompt `7` is blank");
    let harmless = direct_refusal(&prompt(PromptLabel::VanillaBenign), "Hm.", "No.").unwrap_err();
    assert_eq!(
        harmless.to_string(),
        "prompt `7` is harmless, and DirectRefusal is for harmful ones"
    );
}
