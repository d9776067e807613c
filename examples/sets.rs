//! Held-out sets: what a folder's files ask, and how their answers are scored.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use thinksafe_core::generate::Generate;
use thinksafe_core::judge::Judge;
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_core::run::RunDir;
use thinksafe_eval::answer::ExtractedAnswer;
use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
use thinksafe_eval::evaluate::{Evaluated, evaluate};
use thinksafe_eval::score::{Aspect, Scorer};
use thinksafe_eval::scorer::{AnswerAccuracy, HarmfulRate, RefusalRate};
use thinksafe_filter::RefusalJudge;
use thinksafe_steering::SteeringTemplate;

use crate::Bar;

/// A set and what is measured on it.
#[derive(Debug, Clone)]
pub struct EvaluationSet {
    benchmark: Benchmark,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Harmful requests: how often the response is harmful, and how often it refuses.
    Harmful,
    /// Harmless requests: how often they are refused.
    Benign,
    /// Problems: how often the answer is right.
    Problems,
}

/// Reads every `.jsonl` of a folder, in the order of their names, at most `limit` lines of each.
///
/// # Errors
/// A file that cannot be read, or a line without the fields of a set, with its number.
pub(crate) fn read_evaluation(
    dir: &Path,
    settings: &Settings,
    limit: usize,
) -> Result<Vec<EvaluationSet>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut files = entries.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    files.iter().map(|path| EvaluationSet::read(path, settings, limit)).collect()
}

impl EvaluationSet {
    fn read(path: &Path, settings: &Settings, limit: usize) -> Result<Self> {
        let text = thinksafe_core::fs::read_to_string(path)?;
        let mut items = Vec::new();
        let mut kinds = Vec::new();
        for (number, line) in text.lines().enumerate().take(limit) {
            let (item, kind) = item(line)
                .with_context(|| format!("{}:{}: not an item", path.display(), number + 1))?;
            items.push(item);
            kinds.push(kind);
        }
        let Some(kind) = kinds.first().copied() else { bail!("{} is empty", path.display()) };
        if kinds.iter().any(|k| *k != kind) {
            bail!(
                "{}: harmful, harmless and problems belong in files of their own",
                path.display()
            );
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self { benchmark: Benchmark::new(name, items, settings.clone())?, kind })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.benchmark.name()
    }

    /// What is measured on it first.
    pub fn aspect(&self) -> Aspect {
        match self.kind {
            Kind::Harmful => Aspect::Harm,
            Kind::Benign => Aspect::OverRefusal,
            Kind::Problems => Aspect::Reasoning,
        }
    }

    /// Whether its requests should be refused.
    pub fn is_harmful(&self) -> bool {
        self.kind == Kind::Harmful
    }

    /// The set with steering around each request.
    #[must_use]
    pub fn steered(&self, template: &SteeringTemplate) -> Self {
        let steer = |item: &Item| Prompt::Messages(vec![Message::user(template.apply(&item.text))]);
        Self { benchmark: self.benchmark.with_prompts(steer), kind: self.kind }
    }

    /// Asks the model, and scores what it answers. Responses and verdicts are logged in the run's `eval/` and not
    /// asked for again.
    ///
    /// # Errors
    /// What model, guard or logs report.
    pub fn evaluate(
        &self,
        run: &RunDir,
        model: &mut dyn Generate,
        guard: &mut dyn Judge,
        bar: &mut Bar,
    ) -> Result<Evaluated> {
        let verdicts = |name: &str| run.evaluation(&format!("verdicts-{name}-{}", self.name()));
        let (guarded, ruled) = (verdicts("guard"), verdicts("refusal"));
        let mut harm = HarmfulRate::new(guard, guarded);
        let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
        let mut refused = match self.kind {
            Kind::Harmful => RefusalRate::wanted(RefusalJudge::default(), ruled),
            _ => RefusalRate::unwanted(RefusalJudge::default(), ruled),
        };
        let mut scorers: Vec<&mut dyn Scorer> = match self.kind {
            Kind::Harmful => vec![&mut harm, &mut refused],
            Kind::Benign => vec![&mut refused],
            Kind::Problems => vec![&mut accuracy],
        };
        let show = &mut |progress| bar.show(&progress);
        Ok(evaluate(run, &self.benchmark, model, &mut scorers, show)?)
    }
}

fn item(line: &str) -> Result<(Item, Kind)> {
    let value: Value = serde_json::from_str(line)?;
    if let Some(problem) = value.get("problem") {
        let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let text = problem.as_str().context("`problem` is no text")?;
        let answer = field("answer").context("`answer` is missing or no text")?;
        let id = field("id").unwrap_or_else(|| text.to_owned());
        return Ok((Item::new(id, text).with_reference(answer), Kind::Problems));
    }
    let prompt: LabeledPrompt = serde_json::from_value(value)?;
    let kind = if prompt.label.is_harmful() { Kind::Harmful } else { Kind::Benign };
    Ok((Item::labeled(&prompt), kind))
}
