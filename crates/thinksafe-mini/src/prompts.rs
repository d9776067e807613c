//! Prompt sets: what ThinkSafe generates traces for, and what it is measured on.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_core::seed::Seed;

use crate::arithmetic::Problem;
use crate::draw::Draws;
use crate::pools::Pool;
use crate::request::Kind;
use crate::sample::{Wrapping, ask};

/// A problem with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MathProblem {
    /// A name that is unique within its set.
    pub id: String,
    /// What is asked.
    pub problem: String,
    /// The reference answer.
    pub answer: String,
}

/// Held-out prompts, by what is measured on them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HeldOut {
    /// Harmful requests, asked plainly.
    pub harmful_plain: Vec<LabeledPrompt>,
    /// The same kind in wrappers that post-training prompts use too.
    pub harmful_wrapped: Vec<LabeledPrompt>,
    /// The same kind in wrappers that no post-training prompt uses.
    pub harmful_new_wrapper: Vec<LabeledPrompt>,
    /// Harmless requests with the words of harmful ones, half of them wrapped.
    pub near_miss: Vec<LabeledPrompt>,
    /// Harmless requests, half of them wrapped.
    pub benign: Vec<LabeledPrompt>,
    /// Arithmetic.
    pub arithmetic: Vec<MathProblem>,
}

/// How many prompts each held-out set has.
const HELD_OUT: usize = 240;
/// How many arithmetic problems are held out.
const HELD_OUT_PROBLEMS: usize = 600;

impl HeldOut {
    /// The sets of a pool: [`Pool::Evaluation`] to report, [`Pool::Development`] to decide.
    pub fn of(pool: Pool) -> Self {
        let set = |name: &str, kind, wrappings: &[Wrapping]| {
            let mut draws = Draws::new(Seed(2602).purpose(&format!("{pool:?} {name}")));
            how_to(name, pool, kind, wrappings, HELD_OUT, &mut draws)
        };
        let either = [Wrapping::Plain, Wrapping::Any];
        Self {
            harmful_plain: set("harmful_plain", Kind::Harmful, &[Wrapping::Plain]),
            harmful_wrapped: set("harmful_wrapped", Kind::Harmful, &[Wrapping::Seen]),
            harmful_new_wrapper: set("harmful_new_wrapper", Kind::Harmful, &[Wrapping::New]),
            near_miss: set("near_miss", Kind::NearMiss, &either),
            benign: set("benign", Kind::Benign, &either),
            arithmetic: problems(pool, HELD_OUT_PROBLEMS, Seed(2602)),
        }
    }

    /// The sets of prompts with their names.
    pub fn prompt_sets(&self) -> [(&'static str, &[LabeledPrompt]); 5] {
        [
            ("harmful_plain", &self.harmful_plain),
            ("harmful_wrapped", &self.harmful_wrapped),
            ("harmful_new_wrapper", &self.harmful_new_wrapper),
            ("near_miss", &self.near_miss),
            ("benign", &self.benign),
        ]
    }
}

/// The prompts of post-training: 500 harmful, 300 near misses, 150 benign how-to, 250 arithmetic.
pub fn post_training() -> Vec<LabeledPrompt> {
    let pool = Pool::PostTraining;
    let mut draws = Draws::new(Seed(2603));
    let either = [Wrapping::Plain, Wrapping::Seen];
    let mut prompts = how_to("harmful", pool, Kind::Harmful, &either, 500, &mut draws);
    prompts.extend(how_to("near_miss", pool, Kind::NearMiss, &either, 300, &mut draws));
    prompts.extend(how_to("benign", pool, Kind::Benign, &either, 150, &mut draws));
    prompts.extend(problems(pool, 250, Seed(2603)).into_iter().map(labeled));
    prompts
}

/// Prompts for requests of the pretraining text: what a guard may learn from.
pub fn pretraining_prompts() -> Vec<LabeledPrompt> {
    let pool = Pool::Pretraining;
    let mut draws = Draws::new(Seed(2605));
    let either = [Wrapping::Plain, Wrapping::Any];
    let mut prompts = how_to("harmful", pool, Kind::Harmful, &either, 900, &mut draws);
    prompts.extend(how_to("near_miss", pool, Kind::NearMiss, &either, 450, &mut draws));
    prompts.extend(how_to("benign", pool, Kind::Benign, &either, 150, &mut draws));
    prompts.extend(problems(pool, 100, Seed(2605)).into_iter().map(labeled));
    prompts
}

fn labeled(problem: MathProblem) -> LabeledPrompt {
    LabeledPrompt { id: problem.id, text: problem.problem, label: PromptLabel::VanillaBenign }
}

/// Distinct prompts for the requests of a kind: every request once before any comes again, the wrappings in turn.
fn how_to(
    name: &str,
    pool: Pool,
    kind: Kind,
    wrappings: &[Wrapping],
    n: usize,
    draws: &mut Draws,
) -> Vec<LabeledPrompt> {
    let groups = pool.groups(kind);
    let order = Seed(2604).purpose(name).stream().permutation(groups.len());
    let mut texts = HashSet::new();
    let mut prompts = Vec::new();
    while prompts.len() < n {
        let turn = prompts.len();
        let wrapping = wrappings[turn % wrappings.len()];
        let request = draws.pick(&groups[order[turn % groups.len()]]);
        let text = ask(request, wrapping, draws);
        if texts.insert(text.clone()) {
            let label = label(kind, wrapping);
            prompts.push(LabeledPrompt { id: format!("{name}_{turn:03}"), text, label });
        }
    }
    prompts
}

fn label(kind: Kind, wrapping: Wrapping) -> PromptLabel {
    match (kind, wrapping) {
        (Kind::Harmful, Wrapping::Plain) => PromptLabel::VanillaHarmful,
        (Kind::Harmful, _) => PromptLabel::AdversarialHarmful,
        (_, Wrapping::Plain) => PromptLabel::VanillaBenign,
        (_, _) => PromptLabel::AdversarialBenign,
    }
}

fn problems(pool: Pool, n: usize, seed: Seed) -> Vec<MathProblem> {
    let mut draws = Draws::new(seed.purpose(&format!("{pool:?} arithmetic")));
    let mut seen = HashSet::new();
    let mut problems = Vec::new();
    while problems.len() < n {
        let problem = Problem::draw(pool, &mut draws);
        if seen.insert(problem) {
            problems.push(MathProblem {
                id: format!("arithmetic_{:03}", problems.len()),
                problem: problem.question(&mut draws),
                answer: problem.answer().to_string(),
            });
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::HowTo;
    use crate::wordings::{NEW_WRAPPERS, WRAPPERS};

    fn count(prompts: &[LabeledPrompt], label: PromptLabel) -> usize {
        prompts.iter().filter(|p| p.label == label).count()
    }

    #[test]
    fn post_training_has_its_counts_and_no_text_twice() {
        let prompts = post_training();
        assert_eq!(prompts.len(), 1200);
        assert_eq!(count(&prompts, PromptLabel::VanillaHarmful), 250);
        assert_eq!(count(&prompts, PromptLabel::AdversarialHarmful), 250);
        assert_eq!(count(&prompts, PromptLabel::VanillaBenign), 475);
        assert_eq!(count(&prompts, PromptLabel::AdversarialBenign), 225);
        assert_eq!(prompts.iter().map(|p| &p.text).collect::<HashSet<_>>().len(), 1200);
        assert_eq!(prompts.iter().map(|p| &p.id).collect::<HashSet<_>>().len(), 1200);
    }

    #[test]
    fn held_out_sets_share_no_request_with_other_pools() {
        let held_out = HeldOut::of(Pool::Evaluation);
        let mut others = HashSet::new();
        for pool in [Pool::Pretraining, Pool::PostTraining, Pool::Development] {
            others.extend(Kind::ALL.into_iter().flat_map(|k| pool.requests(k)).map(HowTo::phrase));
        }
        for (name, prompts) in held_out.prompt_sets() {
            assert!(prompts.len() >= 200, "{name}");
            let phrases: HashSet<String> =
                prompts.iter().map(|p| HowTo::find(&p.text).unwrap().phrase()).collect();
            assert!(phrases.is_disjoint(&others), "{name}");
            assert!(phrases.len() >= 200, "{name}: {}", phrases.len());
        }
        let trained: HashSet<String> = post_training().into_iter().map(|p| p.text).collect();
        assert!(held_out.arithmetic.len() >= 500);
        assert!(held_out.arithmetic.iter().all(|p| !trained.contains(&p.problem)));
    }

    #[test]
    fn labels_say_what_the_oracle_knows() {
        for prompt in post_training() {
            let harmful = HowTo::find(&prompt.text).is_some_and(|r| r.harm().is_some());
            assert_eq!(prompt.label.is_harmful(), harmful, "{}", prompt.text);
        }
    }

    #[test]
    fn some_wrappers_are_new_to_evaluation() {
        let begins = |prompt: &LabeledPrompt, wrapper: &str| {
            prompt.text.starts_with(wrapper.split_once("{}").unwrap().0)
        };
        let new = &WRAPPERS[WRAPPERS.len() - NEW_WRAPPERS..];
        let uses_new = |p: &LabeledPrompt| new.iter().any(|wrapper| begins(p, wrapper));
        assert!(!post_training().iter().any(uses_new));
        let held_out = HeldOut::of(Pool::Evaluation);
        assert!(!held_out.harmful_wrapped.iter().any(uses_new));
        assert!(held_out.harmful_new_wrapper.iter().all(uses_new));
    }
}
