//! One arm under one seed, from its examples to its columns.

use std::time::Instant;

use anyhow::{Result, ensure};
use thinksafe_core::generate::Generate;
use thinksafe_core::judge::Judge;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::comparison::{ArmRun, Training};
use thinksafe_examples::{Bar, FineTuning, lesson_examples};
use thinksafe_runtime::LocalGenerator;
use thinksafe_sft::{Duration, Ending, Example, SftConfig, Trainer};

use crate::arm::Arm;
use crate::examples::{Made, first_time, make};
use crate::setting::Setting;
use crate::{cost, evaluation, reinforcement, stored};

/// What runs arms, one after the other.
pub(crate) struct Runner<'a> {
    setting: &'a Setting,
    model: LocalGenerator,
    guard: Box<dyn Judge>,
    bar: Bar,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(setting: &'a Setting) -> Result<Self> {
        let (mut model, guard) = (setting.inputs.load_model()?, setting.inputs.load_guard()?);
        setting.check_manifest(model.identity(), guard.identity())?;
        let bar = Bar::default();
        model.set_watch(Some(bar.watch()));
        Ok(Self { setting, model, guard, bar })
    }

    /// What the arm did, read from its folder if it was done before; `None` if it was asked to stop.
    pub(crate) fn run(&mut self, arm: Arm, seed: Seed) -> Result<Option<ArmRun>> {
        let run = self.setting.folder(seed, arm.folder());
        let (path, format) = (run.root().join("result.json"), "thinksafe.compare.result");
        if let Some(result) = stored::read(&path, format)? {
            return Ok(Some(result));
        }
        self.bar.begin(format!("seed {}: {}", seed.0, arm.name()));
        self.model.model_mut().detach_lora();
        let mut training = None;
        if arm != Arm::Initial {
            training = self.train(arm, seed, &run)?;
            if training.is_none() {
                return Ok(None);
            }
        }
        let (setting, model, guard) = (self.setting, &mut self.model, &mut *self.guard);
        let columns = evaluation::columns(setting, seed, &run, model, guard, &mut self.bar)?;
        let result = ArmRun { seed, columns, training };
        stored::write(&path, format, &result)?;
        Ok(Some(result))
    }

    fn train(&mut self, arm: Arm, seed: Seed, run: &RunDir) -> Result<Option<Training>> {
        if arm != Arm::Grpo {
            return self.teach(arm, seed, run);
        }
        let (model, guard) = (&mut self.model, &mut *self.guard);
        reinforcement::train(self.setting, seed, run, model, guard, &mut self.bar)
    }

    /// Makes the arm's examples and trains the model on them.
    fn teach(&mut self, arm: Arm, seed: Seed, run: &RunDir) -> Result<Option<Training>> {
        let (model, guard) = (&mut self.model, &mut *self.guard);
        let made = make(self.setting, arm, seed, model, guard, &mut self.bar)?;
        let examples = lesson_examples(&made.lessons, model.chat())?;
        ensure!(!examples.is_empty(), "nothing is left to train {} on", arm.name());
        let perplexity = cost::perplexity(model, &examples)?;
        let began = Instant::now();
        if self.fine_tune(arm, seed, run, &examples)? == Ending::Stopped {
            return Ok(None);
        }
        let seconds = first_time(run, began.elapsed().as_secs_f64())?;
        Ok(Some(self.account(arm, &made, &examples, (perplexity, seconds))))
    }

    fn fine_tune(
        &mut self,
        arm: Arm,
        seed: Seed,
        run: &RunDir,
        examples: &[Example],
    ) -> Result<Ending> {
        let config = SftConfig {
            objective: arm.objective(),
            duration: Duration::Epochs(arm.setup().epochs),
            ..self.setting.inputs.sft_config(seed)
        };
        let mut trainer = Trainer::new(self.model.model_mut(), examples, config)?;
        let outcome = FineTuning::new(run, examples, &[]).fit(&mut trainer, &mut self.bar)?;
        drop(trainer);
        if outcome.ending != Ending::Stopped {
            self.model.model().save_lora(&run.adapter())?;
        }
        Ok(outcome.ending)
    }

    fn account(
        &self,
        arm: Arm,
        made: &Made,
        examples: &[Example],
        (perplexity, seconds): (Option<f64>, f64),
    ) -> Training {
        let epochs = arm.setup().epochs;
        let size = cost::size(self.model.model());
        let tokens: u64 = examples.iter().map(|example| example.ids.len() as u64).sum();
        let flops =
            cost::generating(size, made) + cost::training(size, examples, &arm.objective(), epochs);
        Training {
            examples: examples.len() as u64,
            perplexity,
            generated_tokens: made.generated.iter().map(|(_, turn)| turn).sum(),
            trained_tokens: u64::from(epochs) * tokens,
            seconds: made.seconds + seconds,
            flops: flops as f64,
            reinforcement: None,
        }
    }
}
