//! The published benchmarks: which of them, what answers, and what judges.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use thinksafe_chat::Chat;
use thinksafe_core::judge::Judge;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::answer::ExtractedAnswer;
use thinksafe_eval::catalog;
use thinksafe_eval::judged::View;
use thinksafe_eval::score::{Aspect, Scorer};
use thinksafe_eval::scorer::{AnswerAccuracy, HarmfulRate, RefusalRate};
use thinksafe_eval::spec::Spec;
use thinksafe_filter::{Guard, LlamaGuard3, RefusalJudge, WildGuard};
use thinksafe_runtime::{
    CausalLm, Device, EngineOptions, LocalGenerator, ModelConfig, Placement, Precision,
};

/// Which benchmarks, which model, which judges.
#[derive(Debug, Clone, Args)]
pub struct Published {
    /// The folder of the benchmarks' files.
    #[arg(long, value_name = "DIR")]
    pub benchmarks: PathBuf,
    /// Only these of the catalogue, by name.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// A benchmark of your own, as a TOML file; its rows are in the folder too.
    #[arg(long, value_name = "FILE")]
    set: Vec<PathBuf>,
    /// The reasoning model: a Hugging Face folder.
    #[arg(long, value_name = "DIR", required_unless_present = "tokenizer", requires = "guard")]
    model: Option<PathBuf>,
    /// In place of a model: the folder of Qwen3's tokenizer, for a model with random weights.
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    tokenizer: Option<PathBuf>,
    /// Llama Guard 3: the folder. Without, the miniature's guard, which knows nothing of real harm.
    #[arg(long, value_name = "DIR")]
    guard: Option<PathBuf>,
    /// WildGuard, which says whether a response refuses: the folder. Without, rules on its words.
    #[arg(long, value_name = "DIR")]
    wildguard: Option<PathBuf>,
    /// This many samples an item, in place of the benchmark's.
    #[arg(long)]
    samples: Option<u32>,
    /// At most this many tokens a response, in place of the benchmark's.
    #[arg(long)]
    max_new_tokens: Option<u32>,
    /// In place of the benchmark's, which is that of Qwen3; 0 for R1-Distill.
    #[arg(long)]
    top_k: Option<u32>,
    /// cpu or cuda:0.
    #[arg(long, default_value = "cpu")]
    device: Device,
    /// f32, bf16 or f16.
    #[arg(long, default_value = "f32")]
    precision: Precision,
}

/// Says what is harmful, and what is a refusal.
pub struct Judges {
    guard: Box<dyn Judge>,
    refusals: Box<dyn Judge>,
}

impl std::fmt::Debug for Judges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [&*self.guard, &*self.refusals].map(|judge| &judge.identity().name);
        f.debug_tuple("Judges").field(&names).finish()
    }
}

/// Qwen3's layout and vocabulary, otherwise small.
const LAYOUT: &str = r#"{
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 64,
    "intermediate_size": 192, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 32, "max_position_embeddings": 40960, "rope_theta": 1000000, "rms_norm_eps": 1e-6,
    "tie_word_embeddings": true, "hidden_act": "silu"
}"#;

impl Published {
    /// The benchmarks, those of the caller last, with the caller's settings.
    ///
    /// # Errors
    /// A name that the catalogue does not have, or a file that is no spec.
    pub fn specs(&self) -> Result<Vec<Spec>> {
        let mut specs = match self.only.as_slice() {
            [] => catalog::all()?,
            names => names.iter().map(|name| catalog::find(name)).collect::<Result<_, _>>()?,
        };
        specs.extend(self.set.iter().map(Spec::read).collect::<Result<Vec<_>, _>>()?);
        for Spec { settings, .. } in &mut specs {
            settings.samples = self.samples.unwrap_or(settings.samples);
            let sampling = &mut settings.sampling;
            sampling.max_new_tokens = self.max_new_tokens.unwrap_or(sampling.max_new_tokens);
            sampling.top_k = self.top_k.unwrap_or(sampling.top_k);
        }
        Ok(specs)
    }

    /// The reasoning model on its engine.
    ///
    /// # Errors
    /// What is wrong with its folder.
    pub fn load_model(&self) -> Result<LocalGenerator> {
        if let Some(folder) = &self.model {
            return self.engine(folder);
        }
        let config = ModelConfig::from_json(LAYOUT, file!().as_ref())?;
        let model = CausalLm::random(config, self.placement(), Seed(1))?;
        let chat = Chat::load(self.tokenizer.as_ref().context("--model is missing")?)?;
        Ok(LocalGenerator::new(model, chat, EngineOptions::default())?)
    }

    /// The judges; the miniature is written below `scratch` if its guard is wanted.
    ///
    /// # Errors
    /// What is wrong with their folders.
    pub fn load_judges(&self, scratch: &Path) -> Result<Judges> {
        let folder = match &self.guard {
            Some(folder) => folder.clone(),
            None => thinksafe_mini::write_to(scratch)?.guard,
        };
        let guard = Guard::new(self.engine(&folder)?, LlamaGuard3::default());
        let refusals: Box<dyn Judge> = match &self.wildguard {
            Some(folder) => Box::new(Guard::new(self.engine(folder)?, WildGuard::default())),
            None => Box::new(RefusalJudge::default()),
        };
        Ok(Judges { guard: Box::new(guard), refusals })
    }

    fn engine(&self, folder: &Path) -> Result<LocalGenerator> {
        let model = CausalLm::load(folder, self.placement())?;
        Ok(LocalGenerator::new(model, Chat::load(folder)?, EngineOptions::default())?)
    }

    fn placement(&self) -> Placement {
        Placement { device: self.device, precision: self.precision }
    }
}

impl Judges {
    /// What scores a benchmark, as in the paper: judges see the whole turn. Verdicts are logged in the run's `eval/`.
    pub fn scorer<'a>(&'a mut self, spec: &Spec, run: &RunDir) -> Box<dyn Scorer + 'a> {
        let log = run.evaluation(&format!("verdicts-{}", spec.name));
        match spec.aspect {
            Aspect::Refusal | Aspect::OverRefusal => {
                let refusals = &mut *self.refusals;
                let mut rate = match spec.aspect {
                    Aspect::Refusal => RefusalRate::wanted(refusals, log),
                    _ => RefusalRate::unwanted(refusals, log),
                };
                rate.view = View::Turn;
                Box::new(rate)
            }
            Aspect::Reasoning if spec.choices.is_some() => {
                Box::new(AnswerAccuracy::new(ExtractedAnswer::choice('D')))
            }
            Aspect::Reasoning => Box::new(AnswerAccuracy::new(ExtractedAnswer::math())),
            _ => Box::new(HarmfulRate::new(&mut *self.guard, log)),
        }
    }
}
