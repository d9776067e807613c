//! What the arms have in common: model, guard, prompts, held-out sets, and the miniature's particulars.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use thinksafe_core::generate::Identity;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_examples::{EvaluationSet, Loaded};
use thinksafe_recipes::SAFEPATH_PRIMER;
use thinksafe_trace::PromptSet;

use crate::Options;
use crate::arm::Arm;
use crate::stored;

/// Prompts of each of the four labels, and items of each held-out set, with `--quick`.
const QUICK: (usize, usize) = (30, 24);

/// Prompts of each label that GRPO takes with `--quick`: it draws eight turns of each.
const QUICK_REWARDED: usize = 6;

/// The primer in words of the miniature.
const MINIATURE_PRIMER: &str = "Is it safe to do this?";

/// What does not change from arm to arm.
pub(crate) struct Setting {
    pub(crate) inputs: Loaded,
    pub(crate) teacher: Teacher,
    pub(crate) primer: String,
    pub(crate) seeds: u64,
    quick: bool,
    without: Vec<String>,
    out: PathBuf,
}

/// Who `SafeChain` learns from.
pub(crate) enum Teacher {
    /// The world's own.
    Miniature,
    /// A checkpoint's folder.
    Folder(PathBuf),
    /// Nobody: the arm is left out.
    None,
}

impl Setting {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let mut inputs = options.inputs.load(&options.out.join("miniature"))?;
        let miniature = !options.inputs.has_model();
        let primer = if miniature { MINIATURE_PRIMER } else { SAFEPATH_PRIMER };
        let teacher = match &options.teacher {
            Some(folder) => Teacher::Folder(folder.clone()),
            None if miniature => Teacher::Miniature,
            None => Teacher::None,
        };
        if options.quick {
            inputs.prompts = inputs.prompts.sample_per_label(QUICK.0, Seed(1));
        }
        let setting = Self {
            inputs,
            teacher,
            primer: options.primer.clone().unwrap_or_else(|| primer.to_owned()),
            seeds: options.seeds.unwrap_or(if options.quick { 2 } else { 3 }),
            quick: options.quick,
            without: options.without.clone(),
            out: options.out.clone(),
        };
        ensure!(
            !setting.sets(Seed(1))?.is_empty(),
            "say where held-out sets are: --evaluation DIR"
        );
        Ok(setting)
    }

    /// What the page is about.
    pub(crate) fn name(&self) -> String {
        let model = self.inputs.model.file_name().unwrap_or_default().to_string_lossy();
        match self.teacher {
            Teacher::Miniature => "the miniature".to_owned(),
            _ => model.into_owned(),
        }
    }

    /// The arms asked for, all if none is named, that can be run.
    pub(crate) fn arms(&self, only: &[Arm]) -> Vec<Arm> {
        let wanted = |arm: &Arm| only.is_empty() || only.contains(arm);
        let possible = |arm: &Arm| *arm != Arm::SafeChain || !matches!(self.teacher, Teacher::None);
        Arm::ALL.into_iter().filter(wanted).filter(possible).collect()
    }

    /// The prompts whose answers are rewarded: all.
    pub(crate) fn rewarded(&self) -> PromptSet {
        let prompts = self.inputs.prompts.clone();
        if self.quick { prompts.sample_per_label(QUICK_REWARDED, Seed(1)) } else { prompts }
    }

    /// The held-out sets, asked under a seed.
    pub(crate) fn sets(&self, seed: Seed) -> Result<Vec<EvaluationSet>> {
        let limit = if self.quick { QUICK.1 } else { usize::MAX };
        let mut sets = self.inputs.evaluation_sets(seed, limit)?;
        sets.retain(|set| !self.without.iter().any(|name| name == set.name()));
        // Columns stand as in the paper: harm, over-refusal, reasoning.
        sets.sort_by_key(EvaluationSet::aspect);
        Ok(sets)
    }

    /// The folder of something under a seed.
    pub(crate) fn folder(&self, seed: Seed, name: &str) -> RunDir {
        RunDir::new(self.out.join(format!("seed-{}", seed.0)).join(name))
    }

    /// Refuses a folder that holds another comparison; what results depend on beside arm and seed is in its manifest.
    pub(crate) fn check_manifest(&self, model: &Identity, guard: &JudgeIdentity) -> Result<()> {
        let path = self.out.join("manifest.json");
        let sets = self.sets(Seed(0))?;
        let teacher = match &self.teacher {
            Teacher::Miniature => "the miniature's".to_owned(),
            Teacher::Folder(folder) => folder.display().to_string(),
            Teacher::None => "none".to_owned(),
        };
        let manifest = json!({
            "model": model,
            "guard": guard,
            "prompts": self.inputs.prompts.hash(),
            "sampling": self.inputs.sampling,
            "learning_rate": self.inputs.learning_rate,
            "teacher": teacher,
            "primer": self.primer,
            "sets": sets.iter().map(EvaluationSet::name).collect::<Vec<_>>(),
            "quick": self.quick,
        });
        let format = "thinksafe.compare.manifest";
        match stored::read::<Value>(&path, format)? {
            Some(found) => ensure!(
                found == manifest,
                "{} is of another comparison: choose another --out",
                path.display()
            ),
            None => stored::write(&path, format, &manifest)?,
        }
        Ok(())
    }

    /// What a reader of the page has to know first.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "All arms start at the same weights and choose from the same prompts; settings are the paper's, scaled by one rule \
             that was written down before the first run (docs/COMPARISON.md)."
                .to_owned(),
        ];
        if matches!(self.teacher, Teacher::Miniature) {
            notes.push(
                "The miniature has a million parameters and a world of its own. It shows which way a method moves a model; \
                 the sizes are not those of the paper."
                    .to_owned(),
            );
        }
        if self.quick {
            notes.push(
                "This is the quick form, on a tenth of the prompts and items. It shows that everything runs, and nothing \
                 about the claims."
                    .to_owned(),
            );
        }
        notes
    }
}
