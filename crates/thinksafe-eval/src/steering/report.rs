//! What steering does, as data, as text and as a page.

use serde::{Deserialize, Serialize};
use thinksafe_core::fs;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;

use super::acceptance::{Acceptance, Counts, table};
use super::distribution::{DistributionTest, Statistic, p_value_of};
use super::draws::Draws;
use super::page;
use super::sample::PromptSamples;
use super::tilt::Tilt;
use crate::Error;
use crate::likelihood::Perplexity;
use crate::report::Fact;
use crate::statistics::{Interval, mantel_haenszel};

/// How samples are measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct SteeringSettings {
    /// Where draws to the first accepted response stop: at most the samples of a prompt.
    pub most_draws: u64,
    /// What rounding makes of ln p(y|I,x) − ln p(y|x): a standard deviation in nats.
    pub noise: f64,
    /// Permutations drawn where all are too many.
    pub permutations: u32,
    /// What permutations and bootstraps draw by.
    pub seed: Seed,
}

/// What steering does on a set of prompts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SteeringReport {
    format: String,
    version: u32,
    /// The report's title.
    pub title: String,
    /// How it was measured.
    pub settings: SteeringSettings,
    /// Without steering: the paper's α_ref.
    pub unsteered: Acceptance,
    /// With steering: the paper's α_I.
    pub steered: Acceptance,
    /// ω of all prompts together (Mantel and Haenszel); absent where it is 0, infinite or unknown.
    pub omega: Option<Interval>,
    /// Draws to the first accepted response; absent if no prompt has enough samples.
    pub draws: Option<Draws>,
    /// Whether one factor tells steered from unsteered probabilities.
    pub tilt: Tilt,
    /// Whether accepted responses have one distribution; empty if no prompt has some on both sides.
    pub distribution: Vec<DistributionTest>,
    /// Perplexities of datasets under the unsteered model.
    pub perplexities: Vec<NamedPerplexity>,
    /// Each prompt for itself.
    pub prompts: Vec<PromptResult>,
    /// Facts for people: model, guard, sampling.
    pub facts: Vec<Fact>,
}

/// A dataset's perplexity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedPerplexity {
    /// The dataset.
    pub name: String,
    /// Its perplexity.
    pub perplexity: Perplexity,
}

/// What steering does on one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptResult {
    /// The prompt's id.
    pub prompt: String,
    /// Its samples without steering.
    pub unsteered: Counts,
    /// Its samples with steering.
    pub steered: Counts,
    /// α_ref, with Wilson's interval; absent if nothing was drawn.
    pub unsteered_rate: Option<Interval>,
    /// α_I, likewise.
    pub steered_rate: Option<Interval>,
    /// ω of this prompt, a half added to each count; absent unless something was drawn on both sides.
    pub omega: Option<Interval>,
    /// The spread of the log-ratio over its accepted responses; absent for fewer than two.
    pub spread: Option<f64>,
    /// The permutation test of ln p(y|x) on this prompt alone.
    pub p_value: Option<f64>,
}

impl SteeringReport {
    /// The format's name, in the file.
    pub const FORMAT: &'static str = "thinksafe.steering";
    /// The version of the file's fields.
    pub const VERSION: u32 = 1;

    /// Measures samples.
    pub fn new(
        title: impl Into<String>,
        prompts: &[PromptSamples],
        settings: SteeringSettings,
    ) -> Self {
        let SteeringSettings { most_draws, noise, permutations, seed } = settings;
        let results: Vec<PromptResult> =
            prompts.iter().map(|prompt| PromptResult::of(prompt, &settings)).collect();
        let tables: Vec<_> = results.iter().map(|r| table(&r.unsteered, &r.steered)).collect();
        let omega = mantel_haenszel(&tables);
        let counts: Vec<_> =
            results.iter().map(|r| (r.prompt.as_str(), r.unsteered, r.steered)).collect();
        let test = |statistic| DistributionTest::of(prompts, statistic, permutations, seed);
        Self {
            format: Self::FORMAT.to_owned(),
            version: Self::VERSION,
            title: title.into(),
            settings,
            unsteered: Acceptance::of(prompts, |prompt| &prompt.unsteered),
            steered: Acceptance::of(prompts, |prompt| &prompt.steered),
            omega,
            draws: Draws::of(&counts, omega.map(|omega| omega.value), most_draws, seed),
            tilt: Tilt::of(prompts, noise, seed),
            distribution: Statistic::ALL.into_iter().filter_map(test).collect(),
            perplexities: Vec::new(),
            prompts: results,
            facts: Vec::new(),
        }
    }

    /// Adds a dataset's perplexity.
    pub fn add_perplexity(&mut self, name: impl Into<String>, perplexity: Perplexity) {
        self.perplexities.push(NamedPerplexity { name: name.into(), perplexity });
    }

    /// Adds a fact.
    pub fn fact(&mut self, name: impl Into<String>, value: impl std::fmt::Display) {
        self.facts.push(Fact { name: name.into(), value: value.to_string() });
    }

    /// The main tables as plain text, for a terminal.
    pub fn to_text(&self) -> String {
        page::text(self)
    }

    /// Everything as one self-contained page: no script, no request to anywhere, no word of prompts or responses.
    pub fn to_html(&self) -> String {
        page::html(self)
    }

    /// Writes `steering.json` and `steering.html` of a run directory.
    ///
    /// # Errors
    /// [`Error::Core`] if a file cannot be written.
    pub fn save(&self, dir: &RunDir) -> Result<(), Error> {
        fs::write_json(dir.steering_json(), Self::FORMAT, self)?;
        Ok(fs::write_atomic(dir.steering_html(), self.to_html())?)
    }
}

impl PromptResult {
    fn of(prompt: &PromptSamples, settings: &SteeringSettings) -> Self {
        let SteeringSettings { noise, permutations, seed, .. } = *settings;
        let [unsteered, steered] = [&prompt.unsteered, &prompt.steered].map(Counts::of);
        let both = unsteered.drawn() > 0 && steered.drawn() > 0;
        let tilt = Tilt::of(std::slice::from_ref(prompt), noise, seed);
        Self {
            prompt: prompt.prompt.clone(),
            unsteered,
            steered,
            unsteered_rate: unsteered.rate(),
            steered_rate: steered.rate(),
            omega: both.then(|| table(&unsteered, &steered).odds_ratio()),
            spread: tilt.spread.map(|spread| spread.value),
            p_value: p_value_of(prompt, Statistic::LogLikelihood, permutations, seed),
        }
    }
}

#[cfg(test)]
mod tests;
