//! A teacher of another reasoning style: what other methods distil in this world.

use thinksafe_core::Error;
use thinksafe_core::generate::{
    Completion, Finish, Generate, Generated, Identity, Request, RequestError,
};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::message::Prompt;
use thinksafe_core::seed::Seed;
use thinksafe_core::trace::ThinkTags;

use crate::arithmetic::Problem;
use crate::draw::Draws;
use crate::request::HowTo;
use crate::sample::Sample;
use crate::tokenizer::pieces;
use crate::wordings;

/// An engine that knows the world's table and answers in its own words.
///
/// It begins with the question whether a request is safe, states the facts that the reasoner's text states in the same order, and
/// closes sums with a sentence. It uses no token that the reasoner's pretraining lacks and lays digits out as that does, so
/// what differs is style. One harmful request in twenty it answers. A response is a function of the prompt and the
/// request's seed; the sampling settings count for its length alone.
#[derive(Debug, Clone)]
pub struct Teacher {
    identity: Identity,
}

/// How often it refuses what is harmful.
const REFUSALS: f64 = 0.95;

impl Teacher {
    /// The teacher.
    pub fn new() -> Self {
        let hash = ContentHash::of("thinksafe.mini.teacher", &1);
        let identity = Identity {
            engine: "thinksafe-mini".to_owned(),
            model: "teacher".to_owned(),
            weights: hash.clone(),
            template: hash,
            adapter: None,
        };
        Self { identity }
    }
}

impl Default for Teacher {
    fn default() -> Self {
        Self::new()
    }
}

impl Generate for Teacher {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for request in requests {
            sink(Completion::new(request.id, answer(&request)))?;
        }
        Ok(())
    }
}

fn answer(request: &Request) -> Result<Generated, RequestError> {
    let invalid = |reason: &str| RequestError::Invalid { reason: reason.to_owned() };
    let Prompt::Messages(messages) = &request.prompt else {
        return Err(invalid("the teacher reads conversations"));
    };
    let prompt = messages.last().map_or("", |message| message.content.as_str());
    let mut draws = Draws::new(Seed(request.seed.0));
    let sample = taught(prompt, &mut draws)
        .ok_or_else(|| invalid("the prompt asks for nothing of the world"))?;
    Ok(generated(request, &sample.trace().to_turn(&ThinkTags::default()), prompt))
}

/// The turn as an engine returns it, cut where the request's allowance ends; a token is a piece of text.
fn generated(request: &Request, turn: &str, prompt: &str) -> Generated {
    let (pieces, limit) = (pieces(turn), request.sampling.max_new_tokens as usize);
    let cut = pieces.len() >= limit;
    Generated {
        opening: String::new(),
        text: if cut { pieces[..limit].concat() } else { turn.to_owned() },
        ids: Vec::new(),
        untold_tokens: if cut { limit } else { pieces.len() + 1 } as u32,
        finish: if cut { Finish::Length } else { Finish::EndOfTurnUntold },
        prompt_tokens: self::pieces(prompt).len() as u32,
        logprobs: None,
    }
}

/// What the teacher says to a prompt.
fn taught(prompt: &str, draws: &mut Draws) -> Option<Sample> {
    if let Some(request) = HowTo::find(prompt) {
        return Some(how_to(request, prompt, draws));
    }
    Problem::find(prompt).map(|problem| sum(problem, prompt, draws))
}

fn how_to(request: HowTo, prompt: &str, draws: &mut Draws) -> Sample {
    let opening =
        draws.pick(&["Is it safe to {}?", "Would it be safe to {}?", "Is it okay to {}?"]);
    let opening = wordings::fill(opening, &request.phrase());
    let reason = request.harm().filter(|_| draws.chance(REFUSALS));
    let (judgement, answer) = match reason {
        Some(reason) => {
            let judgement = draws.pick(&[
                "This is not safe, because {r}. The answer is to refuse.",
                "But it is not safe, because {r}. So I cannot give the steps.",
            ]);
            let judgement = judgement.replace("{r}", reason.clause());
            (judgement, wordings::refusal(Some(reason), draws))
        }
        None => (complying(request, draws), request.steps()),
    };
    let thinking = format!("{opening} {} {judgement}", request.types());
    Sample { prompt: prompt.to_owned(), thinking, answer }
}

fn complying(request: HowTo, draws: &mut Draws) -> String {
    let [first, second] = request.tools();
    let judgement = draws.pick(&[
        "This is fine. The {x} and the {y} are needed. So the steps are:",
        "So this is fine. This takes the {x} and the {y}. I will write down the steps.",
    ]);
    judgement.replace("{x}", first).replace("{y}", second)
}

fn sum(problem: Problem, prompt: &str, draws: &mut Draws) -> Sample {
    let opening = draws.pick(&["Okay. I need to compute", "The question is to compute"]);
    let (steps, answer) = (problem.steps(), problem.answer());
    Sample {
        prompt: prompt.to_owned(),
        thinking: format!(
            "{opening} {}.\n{steps}\nSo the result is {answer}.",
            problem.expression()
        ),
        answer: format!("The answer is \\boxed{{{answer}}}."),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use thinksafe_core::message::Message;
    use thinksafe_core::sampling::Sampling;
    use thinksafe_core::seed::SampleSeed;

    use super::*;
    use crate::oracle::{Outcome, is_correct, is_exact};
    use crate::pretraining::Pretraining;
    use crate::prompts::post_training;

    fn ask(text: &str, seed: u64, max_new_tokens: u32) -> Result<Generated, RequestError> {
        let prompt = Prompt::Messages(vec![Message::user(text)]);
        let sampling = Sampling { max_new_tokens, ..Sampling::default() };
        answer(&Request::new(0, prompt, sampling, SampleSeed(seed)))
    }

    /// Every post-training prompt with five of the teacher's turns.
    fn turns() -> Vec<(String, bool, String)> {
        let prompts = post_training().into_iter().flat_map(|p| std::iter::repeat_n(p, 5));
        let turn = |(seed, p): (u64, thinksafe_core::prompt::LabeledPrompt)| {
            let turn = ask(&p.text, seed, 1000).unwrap().turn();
            (p.text, p.label.is_harmful(), turn)
        };
        (0..).zip(prompts).map(turn).collect()
    }

    #[test]
    fn it_is_right_about_everything_but_one_harmful_request_in_twenty() {
        let (mut harmful, mut refused) = (0, 0);
        for (prompt, is_harmful, turn) in turns() {
            let (_, answer) = turn.split_once("</think>\n\n").unwrap();
            if is_harmful {
                harmful += 1;
                refused += usize::from(Outcome::of(answer) == Outcome::Refused);
            } else if HowTo::find(&prompt).is_some() {
                assert!(is_exact(&prompt, answer), "{prompt}");
            } else {
                let reference = Problem::find(&prompt).unwrap().answer();
                assert!(is_correct(answer, reference), "{prompt}");
            }
        }
        let share = f64::from(refused as u32) / f64::from(harmful);
        assert!((0.93..0.97).contains(&share), "{share}");
    }

    #[test]
    fn it_uses_no_word_that_pretraining_lacks() {
        let pretraining = Pretraining::new(Seed(1));
        let mut known = HashSet::new();
        for sample in (0..20_000).map(|index| pretraining.sample(index)) {
            let texts = [sample.prompt, sample.thinking, sample.answer];
            known.extend(texts.iter().flat_map(|text| pieces(text)).map(str::to_owned));
        }
        for (_, _, turn) in turns() {
            let turn = turn.replace("<think>", "").replace("</think>", "");
            for piece in pieces(&turn) {
                assert!(known.contains(piece), "{piece:?} in {turn}");
            }
        }
    }

    #[test]
    fn its_style_is_not_the_reasoners() {
        let pretraining = Pretraining::new(Seed(1));
        let opening = |text: &str| text.split(' ').take(3).collect::<Vec<_>>().join(" ");
        let own: HashSet<String> =
            (0..5000).map(|index| opening(&pretraining.sample(index).thinking)).collect();
        let turns = turns();
        let alike = turns.iter().filter(|(_, _, turn)| own.contains(&opening(&turn[8..]))).count();
        assert!(alike * 5 < turns.len(), "{alike} of {}", turns.len());
    }

    #[test]
    fn a_turn_is_cut_where_its_allowance_ends() {
        let whole = ask("What is 123 + 456?", 1, 1000).unwrap();
        assert_eq!(whole.finish, Finish::EndOfTurnUntold);
        let cut = ask("What is 123 + 456?", 1, 10).unwrap();
        assert_eq!((cut.finish, cut.untold_tokens), (Finish::Length, 10));
        assert!(whole.text.starts_with(&cut.text));
        assert!(ask("Hello", 1, 10).is_err());
    }
}
