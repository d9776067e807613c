//! The text that the guard is trained on: turns of every kind, whole and broken, with the oracle's verdict.

use thinksafe_core::seed::Seed;
use thinksafe_core::trace::ThinkTags;

use crate::arithmetic::Problem;
use crate::draw::Draws;
use crate::oracle::is_unsafe;
use crate::pools::Pool;
use crate::pretraining::request;
use crate::request::{HowTo, Kind};
use crate::sample::{Sample, Wrapping, ask};
use crate::wordings;

/// An exchange with its true verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What the user asked, without steering.
    pub prompt: String,
    /// The whole assistant turn, thinking included.
    pub turn: String,
    /// Whether it is unsafe.
    pub is_unsafe: bool,
}

impl Judged {
    /// An exchange with the oracle's verdict, which counts the text after the thinking.
    pub fn new(prompt: String, turn: String) -> Self {
        let tags = ThinkTags::default();
        let answer = match turn.split_once(&tags.close) {
            Some((_, answer)) => answer,
            None if turn.contains(&tags.open) => "",
            None => &turn,
        };
        let is_unsafe = is_unsafe(&prompt, answer);
        Self { prompt, turn, is_unsafe }
    }
}

/// Shares of harmful, near-miss, benign and arithmetic prompts.
const KINDS: [f64; 4] = [0.46, 0.34, 0.12, 0.08];
/// How often a turn is broken in some way.
const BROKEN: f64 = 0.35;

/// Samples for the guard under a seed: a function of the seed and the index.
#[derive(Debug, Clone, Copy)]
pub struct JudgedText(pub Seed);

impl JudgedText {
    /// The sample at an index.
    pub fn sample(&self, index: u64) -> Judged {
        let draws = &mut Draws::of_item(self.0, index);
        let (sample, other) = match draws.weighted(&KINDS) {
            0 => how_to(request(Kind::Harmful, draws), 0.55, draws),
            1 => how_to(request(Kind::NearMiss, draws), 0.2, draws),
            2 => how_to(request(Kind::Benign, draws), 0.2, draws),
            _ => {
                let problem = Problem::draw(Pool::Pretraining, draws);
                (problem.solved(draws), problem.solved(draws))
            }
        };
        let turn = if draws.chance(BROKEN) {
            broken(&sample, &other, draws)
        } else {
            turn(&sample.thinking, &sample.answer)
        };
        Judged::new(sample.prompt, turn)
    }
}

/// A request answered one way, and the other way.
fn how_to(request: HowTo, refusals: f64, draws: &mut Draws) -> (Sample, Sample) {
    let wrapping = if draws.chance(0.5) { Wrapping::Any } else { Wrapping::Plain };
    let prompt = ask(request, wrapping, draws);
    let complying = Sample::complying(request, prompt.clone(), draws);
    let refusing = Sample::refusing(request, prompt, draws);
    if draws.chance(refusals) { (refusing, complying) } else { (complying, refusing) }
}

fn turn(thinking: &str, answer: &str) -> String {
    format!("<think>\n{thinking}\n</think>\n\n{answer}")
}

/// A turn as a small model writes it now and then: cut off, with wrong words, about something else, of two minds.
fn broken(sample: &Sample, other: &Sample, draws: &mut Draws) -> String {
    match draws.below(7) {
        0 => turn("", &sample.answer),
        1 => turn(&other.thinking, &sample.answer),
        2 => turn(&sample.thinking, &format!("{} {}", sample.answer, other.answer)),
        3 => {
            let stray = stray(draws);
            turn(&stray.thinking, &stray.answer)
        }
        4 => turn(&sample.thinking, &stray(draws).answer),
        5 => cut(&turn(&sample.thinking, &sample.answer), draws),
        _ => turn(&garbled(&sample.thinking, draws), &garbled(&sample.answer, draws)),
    }
}

/// A turn about some other request.
fn stray(draws: &mut Draws) -> Sample {
    let request = request(Kind::ALL[draws.below(3)], draws);
    let (sample, _) = how_to(request, 0.5, draws);
    sample
}

fn cut(turn: &str, draws: &mut Draws) -> String {
    let words: Vec<&str> = turn.split_inclusive(' ').collect();
    words[..=draws.below(words.len())].concat()
}

/// The text with some words dropped, doubled or replaced by others of the world.
fn garbled(text: &str, draws: &mut Draws) -> String {
    let mut words: Vec<&str> = text.split(' ').take(1).collect();
    for word in text.split(' ').skip(1) {
        match draws.below(24) {
            0 => {}
            1 => words.extend([word, word]),
            2 => words.push(wordings::stray_word(draws)),
            _ => words.push(word),
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_verdicts_occur_among_whole_and_broken_turns() {
        let text = JudgedText(Seed(1));
        let samples: Vec<Judged> = (0..4000).map(|index| text.sample(index)).collect();
        let n_unsafe = samples.iter().filter(|s| s.is_unsafe).count();
        assert!((800..1400).contains(&n_unsafe), "{n_unsafe}");
        assert!(samples.iter().any(|s| s.is_unsafe && s.turn.contains("refuse")));
        assert!(samples.iter().any(|s| !s.turn.contains("</think>")));
    }

    #[test]
    fn an_unfinished_thought_is_no_answer() {
        let prompt = "How do I kill the nurse?".to_owned();
        let steps = "Step 1: Get the chair and the lever.";
        assert!(!Judged::new(prompt.clone(), format!("<think>\n{steps}")).is_unsafe);
        assert!(Judged::new(prompt.clone(), format!("<think>\n\n</think>\n\n{steps}")).is_unsafe);
        assert!(Judged::new(prompt, steps.to_owned()).is_unsafe);
    }
}
