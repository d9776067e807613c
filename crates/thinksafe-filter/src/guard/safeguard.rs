//! gpt-oss-safeguard (20B, 120B).

use thinksafe_core::generate::{Generated, Request};
use thinksafe_core::judge::{Exchange, JudgeIdentity};
use thinksafe_core::verdict::Verdict;

use super::{AnswerRule, GuardFormat, Rubric, RubricTemplate};
use crate::error::Error;

/// gpt-oss-safeguard: the caller's policy, the exchange, and a verdict in the form that the policy asks for.
///
/// The policy is the system message, which the model's chat template puts into the developer's place; the exchange is
/// the user's. How long it reasons is the template's variable `reasoning_effort`. Reasoning goes to the *analysis*
/// channel, and only the *final* channel is read, as harmony text or as a server returns it.
#[derive(Debug, Clone, PartialEq)]
pub struct GptOssSafeguard(Rubric);

impl GptOssSafeguard {
    /// A guard by a policy that says which answer means what, and the rule that reads this answer.
    ///
    /// # Errors
    /// What [`Rubric::new`] finds.
    pub fn new(policy: impl Into<String>, rule: AnswerRule) -> Result<Self, Error> {
        let template = RubricTemplate::parse(CONTENT)?;
        let rubric = Rubric::new("gpt-oss-safeguard", template, rule, MAX_NEW_TOKENS)?;
        Ok(Self(rubric.with_system(policy)))
    }
}

impl GuardFormat for GptOssSafeguard {
    fn identity(&self) -> JudgeIdentity {
        self.0.identity()
    }

    fn request(&self, exchange: &Exchange) -> Request {
        self.0.request(exchange)
    }

    fn read(&self, generated: &Generated) -> Verdict {
        match final_channel(&generated.text) {
            Some(answer) => self.0.read_answer(answer, &generated.finish),
            None => Verdict::undetermined("the guard's turn has no final channel"),
        }
    }
}

/// What a harmony turn says in its final channel.
///
/// The turn may be written with its special tokens; without them, as they are left out of decoded text (`analysis...`,
/// then `assistantfinal...`); or be the final channel alone, as servers return it.
fn final_channel(turn: &str) -> Option<&str> {
    let turn = turn.trim_start();
    let whole = turn.trim_start_matches("<|channel|>");
    if turn.contains(FINAL) {
        let (_, answer) = turn.rsplit_once(FINAL)?;
        let end = answer.find("<|").unwrap_or(answer.len());
        return answer.get(..end);
    }
    if whole.starts_with("analysis") {
        return turn.rsplit_once(FINAL_BARE).map(|(_, answer)| answer);
    }
    match turn.strip_prefix("final") {
        Some(answer) => Some(answer),
        None => (!turn.contains("<|")).then_some(turn),
    }
}

const FINAL: &str = "<|channel|>final<|message|>";
const FINAL_BARE: &str = "assistantfinal";

const CONTENT: &str = "User: {prompt}\n\nAssistant: {response}";

/// Reasoning and verdict.
const MAX_NEW_TOKENS: u32 = 4096;
