//! Which projections carry an adapter.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::lora::config::wrong;
use crate::{Error, Pattern};

/// The projections that can carry an adapter.
pub(crate) const PROJECTIONS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// Matrices of a model that are no projections, and that PEFT would adapt.
const OTHERS: [&str; 2] = ["model.embed_tokens", "lm_head"];

/// The projections of a model that carry an adapter, chosen by their full names (`model.layers.0.self_attn.q_proj`)
/// as PEFT chooses them.
///
/// ```
/// use thinksafe_runtime::Targets;
///
/// let attention = Targets::pattern(r".*\.self_attn\.[qkvo]_proj")?;
/// let upper = Targets { layers: Some(vec![2, 3]), ..Targets::all_linear() };
/// # Ok::<(), thinksafe_runtime::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct Targets {
    /// Those that carry one (`target_modules`).
    pub modules: Modules,
    /// Those of them that do not (`exclude_modules`).
    pub exclude: Option<Modules>,
    /// The layers, from 0, to which `modules` is confined (`layers_to_transform`); only with names, and without effect
    /// on full ones.
    pub layers: Option<Vec<usize>>,
}

/// Modules by their full names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::exhaustive_enums, reason = "PEFT has these two")]
pub enum Modules {
    /// Those that have one of these names, or one that ends with it behind a point: `q_proj`, `self_attn.q_proj`.
    Names(Vec<String>),
    /// Those whose full name the pattern matches.
    Pattern(Pattern),
}

impl Targets {
    /// Every module with one of these names, in every layer.
    pub fn names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { modules: Modules::Names(names), exclude: None, layers: None }
    }

    /// Every module whose full name a regular expression matches; see [`Pattern`].
    ///
    /// # Errors
    /// [`Error::Pattern`] if it is none.
    pub fn pattern(text: &str) -> Result<Self, Error> {
        Ok(Self { modules: Modules::Pattern(Pattern::new(text)?), exclude: None, layers: None })
    }

    /// All projections of attention and MLP: PEFT's `all-linear`.
    pub fn all_linear() -> Self {
        Self::names(PROJECTIONS)
    }

    /// Whether a projection carries an adapter.
    fn contain(&self, name: &str) -> bool {
        !self.exclude.as_ref().is_some_and(|exclude| exclude.contain(name))
            && self.modules.contain(name)
            && self.reach(name)
    }

    /// Whether a projection that the modules contain is in one of the layers, or named in full.
    fn reach(&self, name: &str) -> bool {
        let (Some(layers), Modules::Names(names)) = (&self.layers, &self.modules) else {
            return true;
        };
        let layer = name.split('.').find_map(|part| part.parse().ok());
        layer.is_some_and(|layer: usize| layers.contains(&layer))
            || names.iter().any(|full| full == name)
    }

    /// Those of a model's projections that carry an adapter.
    ///
    /// # Errors
    /// [`Error::AdapterConfig`] for a name, a pattern or a layer that the model does not have.
    pub(crate) fn select(
        &self,
        names: Vec<String>,
        origin: &str,
    ) -> Result<HashSet<String>, Error> {
        self.check(&names, origin)?;
        let selected: HashSet<String> =
            names.into_iter().filter(|name| self.contain(name)).collect();
        if selected.is_empty() {
            return Err(wrong(origin, "targets", "nothing that is not excluded", "a projection"));
        }
        Ok(selected)
    }

    fn check(&self, names: &[String], origin: &str) -> Result<(), Error> {
        let projections = PROJECTIONS.join(", ");
        if let Some(unmatched) = self.modules.unmatched(names) {
            return Err(wrong(origin, "targets", unmatched, &projections));
        }
        let adapted = OTHERS.iter().find(|other| self.contain(other));
        if let Some(other) = adapted {
            let expected = format!("only projections: {projections}");
            return Err(wrong(origin, "targets", format!("also {other}"), &expected));
        }
        let others = OTHERS.map(str::to_owned);
        let all = [names, &others].concat();
        let unmatched = self.exclude.as_ref().and_then(|exclude| exclude.unmatched(&all));
        if let Some(unmatched) = unmatched {
            return Err(wrong(origin, "targets.exclude", unmatched, &projections));
        }
        let has_layer = |layer: &usize| names.iter().any(|n| n.contains(&format!(".{layer}.")));
        match self.layers.iter().flatten().find(|layer| !has_layer(layer)) {
            Some(layer) => Err(wrong(origin, "targets.layers", layer, "layers of the model")),
            None => Ok(()),
        }
    }

    /// Checks what does not depend on a model.
    pub(crate) fn validate(&self, origin: &str) -> Result<(), Error> {
        if self.modules == Modules::Names(Vec::new()) {
            return Err(wrong(origin, "targets", "empty", "at least one projection"));
        }
        match (&self.layers, &self.modules) {
            (Some(layers), _) if layers.is_empty() => {
                Err(wrong(origin, "targets.layers", "empty", "at least one layer, or none given"))
            }
            (Some(_), Modules::Pattern(_)) => {
                let expected = "layers within the pattern, as PEFT has it";
                Err(wrong(origin, "targets.layers", "beside a pattern", expected))
            }
            _ => Ok(()),
        }
    }
}

impl Modules {
    fn contain(&self, name: &str) -> bool {
        match self {
            Self::Names(names) => names.iter().any(|part| ends_with(name, part)),
            Self::Pattern(pattern) => pattern.matches(name),
        }
    }

    /// The first name, or the pattern, that none of these modules has.
    fn unmatched(&self, names: &[String]) -> Option<&str> {
        match self {
            Self::Names(parts) => {
                let unmatched = |part: &&String| !names.iter().any(|name| ends_with(name, part));
                parts.iter().find(unmatched).map(String::as_str)
            }
            Self::Pattern(pattern) => {
                let none = !names.iter().any(|name| pattern.matches(name));
                none.then(|| pattern.as_str())
            }
        }
    }
}

/// Whether the last parts of a full name are these.
fn ends_with(name: &str, part: &str) -> bool {
    name.strip_suffix(part).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Vec<String> {
        let layer = |layer| {
            let block = |name: &str| if name.len() == 6 { "self_attn" } else { "mlp" };
            PROJECTIONS.map(|name| format!("model.layers.{layer}.{}.{name}", block(name)))
        };
        (0..12).flat_map(layer).collect()
    }

    fn count(targets: &Targets) -> usize {
        targets.validate("test").unwrap();
        targets.select(model(), "test").unwrap().len()
    }

    #[test]
    fn names_patterns_exclusions_and_layers_choose_as_in_peft() {
        let names = |names: &[&str]| Targets::names(names.iter().copied());
        let pattern = |text| Targets::pattern(text).unwrap();
        let without =
            |targets: Targets, exclude: Modules| Targets { exclude: Some(exclude), ..targets };
        let within = |targets: Targets, layers: &[usize]| Targets {
            layers: Some(layers.to_vec()),
            ..targets
        };
        let full = "model.layers.3.mlp.up_proj";
        let cases = [
            (Targets::all_linear(), 84),
            (names(&["q_proj", "v_proj"]), 24),
            (names(&["self_attn.q_proj", full]), 13),
            (pattern(r".*\.layers\.1\..*"), 7),
            (pattern(r"model\.layers\.(0|11)\.self_attn\.[qk]_proj"), 4),
            (without(Targets::all_linear(), names(&["mlp.up_proj", "lm_head"]).modules), 72),
            (without(pattern(".*"), pattern("lm_head|model.embed_tokens").modules), 84),
            (within(names(&["q_proj", full]), &[1, 11]), 3),
        ];
        for (targets, expected) in cases {
            assert_eq!(count(&targets), expected, "{targets:?}");
        }
    }

    #[test]
    fn what_matches_nothing_or_too_much_is_named() {
        let exclude = |name: &str| Some(Targets::names([name]).modules);
        let cases = [
            (Targets::names(["q_proj", "proj"]), "`targets` is proj"),
            (Targets::names(["lm_head"]), "`targets` is lm_head"),
            (Targets::pattern(r".*\.c_attn").unwrap(), r"`targets` is .*\.c_attn"),
            (Targets::pattern(".*").unwrap(), "also model.embed_tokens"),
            (
                Targets { exclude: exclude("w1"), ..Targets::all_linear() },
                "`targets.exclude` is w1",
            ),
            (Targets { layers: Some(vec![12]), ..Targets::all_linear() }, "`targets.layers` is 12"),
            (Targets { exclude: exclude("q_proj"), ..Targets::names(["q_proj"]) }, "excluded"),
        ];
        for (targets, expected) in cases {
            let error = targets.select(model(), "test").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
