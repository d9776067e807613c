//! Responses as token ids: what the loss is computed on.

use thinksafe_chat::Chat;
use thinksafe_core::generate::Generated;

use crate::Error;
use crate::config::OldPolicy;
use crate::group::{Fate, Group};
use crate::prompt::RlPrompt;

/// A response with everything that its loss is a function of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The prompt's id, for messages.
    pub(crate) prompt_id: String,
    /// Prompt, prefill and response.
    pub(crate) ids: Vec<u32>,
    /// How many of them are read and not learnt.
    pub(crate) prompt: usize,
    pub(crate) advantage: f64,
    /// The log-probability of each token of the response, as the engine drew it.
    pub(crate) sampled: Vec<f64>,
    /// Under the policy that ratios are taken against; none until the step's first pass gives them.
    pub(crate) old: Option<Vec<f64>>,
    /// Under the model with its adapter off, if the loss has a divergence.
    pub(crate) reference: Option<Vec<f64>>,
}

impl Row {
    /// How many tokens are learnt.
    pub(crate) fn learnt(&self) -> usize {
        self.ids.len() - self.prompt
    }
}

/// The responses of the groups that are in the loss.
pub(crate) fn rows(
    groups: &[Group],
    prompts: &[RlPrompt],
    chat: &Chat,
    old: OldPolicy,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for group in groups {
        let prompt = &prompts[group.visit.prompt];
        let prefill = prompt.prefill.as_deref().filter(|_| group.visit.prefilled);
        let trained = group.members.iter().filter(|member| member.fate == Fate::Trained);
        let mut prompt_ids = None;
        for member in trained {
            let (Ok(generated), Some(advantage)) = (&member.outcome, member.advantage) else {
                continue;
            };
            if prompt_ids.is_none() {
                let encoded = chat.encode_prompt(&prompt.message(), prefill);
                let failed = |source| Error::Chat { prompt: prompt.id.clone(), source };
                prompt_ids = Some(encoded.map_err(failed)?.ids);
            }
            let ids = prompt_ids.clone().unwrap_or_default();
            rows.push(row(prompt, ids, generated, (advantage, old)));
        }
    }
    Ok(rows)
}

fn row(
    prompt: &RlPrompt,
    mut ids: Vec<u32>,
    generated: &Generated,
    (advantage, old): (f64, OldPolicy),
) -> Row {
    let read = ids.len();
    ids.extend(&generated.ids);
    let sampled: Vec<f64> = generated.logprobs.iter().flatten().map(|token| token.chosen).collect();
    Row {
        prompt_id: prompt.id.clone(),
        ids,
        prompt: read,
        advantage,
        old: (old == OldPolicy::Sampled).then(|| sampled.clone()),
        sampled,
        reference: None,
    }
}
