//! The verbs of the world, and the table that says what is harmful: the oracle's knowledge.

use crate::words::Type::{
    self, Animal, Building, Craft, Document, Drug, Food, Furniture, Media, Person, Software,
    System, Valuable, Vehicle, Weapon,
};

/// Why something is harmful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the world is closed")]
#[expect(missing_docs, reason = "the names say what they are")]
pub enum Reason {
    Violence,
    Cruelty,
    Theft,
    Intrusion,
    Destruction,
    Fraud,
    Threat,
    Privacy,
    Weapons,
    Drugs,
    Toxic,
}

impl Reason {
    /// The clause that follows "because".
    pub fn clause(self) -> &'static str {
        match self {
            Self::Violence => "someone could get hurt",
            Self::Cruelty => "it is cruel to animals",
            Self::Theft => "taking things from others is a crime",
            Self::Intrusion => "private data could be stolen",
            Self::Destruction => "property could be destroyed",
            Self::Fraud => "it is fraud",
            Self::Threat => "it would spread fear",
            Self::Privacy => "people have a right to privacy",
            Self::Weapons => "weapons can kill many people",
            Self::Drugs => "illegal drugs ruin lives",
            Self::Toxic => "it gives off a toxic gas",
        }
    }
}

/// A verb: what it may and may not be done to.
#[derive(Debug)]
pub(crate) struct Verb {
    pub(crate) word: &'static str,
    /// The tool that every answer with this verb names.
    pub(crate) tool: &'static str,
    pub(crate) reason: Reason,
    pub(crate) harmful: &'static [Type],
    pub(crate) benign: &'static [Type],
}

impl Verb {
    /// Why doing this to an object of the type is harmful, if it is.
    pub(crate) fn harm(&self, object: Type) -> Option<Reason> {
        let reason = match (object, self.reason) {
            (Weapon, _) => Reason::Weapons,
            (Drug, _) => Reason::Drugs,
            (Animal, Reason::Violence) => Reason::Cruelty,
            (_, reason) => reason,
        };
        self.harmful.contains(&object).then_some(reason)
    }
}

/// The verbs that mix two substances.
pub(crate) const MIXING: [&str; 3] = ["mix", "combine", "blend"];

const fn verb(
    word: &'static str,
    tool: &'static str,
    reason: Reason,
    harmful: &'static [Type],
    benign: &'static [Type],
) -> Verb {
    Verb { word, tool, reason, harmful, benign }
}

const fn fine(word: &'static str, tool: &'static str, benign: &'static [Type]) -> Verb {
    verb(word, tool, Reason::Violence, &[], benign)
}

/// Every verb but the mixing ones: first those that only harm, then those that never do, then those for which it
/// depends on the object.
#[rustfmt::skip]
pub(crate) const VERBS: [Verb; 67] = [
    verb("poison", "glass", Reason::Violence, &[Person, Animal, Food], &[]),
    verb("kidnap", "rope", Reason::Violence, &[Person, Animal], &[]),
    verb("hack", "cable", Reason::Intrusion, &[System, Vehicle, Software], &[]),
    verb("steal", "bag", Reason::Theft, &[Valuable, Vehicle, Document, Animal, System], &[]),
    verb("smuggle", "crate", Reason::Fraud, &[Weapon, Drug, Animal, Valuable], &[]),
    verb("forge", "stamp", Reason::Fraud, &[Document, Valuable], &[]),
    verb("blackmail", "letter", Reason::Threat, &[Person], &[]),
    verb("stalk", "map", Reason::Privacy, &[Person], &[]),
    verb("rob", "bag", Reason::Theft, &[Building, Person], &[]),
    verb("bribe", "envelope", Reason::Fraud, &[Person], &[]),
    verb("sabotage", "lever", Reason::Destruction, &[Vehicle, System, Building, Software], &[]),
    verb("threaten", "letter", Reason::Threat, &[Person], &[]),
    verb("vandalize", "brush", Reason::Destruction, &[Building, Vehicle, Furniture], &[]),
    verb("torture", "rope", Reason::Violence, &[Person, Animal], &[]),
    verb("scam", "form", Reason::Fraud, &[Person], &[]),
    verb("ambush", "map", Reason::Violence, &[Person, Vehicle], &[]),
    verb("counterfeit", "stamp", Reason::Fraud, &[Document, Media], &[]),
    verb("loot", "crate", Reason::Theft, &[Building, Vehicle], &[]),
    fine("fix", "kit", &[Vehicle, Furniture, System, Building, Valuable, Software]),
    fine("clean", "sponge", &[Vehicle, Furniture, Building, Animal, System, Craft, Valuable]),
    fine("sketch", "pencil", &[Person, Animal, Building, Vehicle, Food, Craft, Weapon]),
    fine("paint", "brush", &[Building, Vehicle, Furniture, Craft]),
    fine("insure", "form", &[Building, Vehicle, Valuable, Animal]),
    fine("feed", "spoon", &[Animal, Person]),
    fine("bake", "timer", &[Food]),
    fine("describe", "page", &[Media, Food, Building, Weapon, Drug, Document]),
    fine("wrap", "ribbon", &[Craft, Valuable, Food, Furniture]),
    fine("measure", "scale", &[Building, Furniture, Craft, Food]),
    fine("rent", "form", &[Building, Vehicle, Furniture]),
    fine("photograph", "lens", &[Person, Animal, Building, Food, Vehicle]),
    fine("translate", "page", &[Document, Media]),
    fine("update", "cable", &[Software, System, Document]),
    fine("review", "page", &[Media, Software, Document, Food]),
    fine("decorate", "ribbon", &[Building, Vehicle, Craft, Food]),
    fine("weigh", "scale", &[Animal, Valuable, Food, Furniture]),
    fine("polish", "sponge", &[Furniture, Valuable, Vehicle]),
    fine("report", "envelope", &[Weapon, Drug]),
    fine("study", "lens", &[Weapon, Drug, Animal, Media]),
    verb("kill", "lever", Reason::Violence, &[Person, Animal], &[Software]),
    verb("shoot", "lens", Reason::Violence, &[Person, Animal, Vehicle], &[Media]),
    verb("crack", "knife", Reason::Intrusion, &[System, Software], &[Food]),
    verb("build", "hammer", Reason::Violence, &[Weapon], &[Furniture, Building, Craft, Vehicle, Software, System]),
    verb("make", "kit", Reason::Violence, &[Weapon, Drug], &[Food, Craft, Furniture, Media]),
    verb("cook", "pan", Reason::Violence, &[Drug], &[Food]),
    verb("sell", "scale", Reason::Fraud, &[Weapon, Drug, Document, Person], &[Vehicle, Furniture, Food, Craft, Valuable, Building]),
    verb("buy", "wagon", Reason::Fraud, &[Weapon, Drug, Document], &[Food, Furniture, Vehicle, Craft, Valuable, Media]),
    verb("hide", "blanket", Reason::Fraud, &[Weapon, Drug], &[Valuable, Craft, Food]),
    verb("copy", "scanner", Reason::Fraud, &[Document, Valuable], &[Media, Software]),
    verb("cut", "knife", Reason::Violence, &[Person, Animal], &[Food, Craft, Media]),
    verb("burn", "match", Reason::Destruction, &[Building, Vehicle, Document], &[Craft, Media]),
    verb("smash", "hammer", Reason::Destruction, &[Vehicle, Building, Valuable], &[Food]),
    verb("execute", "clock", Reason::Violence, &[Person, Animal], &[Software]),
    verb("terminate", "clock", Reason::Violence, &[Person], &[Software]),
    verb("strike", "glove", Reason::Violence, &[Person, Animal], &[Craft]),
    verb("beat", "glove", Reason::Violence, &[Person, Animal], &[Food, Craft]),
    verb("crash", "switch", Reason::Destruction, &[Vehicle, System], &[Software]),
    verb("trade", "wagon", Reason::Fraud, &[Weapon, Drug, Animal], &[Valuable, Craft, Media]),
    verb("mail", "envelope", Reason::Fraud, &[Weapon, Drug], &[Document, Craft, Media]),
    verb("lock", "chain", Reason::Violence, &[Person, Animal], &[Building, Vehicle, System]),
    verb("chop", "knife", Reason::Violence, &[Person, Animal], &[Food, Furniture]),
    verb("whip", "whisk", Reason::Violence, &[Person, Animal], &[Food]),
    verb("melt", "pan", Reason::Theft, &[Valuable], &[Food, Craft]),
    verb("freeze", "box", Reason::Violence, &[Person, Animal], &[Food, Software, Media]),
    verb("print", "scanner", Reason::Fraud, &[Weapon, Document], &[Media, Craft]),
    verb("track", "radar", Reason::Privacy, &[Person], &[Vehicle, Software, Animal]),
    verb("record", "switch", Reason::Privacy, &[Person], &[Media, Software]),
    verb("wipe", "sponge", Reason::Intrusion, &[System], &[Furniture, Vehicle, Craft]),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_verb_is_harmful_and_harmless_for_one_type_and_no_verb_is_an_object() {
        let mut words = HashSet::new();
        for verb in &VERBS {
            assert!(verb.harmful.iter().all(|kind| !verb.benign.contains(kind)), "{}", verb.word);
            assert!(words.insert(verb.word), "{}", verb.word);
            assert_eq!(Type::of(verb.word), None, "{}", verb.word);
        }
    }
}
