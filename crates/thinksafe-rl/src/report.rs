//! The report of a run: what its logs say, as one self-contained page.

use std::path::Path;

use thinksafe_core::log;
use thinksafe_plot::{Curve, Figure, curves, escape, facts, figures};
use thinksafe_sft::{latest_checkpoint, resumable};

use crate::Error;
use crate::checkpoint;
use crate::fit::STEPS;
use crate::record::GrpoStep;

/// A run for people: its curves, counts and settings.
///
/// ```no_run
/// use thinksafe_rl::GrpoReport;
///
/// let report = GrpoReport::read("GRPO on Qwen3-0.6B", "run/grpo")?;
/// thinksafe_core::fs::write_atomic("run/grpo.html", report.to_html())?;
/// # Ok::<(), thinksafe_rl::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GrpoReport {
    /// The title.
    pub title: String,
    /// The train log.
    pub steps: Vec<GrpoStep>,
    /// The settings of the newest checkpoint, by path (`config.loss.beta`).
    pub settings: Vec<(String, String)>,
}

impl GrpoReport {
    /// Reads the log of steps that [`fit`](crate::fit) keeps in a directory and the settings of its newest checkpoint. The run may
    /// still be going on.
    ///
    /// # Errors
    /// [`Error::Core`] if there is no log or a file cannot be read, [`Error::Checkpoint`] if the newest checkpoint is none.
    pub fn read(title: impl Into<String>, dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let mut settings = Vec::new();
        if let Some(newest) = latest_checkpoint(dir)? {
            resumable::flatten("", &checkpoint::settings(&newest)?, &mut settings);
        }
        Ok(Self { title: title.into(), steps: log::read(dir.join(STEPS))?, settings })
    }

    /// The page: no script, no request to anywhere.
    pub fn to_html(&self) -> String {
        let header = format!(
            "<header><p class=\"kicker\">ThinkSafe GRPO</p><h1>{}</h1></header>\n",
            escape(&self.title)
        );
        let body = [
            header,
            figures(&self.figures()),
            section("counts", "Counts", &self.counts()),
            section("settings", "Settings", &self.settings),
        ];
        thinksafe_plot::page(&self.title, &body.concat())
    }

    fn figures(&self) -> Vec<Figure> {
        // A curve needs two points.
        if self.steps.len() < 2 {
            return Vec::new();
        }
        let line = |name: &str, of: fn(&GrpoStep) -> f64| Curve::noisy(name, self.points(of));
        let clipped =
            [line("below", |step| step.clipped_low), line("above", |step| step.clipped_high)];
        vec![
            figure(
                "Reward",
                "The mean over a step's responses.",
                &[line("reward", |s| s.reward)],
                "reward",
            ),
            figure("Rewards", "Each by itself, not weighted.", &self.reward_lines(), "reward"),
            figure("Length", "Generated tokens.", &[line("tokens", |s| s.mean_tokens)], "tokens"),
            figure("Entropy", "Of the policy, a token.", &[line("entropy", |s| s.entropy)], "nats"),
            figure(
                "Divergence",
                "From the model without adapter (k3).",
                &[line("KL", |s| s.kl)],
                "nats",
            ),
            figure("Cut ratios", "The share of tokens.", &clipped, "share"),
            figure("Loss", "Before the first update.", &[line("loss", |s| s.loss)], "loss"),
            figure("Gradient norm", "Before clipping.", &[line("norm", |s| s.grad_norm)], "2-norm"),
        ]
    }

    fn reward_lines(&self) -> Vec<Curve> {
        let Some(first) = self.steps.first() else { return Vec::new() };
        let line = |(term, reward): (usize, &crate::record::RewardMean)| {
            let value = |step: &GrpoStep| Some((step.step as f64, step.rewards.get(term)?.mean?));
            Curve::noisy(
                reward.name.replace('_', " "),
                self.steps.iter().filter_map(value).collect(),
            )
        };
        first.rewards.iter().enumerate().map(line).collect()
    }

    fn counts(&self) -> Vec<(String, String)> {
        let sum = |of: fn(&GrpoStep) -> u64| self.steps.iter().map(of).sum::<u64>().to_string();
        let counts = [
            ("steps", self.steps.len().to_string()),
            ("groups drawn", sum(|s| s.groups.drawn)),
            ("groups with equal rewards", sum(|s| s.groups.equal)),
            ("groups with too few rewards", sum(|s| s.groups.too_few)),
            ("responses drawn", sum(|s| s.responses.drawn)),
            ("responses in the loss", sum(|s| s.responses.trained)),
            ("responses not served", sum(|s| s.responses.failed)),
            ("responses undetermined", sum(|s| s.responses.undetermined)),
            ("responses cut off and dropped", sum(|s| s.responses.truncated)),
            ("steps without update", sum(|s| u64::from(s.updates == 0))),
        ];
        counts.map(|(name, count)| (name.to_owned(), count)).into()
    }

    fn points(&self, of: impl Fn(&GrpoStep) -> f64) -> Vec<(f64, f64)> {
        self.steps.iter().map(|step| (step.step as f64, of(step))).collect()
    }
}

fn figure(title: &str, caption: &str, lines: &[Curve], y: &str) -> Figure {
    let svg = curves(lines, "step", y);
    Figure { title: title.to_owned(), caption: caption.to_owned(), svg }
}

fn section(id: &str, title: &str, rows: &[(String, String)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let list = facts(rows.iter().map(|(name, value)| (&**name, &**value)));
    format!("<section id=\"{id}\"><h2>{title}</h2>{list}</section>\n")
}
