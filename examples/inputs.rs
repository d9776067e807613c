//! Which model, guard and prompts an example uses: the caller's, or the miniature.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::json;
use thinksafe_chat::Chat;
use thinksafe_core::fs;
use thinksafe_core::generate::Identity;
use thinksafe_core::judge::{Judge, JudgeIdentity};
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_distributed::Launch;
use thinksafe_eval::benchmark::Settings;
use thinksafe_filter::{
    CardInfo, GraniteGuardian, Guard, HarmBench, LlamaGuard3, Qwen3Guard, ShieldGemma, Source,
    WildGuard,
};
use thinksafe_rl::{GrpoConfig, own_distribution};
use thinksafe_runtime::{CausalLm, Device, EngineOptions, LocalGenerator, Placement, Precision};
use thinksafe_sft::{AdamWConfig, Schedule, SftConfig};
use thinksafe_trace::{Columns, PromptSet};

use crate::sets::{EvaluationSet, read_evaluation};

/// Where models and data come from. Without a model, all are the embedded miniature's.
#[derive(Debug, Clone, Args)]
pub struct Inputs {
    /// The reasoning model: a Hugging Face folder (Qwen3, Qwen2, Llama, Mistral; R1-Distill).
    #[arg(long, value_name = "DIR", requires_all = ["guard", "prompts"])]
    model: Option<PathBuf>,
    /// The guard: a Hugging Face folder.
    #[arg(long, value_name = "DIR", requires = "model")]
    guard: Option<PathBuf>,
    /// How the guard is asked.
    #[arg(long, value_enum, default_value = "llama-guard")]
    guard_format: GuardFormat,
    /// Prompts with labels: JSON, JSON Lines or CSV with a text and a label column.
    #[arg(long, value_name = "FILE", requires = "model")]
    prompts: Option<PathBuf>,
    /// Held-out sets, a .jsonl each: lines with `text` and `label`, or with `problem` and `answer`.
    #[arg(long, value_name = "DIR", requires = "model")]
    evaluation: Option<PathBuf>,
    /// cpu or cuda:0.
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// f32, bf16 or f16.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// The most tokens of an answer.
    #[arg(long, default_value_t = 16_384)]
    max_new_tokens: u32,
    /// The peak learning rate; the paper's for real models, the miniature's for the miniature.
    #[arg(long)]
    learning_rate: Option<f64>,
}

/// How a guard is asked and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(clippy::exhaustive_enums, reason = "a choice of the command line")]
pub enum GuardFormat {
    /// Llama Guard 3: the folder's chat template, the first token's vote.
    LlamaGuard,
    /// WildGuard: its published prompt, three lines.
    WildGuard,
    /// Qwen3Guard-Gen: its published prompt, the vote behind `Safety:` and three lines.
    Qwen3Guard,
    /// ShieldGemma: its four policies, a question each.
    ShieldGemma,
    /// Granite Guardian 3.0 to 3.2: the folder's chat template, the first token's vote.
    GraniteGuardian,
    /// HarmBench's classifier: its published prompt, one token.
    HarmBench,
}

/// Paths and settings, whoever they come from.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Loaded {
    /// The reasoning model's folder.
    pub model: PathBuf,
    /// The guard's folder.
    pub guard: PathBuf,
    /// How the guard is asked.
    pub guard_format: GuardFormat,
    /// The labelled prompts.
    pub prompts: PromptSet,
    /// Where they come from.
    pub source: String,
    /// The folder of held-out sets, if any.
    pub evaluation: Option<PathBuf>,
    /// Device and number format.
    pub placement: Placement,
    /// How tokens are chosen: the paper's settings for Qwen3, with the caller's limit.
    pub sampling: Sampling,
    /// The peak learning rate.
    pub learning_rate: f64,
}

impl Inputs {
    /// The miniature's, as without any option.
    pub fn miniature() -> Self {
        Self {
            model: None,
            guard: None,
            guard_format: GuardFormat::LlamaGuard,
            prompts: None,
            evaluation: None,
            device: Device::CPU,
            precision: Precision::F32,
            max_new_tokens: 16_384,
            learning_rate: None,
        }
    }

    /// Whether the caller gave a model; otherwise everything is the miniature's.
    pub fn has_model(&self) -> bool {
        self.model.is_some()
    }

    /// Reads the prompts, and writes the miniature below `scratch` where nothing else is given.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn load(&self, scratch: &Path) -> Result<Loaded> {
        let found = match &self.model {
            None => Found::miniature(scratch)?,
            Some(model) => Found::given(self, model)?,
        };
        let sampling = Sampling {
            top_k: found.top_k,
            max_new_tokens: self.max_new_tokens.min(found.max_new_tokens),
            ..Sampling::default()
        };
        let mut columns = Columns::default();
        columns.text.push("text".to_owned());
        Ok(Loaded {
            prompts: PromptSet::read(&found.prompts, &columns)?,
            source: found.prompts.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            model: found.model,
            guard: found.guard,
            guard_format: self.guard_format,
            evaluation: found.evaluation,
            placement: Placement { device: self.device, precision: self.precision },
            sampling,
            learning_rate: self.learning_rate.unwrap_or(found.learning_rate),
        })
    }
}

/// Paths, and the settings that go with them.
struct Found {
    model: PathBuf,
    guard: PathBuf,
    prompts: PathBuf,
    evaluation: Option<PathBuf>,
    top_k: u32,
    max_new_tokens: u32,
    learning_rate: f64,
}

impl Found {
    /// The caller's, with the paper's settings.
    fn given(inputs: &Inputs, model: &Path) -> Result<Self> {
        Ok(Self {
            model: model.to_owned(),
            guard: inputs.guard.clone().context("--guard is missing")?,
            prompts: inputs.prompts.clone().context("--prompts is missing")?,
            evaluation: inputs.evaluation.clone(),
            top_k: 20,
            max_new_tokens: u32::MAX,
            learning_rate: 1e-5,
        })
    }

    /// The miniature, written out. Its turns are short, and its learning rate is that of its size.
    fn miniature(scratch: &Path) -> Result<Self> {
        let world = thinksafe_mini::write_to(scratch)?;
        Ok(Self {
            model: world.model,
            guard: world.guard,
            prompts: world.prompts,
            evaluation: world.arithmetic.parent().map(Path::to_owned),
            top_k: 0,
            max_new_tokens: 192,
            learning_rate: 3e-3,
        })
    }
}

impl Loaded {
    /// Another model, a teacher for instance, on an engine like the reasoning model's.
    ///
    /// # Errors
    /// What is wrong with its folder.
    pub fn load_generator(&self, folder: &Path) -> Result<LocalGenerator> {
        self.generator(folder)
    }

    /// The reasoning model on its engine.
    ///
    /// # Errors
    /// What is wrong with its folder.
    pub fn load_model(&self) -> Result<LocalGenerator> {
        self.generator(&self.model)
    }

    /// The guard, ready to judge.
    ///
    /// # Errors
    /// What is wrong with its folder.
    pub fn load_guard(&self) -> Result<Box<dyn Judge>> {
        let engine = self.generator(&self.guard)?;
        Ok(match self.guard_format {
            GuardFormat::LlamaGuard => Box::new(Guard::new(engine, LlamaGuard3::default())),
            GuardFormat::WildGuard => Box::new(Guard::new(engine, WildGuard::default())),
            GuardFormat::Qwen3Guard => Box::new(Guard::new(engine, Qwen3Guard::default())),
            GuardFormat::ShieldGemma => Box::new(Guard::any_of(engine, ShieldGemma::published())?),
            GuardFormat::GraniteGuardian => Box::new(Guard::new(engine, GraniteGuardian::yes_no())),
            GuardFormat::HarmBench => Box::new(Guard::new(engine, HarmBench::default())),
        })
    }

    /// The held-out sets, at most `limit` items of each; none if the caller gave no folder.
    ///
    /// # Errors
    /// What is wrong with their files.
    pub fn evaluation_sets(&self, seed: Seed, limit: usize) -> Result<Vec<EvaluationSet>> {
        let settings = Settings::new(self.sampling.clone(), seed.purpose("evaluation"));
        match &self.evaluation {
            Some(dir) => read_evaluation(dir, &settings, limit),
            None => Ok(Vec::new()),
        }
    }

    /// Gives each of several processes the CUDA device of its number on this machine.
    ///
    /// # Errors
    /// A device that is not there.
    pub fn take_device_of(&mut self, launch: &Launch) -> Result<()> {
        if launch.world_size > 1 && !self.placement.device.is_cpu() {
            self.placement.device = Device::cuda(launch.local_rank)?;
        }
        Ok(())
    }

    /// How the model is fine-tuned: as in the paper, at this learning rate.
    pub fn sft_config(&self, seed: Seed) -> SftConfig {
        let optimizer = AdamWConfig { lr: self.learning_rate, ..AdamWConfig::default() };
        SftConfig { optimizer, seed, ..SftConfig::default() }
    }

    /// How the model is reinforced: the paper's groups and loss, at this learning rate and with fine-tuning's schedule. Each prompt
    /// comes once. Responses are drawn from the policy's own distribution, which ratios are about.
    pub fn grpo_config(&self, seed: Seed) -> GrpoConfig {
        GrpoConfig {
            sampling: own_distribution(self.sampling.max_new_tokens),
            optimizer: AdamWConfig { lr: self.learning_rate, ..AdamWConfig::default() },
            schedule: Schedule::default(),
            seed,
            ..GrpoConfig::default()
        }
    }

    /// What the dataset's card says of its sources.
    pub fn card(&self) -> CardInfo {
        let source = Source { name: self.source.clone(), license: "other".to_owned(), url: None };
        CardInfo {
            title: "ThinkSafe traces".to_owned(),
            license: "other".to_owned(),
            sources: vec![source],
        }
    }

    /// Writes the run's manifest: everything that decides its results.
    ///
    /// # Errors
    /// A manifest that cannot be written.
    pub fn write_manifest(
        &self,
        run: &RunDir,
        seed: Seed,
        (model, guard): (&Identity, &JudgeIdentity),
    ) -> Result<()> {
        let prompts = json!({ "hash": self.prompts.hash(), "count": self.prompts.len() });
        let manifest = json!({
            "format": "thinksafe.manifest",
            "version": 1,
            "crate": env!("CARGO_PKG_VERSION"),
            "seed": seed,
            "model": model,
            "guard": guard,
            "prompts": prompts,
            "sampling": self.sampling,
            "learning_rate": self.learning_rate,
        });
        Ok(fs::write_json(run.manifest(), "the manifest", &manifest)?)
    }

    fn generator(&self, folder: &Path) -> Result<LocalGenerator> {
        let model = CausalLm::load(folder, self.placement)?;
        Ok(LocalGenerator::new(model, Chat::load(folder)?, EngineOptions::default())?)
    }
}
