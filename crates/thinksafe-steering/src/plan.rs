//! Which prompts are steered, and how.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};

use crate::preset::Preset;
use crate::template::SteeringTemplate;

/// A template for each prompt label; a label without one is asked as it is.
///
/// In a configuration file: a map from label to template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SteeringPlan {
    by_label: BTreeMap<PromptLabel, SteeringTemplate>,
}

impl SteeringPlan {
    /// Steers nothing: the paper's *rejection sampling without steering*.
    pub fn unsteered() -> Self {
        Self { by_label: BTreeMap::new() }
    }

    /// Steers the harmful prompts, plain and adversarial.
    pub fn harmful(template: &SteeringTemplate) -> Self {
        Self::where_label(template, PromptLabel::is_harmful)
    }

    /// Steers every prompt (RealSafe-R1).
    pub fn every(template: &SteeringTemplate) -> Self {
        Self::where_label(template, |_| true)
    }

    /// Steers one label with a template of its own.
    #[must_use]
    pub fn with(mut self, label: PromptLabel, template: SteeringTemplate) -> Self {
        self.by_label.insert(label, template);
        self
    }

    /// Leaves one label unsteered.
    #[must_use]
    pub fn without(mut self, label: PromptLabel) -> Self {
        self.by_label.remove(&label);
        self
    }

    /// The template of a label.
    pub fn template(&self, label: PromptLabel) -> Option<&SteeringTemplate> {
        self.by_label.get(&label)
    }

    /// What the model is asked: the prompt with its label's steering, or as it is.
    pub fn apply<'a>(&self, prompt: &'a LabeledPrompt) -> Cow<'a, str> {
        match self.template(prompt.label) {
            Some(template) => Cow::Owned(template.apply(&prompt.text)),
            None => Cow::Borrowed(&prompt.text),
        }
    }

    fn where_label(template: &SteeringTemplate, chosen: impl Fn(PromptLabel) -> bool) -> Self {
        let labels = PromptLabel::ALL.into_iter().filter(|label| chosen(*label));
        Self { by_label: labels.map(|label| (label, template.clone())).collect() }
    }
}

impl Default for SteeringPlan {
    /// The paper's: [`Preset::ThinkSafe`] on harmful prompts only.
    fn default() -> Self {
        Self::harmful(&Preset::ThinkSafe.template())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(label: PromptLabel) -> LabeledPrompt {
        LabeledPrompt { id: "1".to_owned(), text: "X".to_owned(), label }
    }

    fn steered(plan: &SteeringPlan) -> Vec<bool> {
        PromptLabel::ALL.iter().map(|label| plan.apply(&prompt(*label)) != "X").collect()
    }

    #[test]
    fn the_default_steers_harmful_prompts_only() {
        let plan = SteeringPlan::default();
        for label in PromptLabel::ALL {
            assert_eq!(plan.template(label).is_some(), label.is_harmful());
            assert_eq!(plan.apply(&prompt(label)) != "X", label.is_harmful());
        }
    }

    #[test]
    fn labels_can_be_chosen_one_by_one() {
        let template = Preset::RealSafeR1.template();
        assert_eq!(steered(&SteeringPlan::unsteered()), [false; 4]);
        assert_eq!(steered(&SteeringPlan::every(&template)), [true; 4]);
        let plan = SteeringPlan::default()
            .without(PromptLabel::AdversarialHarmful)
            .with(PromptLabel::VanillaBenign, template.clone());
        assert_eq!(steered(&plan), [true, false, true, false]);
        assert_eq!(plan.apply(&prompt(PromptLabel::VanillaBenign)), template.apply("X"));
    }

    #[test]
    fn a_plan_reads_back_from_its_configuration() {
        let plan = SteeringPlan::default();
        let json = serde_json::to_string(&plan).unwrap();
        assert!(json.starts_with(r#"{"vanilla_harmful":{"name":"thinksafe","#), "{json}");
        assert_eq!(serde_json::from_str::<SteeringPlan>(&json).unwrap(), plan);
        assert!(serde_json::from_str::<SteeringPlan>(r#"{"harmful":{}}"#).is_err());
    }
}
