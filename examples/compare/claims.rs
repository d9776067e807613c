//! The paper's claims as `docs/COMPARISON.md` has them.

use thinksafe_eval::comparison::{Claim, Measure, Side};

use crate::arm::Arm;

/// All of them, in the order of the document.
pub(crate) fn of_the_paper() -> Vec<Claim> {
    use Arm::{
        DirectRefusal, Grpo, Initial, Kl, RejectionSampling, SafeChain, SafePath, ThinkSafe,
    };
    use Measure::{LogPerplexity, OverRefusal, Reasoning, Safety};
    use Side::{Above, Below};
    let without = Arm::WithoutReasoning;
    let claim = |text: &str, second: Arm, first: Arm, measure, side| Claim {
        text: text.to_owned(),
        first: first.name().to_owned(),
        second: second.name().to_owned(),
        measure,
        side,
        margin: 0.0,
    };
    let mut claims = vec![
        claim("ThinkSafe makes the model safer (Table 1)", ThinkSafe, Initial, Safety, Below),
        claim(
            "ThinkSafe keeps reasoning, within 2 points (Table 1)",
            ThinkSafe,
            Initial,
            Reasoning,
            Above,
        ),
        claim("It is safer than DirectRefusal (Table 1)", ThinkSafe, DirectRefusal, Safety, Below),
        claim("It is safer than SafeChain (Table 1)", ThinkSafe, SafeChain, Safety, Below),
        claim("It is safer than SafePath (Table 1)", ThinkSafe, SafePath, Safety, Below),
        claim(
            "It keeps more reasoning than a teacher's data (Table 1, Figure 6)",
            ThinkSafe,
            SafeChain,
            Reasoning,
            Above,
        ),
        claim("DirectRefusal over-refuses (Table 1)", DirectRefusal, ThinkSafe, OverRefusal, Above),
        claim("Steering is needed (Figure 7)", ThinkSafe, RejectionSampling, Safety, Below),
        claim(
            "Refusals without reasoning are less safe (Figures 4, 11)",
            without,
            ThinkSafe,
            Safety,
            Above,
        ),
        claim("They cost reasoning (Figures 4, 11)", without, ThinkSafe, Reasoning, Below),
        claim("KL on harmless prompts is safer still (Figure 3)", Kl, ThinkSafe, Safety, Below),
        claim("KL keeps more reasoning (Figure 3)", Kl, ThinkSafe, Reasoning, Above),
        claim("GRPO is less safe (Figure 3)", Grpo, ThinkSafe, Safety, Above),
        claim(
            "Self-generated data is more likely under the model (Figure 8)",
            ThinkSafe,
            SafeChain,
            LogPerplexity,
            Below,
        ),
    ];
    claims[1].margin = -0.02;
    claims
}
