//! Logs for inspect_ai, field by field; that inspect_ai itself reads such logs, `cargo xtask interop` says.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use thinksafe_core::generate::RequestError;
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_eval::answer::ExtractedAnswer;
use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
use thinksafe_eval::evaluate::{Evaluated, evaluate};
use thinksafe_eval::inspect::InspectLog;
use thinksafe_eval::scorer::{AnswerAccuracy, RefusalRate};
use thinksafe_filter::RefusalJudge;

const CREATED: Duration = Duration::from_hours(500_000);

fn created() -> SystemTime {
    UNIX_EPOCH + CREATED
}

/// One right answer, one wrong, one cut off, one that was not served; the last two of one cluster.
fn evaluated(dir: &Path) -> Evaluated {
    let item = |id: &str, cluster: Option<&str>| Item {
        cluster: cluster.map(str::to_owned),
        category: Some("sums".to_owned()),
        ..Item::new(id, format!("{id}?")).with_reference("42")
    };
    let items = ["right", "wrong"].map(|id| item(id, None));
    let more = ["long", "failing"].map(|id| item(id, Some("ends badly")));
    let settings = Settings::new(Sampling::greedy(6), Seed(u64::MAX));
    let benchmark = Benchmark::new("sums_2", [items, more].concat(), settings).unwrap();
    let mut model = ScriptedGenerator::new("model", |request| {
        let Prompt::Messages(messages) = &request.prompt else { unreachable!() };
        match messages[0].content.as_str() {
            "right?" => Ok("<think>17 + 25</think>\\boxed{42}".to_owned()),
            "wrong?" => Ok("\\boxed{41}".to_owned()),
            "long?" => Ok("<think>1 2 3 4 5 6 7 8".to_owned()),
            _ => Err(RequestError::Template { reason: "no such role".to_owned() }),
        }
    });
    let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
    let mut first = RefusalRate::unwanted(RefusalJudge::default(), dir.join("verdicts.jsonl"));
    let mut second = RefusalRate::unwanted(RefusalJudge::default(), dir.join("verdicts.jsonl"));
    let scorers = &mut [&mut accuracy as _, &mut first as _, &mut second as _];
    evaluate(&RunDir::new(dir), &benchmark, &mut model, scorers, &mut |_| {}).unwrap()
}

#[test]
fn a_log_is_as_it_was_when_inspect_ai_read_it() {
    let temporary = tempfile::tempdir().unwrap();
    let evaluated = evaluated(temporary.path());
    let log = InspectLog::new(&evaluated, created()).tagged("before");
    let text = log.to_json();
    // Two of four responses have no score, by each of three scorers; nothing else is written so.
    assert_eq!(text.matches("NaN").count(), 6);
    assert!(!text.contains("null"));
    let found: Value = serde_json::from_str(&text.replace("NaN", "null")).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/inspect_log.json");
    let expected: Value = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    if found != expected {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("inspect_log.json");
        std::fs::write(&path, format!("{found:#}\n")).unwrap();
        panic!("the log differs from tests/golden/inspect_log.json: see {}", path.display());
    }
}

#[test]
fn what_has_no_score_is_neither_right_nor_wrong() {
    let temporary = tempfile::tempdir().unwrap();
    let text = InspectLog::new(&evaluated(temporary.path()), created()).to_json();
    let log: Value = serde_json::from_str(&text.replace("NaN", "null")).unwrap();
    let values: Vec<&Value> = ["answer_accuracy", "over_refusal1"]
        .iter()
        .flat_map(|name| {
            log["samples"].as_array().unwrap().iter().map(|s| &s["scores"][*name]["value"])
        })
        .collect();
    // By id: failing, long, right, wrong.
    assert_eq!(values[..4], [&Value::Null, &Value::Null, &"C".into(), &"I".into()]);
    assert_eq!(values[4..6], [&Value::Null, &Value::Null]);
    let scores = &log["results"]["scores"][0];
    assert_eq!((&scores["scored_samples"], &scores["unscored_samples"]), (&2.into(), &2.into()));
    assert_eq!(scores["metrics"]["accuracy"]["value"], 0.5);
    assert_eq!(scores["metrics"]["truncated"]["value"], 1);
    assert_eq!(scores["metrics"]["request_failed"]["value"], 1);
}

#[test]
fn logs_are_named_as_inspect_view_looks_for_them() {
    let temporary = tempfile::tempdir().unwrap();
    let evaluated = evaluated(temporary.path());
    let dir = temporary.path().join("inspect");
    let path = InspectLog::new(&evaluated, created()).save(&dir).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("2027-01-15T08-00-00-00-00_sums-2_"), "{name}");
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 1, "nothing temporary is left");
}

#[test]
fn a_log_takes_the_place_of_its_predecessor_and_of_no_other() {
    let temporary = tempfile::tempdir().unwrap();
    let evaluated = evaluated(temporary.path());
    let dir = temporary.path().join("inspect");
    let save = |evaluated: &Evaluated, later: u64| {
        let created = created() + Duration::from_secs(later);
        InspectLog::new(evaluated, created).save(&dir).unwrap()
    };
    let steer =
        |item: &Item| Prompt::Messages(vec![Message::user(format!("Be brief. {}", item.text))]);
    let steered =
        Evaluated { benchmark: evaluated.benchmark.with_prompts(steer), ..evaluated.clone() };
    let (first, other) = (save(&evaluated, 0), save(&steered, 1));
    let second = save(&evaluated, 2);
    assert!(!first.exists());
    assert_eq!(thinksafe_core::fs::list(&dir).unwrap(), [other, second]);
}
