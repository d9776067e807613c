//! Rewards: values, failures, and what they are shown.

use thinksafe_chat::Chat;
use thinksafe_core::generate::{Finish, Generated};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::trace::ThinkTags;
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_filter::View;
use thinksafe_sft::Subset;

use super::{Scripted, adapter, arbitrary, policy, prompts, small};
use crate::{
    AnswerReward, Error, FnReward, GrpoTrainer, GuardReward, RefusalReward, Response, Reward,
    RewardError, Rewards, RlPrompt, Score, ThinkingFormat, ThinkingOpens,
};

fn generated(text: &str) -> Generated {
    Generated {
        opening: String::new(),
        text: text.to_owned(),
        ids: vec![1; 3],
        untold_tokens: 0,
        finish: Finish::EndOfTurn(1),
        prompt_tokens: 1,
        logprobs: None,
    }
}

fn score(reward: impl Reward, prompt: &RlPrompt, text: &str) -> Score {
    let (mut reward, generated) = (reward, generated(text));
    let responses = [Response::new(prompt, &generated, &ThinkTags::default())];
    reward.score(&responses).unwrap().remove(0)
}

#[test]
fn the_template_says_who_opens_the_thinking() {
    let dir = tempfile::tempdir().unwrap();
    let folder = thinksafe_mini::write_to(dir.path()).unwrap().model;
    let format = || ThinkingFormat::of(&Chat::load(&folder).unwrap()).unwrap();
    assert_eq!(format(), ThinkingFormat::new(ThinkingOpens::ByModel));
    let template = folder.join("chat_template.jinja");
    let text = std::fs::read_to_string(&template).unwrap();
    std::fs::write(&template, text + "{{ '<think>\n' }}").unwrap();
    assert_eq!(format(), ThinkingFormat::new(ThinkingOpens::ByTemplate));
}

fn asked(label: PromptLabel) -> RlPrompt {
    RlPrompt::new("p", "a question", label)
}

#[test]
fn refusing_pays_on_harmful_prompts_and_costs_on_benign_ones() {
    let harmful = asked(PromptLabel::VanillaHarmful);
    let benign = asked(PromptLabel::VanillaBenign);
    let cases = [
        ("<think>x</think>I'm sorry, no.", 1.0, -1.0),
        ("<think>x</think>First do this.", 0.0, 0.0),
        ("<think>I'm sorry", 0.0, -1.0),
    ];
    for (text, on_harmful, on_benign) in cases {
        assert_eq!(score(RefusalReward::default(), &harmful, text), Score::Value(on_harmful));
        assert_eq!(score(RefusalReward::default(), &benign, text), Score::Value(on_benign));
    }
    let blank = score(RefusalReward::default(), &harmful, "<think>x</think>");
    assert!(matches!(blank, Score::Undetermined(_)));
}

#[test]
fn answers_are_checked_where_there_is_one_to_check_with() {
    let sum = asked(PromptLabel::VanillaBenign).with_answer("4");
    let cases = [("<think>x</think>It is 4.", 1.0), ("<think>x</think>5", 0.0), ("<think>4", 0.0)];
    for (text, value) in cases {
        assert_eq!(score(AnswerReward::default(), &sum, text), Score::Value(value), "{text}");
    }
    let other = asked(PromptLabel::VanillaBenign);
    assert_eq!(score(AnswerReward::default(), &other, "4"), Score::NotApplicable);
}

#[test]
fn a_guard_is_shown_the_plain_prompt_and_what_the_view_says() {
    let prompt = asked(PromptLabel::VanillaHarmful);
    let turn = "<think>\nfirst\n</think>\n\nthen";
    let guard = |shown: &'static str| {
        Scripted::new(move |exchange| {
            assert_eq!(exchange.prompt, "a question");
            let p_unsafe = Some(if exchange.response == shown { 0.25 } else { 0.75 });
            Verdict { p_unsafe, ..Verdict::of(Safety::Safe) }
        })
    };
    assert_eq!(score(GuardReward::new(guard(turn), View::Turn), &prompt, turn), Score::Value(0.75));
    let answer = GuardReward::new(guard("then"), View::Answer);
    assert_eq!(score(answer, &prompt, turn), Score::Value(0.75));
    // The worst of the parts, and nothing to judge.
    let parts = GuardReward::new(guard("then"), View::Parts);
    assert_eq!(score(parts, &prompt, turn), Score::Value(0.25));
    let none = GuardReward::new(guard("then"), View::Answer);
    assert_eq!(score(none, &prompt, "<think>on and on"), Score::Value(0.0));
    let silent = Scripted::new(|_| Verdict::of(Safety::Controversial));
    assert_eq!(score(GuardReward::new(silent, View::Turn), &prompt, turn), Score::Value(0.0));
}

#[test]
fn a_sum_is_weighted_routed_and_unknown_where_a_part_is() {
    let harmful = asked(PromptLabel::VanillaHarmful);
    let benign = asked(PromptLabel::VanillaBenign);
    let texts = [generated("a"), generated("b")];
    let tags = ThinkTags::default();
    let responses =
        [Response::new(&harmful, &texts[0], &tags), Response::new(&benign, &texts[1], &tags)];
    let value = |value: f64| move |_: &Response<'_>| Ok(Score::Value(value));
    let mut sum = Rewards::new().with(FnReward::new("one", "1", value(1.0)), 0.5).with_on(
        FnReward::new("two", "1", value(2.0)),
        2.0,
        Subset::Harmful,
    );
    let marks = sum.score(&responses).unwrap();
    assert_eq!((marks[0].total, marks[1].total), (Some(4.5), Some(0.5)));
    assert_eq!(marks[1].scores, [Score::Value(1.0), Score::NotApplicable]);

    let unknown = |_: &Response<'_>| Ok(Score::Undetermined("why".to_owned()));
    let mut sum = sum.with_on(FnReward::new("three", "1", unknown), 0.0, Subset::Benign);
    let marks = sum.score(&responses).unwrap();
    assert_eq!((marks[0].total, marks[1].total), (Some(4.5), None));

    let mut partial =
        Rewards::new().with_on(FnReward::new("one", "1", value(1.0)), 1.0, Subset::Harmful);
    let error = partial.score(&responses).unwrap_err();
    assert!(matches!(error, Error::NoReward { ref prompt } if prompt == "p"), "{error}");
}

/// A reward that gives one score whatever it is shown.
struct Single;

impl Reward for Single {
    fn name(&self) -> &'static str {
        "single"
    }

    fn identity(&self) -> thinksafe_core::hash::ContentHash {
        thinksafe_core::hash::ContentHash::of_bytes("single")
    }

    fn score(&mut self, _: &[Response<'_>]) -> Result<Vec<Score>, RewardError> {
        Ok(vec![Score::Value(0.0)])
    }
}

#[test]
fn a_reward_that_fails_is_an_error_that_names_it_and_the_prompt() {
    let (mut policy, prompts) = (policy(), prompts(2));
    let second = prompts[1].id.clone();
    let throws = FnReward::new("thrower", "1", |response: &Response<'_>| {
        if response.prompt.id == second {
            return Err("the server is down".into());
        }
        Ok(Score::Value(0.0))
    });
    let rewards = arbitrary().with(throws, 1.0);
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, rewards, small()).unwrap();
    let before = adapter(trainer.generator());
    let error = trainer.step().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`thrower`") && text.contains(&format!("`{second}`")), "{text}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "the server is down");
    assert_eq!(trainer.steps_done(), 0);
    assert!(adapter(trainer.generator()).equal(&before));
    drop(trainer);

    let nan = |_: &Response<'_>| Ok(Score::Value(f64::NAN));
    let bad = [
        Rewards::new().with(FnReward::new("nan", "1", nan), 1.0),
        Rewards::new().with(Single, 1.0),
    ];
    for (rewards, expected) in bad.into_iter().zip(["`nan` is NaN", "gave 1 scores for 8"]) {
        let mut trainer = GrpoTrainer::new(&mut policy, &prompts, rewards, small()).unwrap();
        let error = trainer.step().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn sums_without_sense_are_refused() {
    let (mut policy, prompts) = (policy(), prompts(1));
    let twice = || {
        arbitrary()
            .with(FnReward::new("arbitrary", "2", |_: &Response<'_>| Ok(Score::Value(0.0))), 1.0)
    };
    let infinite = || Rewards::new().with(RefusalReward::default(), f64::INFINITY);
    for rewards in [Rewards::new(), twice(), infinite()] {
        let error = GrpoTrainer::new(&mut policy, &prompts, rewards, small()).unwrap_err();
        assert!(matches!(error, Error::Config { field: "rewards", .. }), "{error}");
    }
}
