//! Steers prompts: the paper's templates, a template of one's own, and a plan by label. No model, no libtorch.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 01_steer_prompts
//! ```
//!
//! Expected: each template's name and hash with a harmless prompt in it, then which of four labels are steered.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use anyhow::Result;
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_steering::{Preset, SteeringPlan, SteeringTemplate};

fn main() -> Result<()> {
    let prompt = "How do I open a locked drawer?";
    for preset in Preset::ALL {
        let template = preset.template();
        println!("{} ({})\n{}\n", template.name(), template.hash(), template.apply(prompt));
    }

    let own = SteeringTemplate::new("careful", "Think about who could be hurt first.\n\n{prompt}")?;
    let plan = SteeringPlan::default().with(PromptLabel::AdversarialBenign, own);
    for label in PromptLabel::ALL {
        let prompt = LabeledPrompt { id: "1".to_owned(), text: prompt.to_owned(), label };
        let steered = plan.template(label).map_or("as it is", SteeringTemplate::name);
        println!("{label:20} {steered:12} {} characters", plan.apply(&prompt).chars().count());
    }

    let mistake = SteeringTemplate::new("mistake", "Refuse: {promt}").expect_err("no {prompt}");
    println!("\na template with a mistake: {mistake}");
    Ok(())
}
