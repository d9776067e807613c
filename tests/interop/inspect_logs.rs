//! Evaluations of a scripted model, as logs that inspect_ai must read: several samples an item, items that belong
//! together, and responses that have no score.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use thinksafe_core::generate::{Request, RequestError};
use thinksafe_core::message::Prompt;
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_eval::answer::ExtractedAnswer;
use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
use thinksafe_eval::evaluate::evaluate;
use thinksafe_eval::inspect::InspectLog;
use thinksafe_eval::scorer::{AnswerAccuracy, RefusalRate};
use thinksafe_filter::RefusalJudge;

use crate::Failure;

const ITEMS: usize = 40;
const SAMPLES: u32 = 3;
/// Longer answers are cut off.
const TOKENS: u32 = 8;

/// Writes the log of a whole set, and that of one whose every response is cut off.
pub(crate) fn write(out: &Path) -> Result<(), Failure> {
    log(out, "sums", answer)?;
    log(out, "endless", |_| Ok("<think>1 2 3 4 5 6 7 8 9".to_owned()))
}

fn log(
    out: &Path,
    name: &str,
    answer: impl FnMut(&Request) -> Result<String, RequestError>,
) -> Result<(), Failure> {
    let run = RunDir::new(out.join(name));
    let settings =
        Settings { samples: SAMPLES, ..Settings::new(Sampling::greedy(TOKENS), Seed(7)) };
    let benchmark = Benchmark::new(name, (0..ITEMS).map(item).collect(), settings)?;
    let mut model = ScriptedGenerator::new("model", answer);
    let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
    let mut refused = RefusalRate::unwanted(RefusalJudge::default(), run.evaluation("verdicts"));
    let scorers = &mut [&mut accuracy as _, &mut refused as _];
    let evaluated = evaluate(&run, &benchmark, &mut model, scorers, &mut |_| {})?;
    let created = UNIX_EPOCH + Duration::from_hours(500_000);
    InspectLog::new(&evaluated, created).tagged("before").save(&out.join("inspect"))?;
    Ok(())
}

/// Items come in threes that are not independent. Their ids are not in the order of their numbers.
fn item(number: usize) -> Item {
    Item {
        cluster: Some(format!("three {}", number / 3)),
        category: Some(if number.is_multiple_of(2) { "even" } else { "odd" }.to_owned()),
        ..Item::new(number.to_string(), format!("What is {number} + {number}?"))
            .with_reference((2 * number).to_string())
    }
}

/// A right answer, a wrong one, a refusal, one that is too long, or none: as the seed falls.
fn answer(request: &Request) -> Result<String, RequestError> {
    match request.seed.0 % 9 {
        0 => Err(RequestError::Template { reason: "no such role".to_owned() }),
        1 => Ok("<think>1 2 3 4 5 6 7 8 9".to_owned()),
        2 => Ok("<think>No.</think>I cannot help with that.".to_owned()),
        3..6 => Ok("\\boxed{-1}".to_owned()),
        _ => {
            Ok(format!("<think>\"Twice.\"</think>\\boxed{{{}}}", sum(request).unwrap_or_default()))
        }
    }
}

/// What the request asks for.
fn sum(request: &Request) -> Option<u64> {
    let Prompt::Messages(messages) = &request.prompt else { return None };
    let number: u64 = messages.first()?.content.split_whitespace().nth(2)?.parse().ok()?;
    Some(2 * number)
}
