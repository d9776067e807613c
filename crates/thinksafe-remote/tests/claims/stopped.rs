//! Stopping and going on, through the pipeline and its log.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thinksafe_core::log::RecordLog;
use thinksafe_core::progress::Progress;
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_core::seed::Seed;
use thinksafe_remote::RemoteGenerator;
use thinksafe_steering::SteeringPlan;
use thinksafe_trace::{Error, PromptSet, TraceCounts, TraceSettings, generate_traces};

use crate::faults::{engine, every_fault, options};
use crate::server::{FaultyServer, question};

pub(crate) const PROMPTS: u64 = 400;

/// Generates what a log lacks of one trace for each question.
pub(crate) fn generate(
    engine: &mut RemoteGenerator,
    log: &Path,
    mut progress: impl FnMut(Progress),
) -> Result<TraceCounts, Error> {
    let prompt = |number| LabeledPrompt {
        id: format!("{number}"),
        text: question(number),
        label: PromptLabel::VanillaBenign,
    };
    let prompts = PromptSet::new((0..PROMPTS).map(prompt).collect()).unwrap();
    let settings =
        TraceSettings { steering: SteeringPlan::unsteered(), ..TraceSettings::new(Seed(1)) };
    let mut log = RecordLog::open(log).unwrap();
    generate_traces(engine, &prompts, &settings, &mut log, &mut progress)
}

/// The lines of a log in an order that does not depend on when they were written.
pub(crate) fn lines(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_run_that_is_stopped_leaves_the_lines_of_an_undisturbed_one() {
    let dir = tempfile::tempdir().unwrap();
    let (stopped, whole) = (dir.path().join("stopped.jsonl"), dir.path().join("whole.jsonl"));
    let server = FaultyServer::start(every_fault);
    for stop_at in [37, 150] {
        let flag = Arc::new(AtomicBool::new(false));
        let mut stoppable = engine(server.url(), options(32)).with_stop(Arc::clone(&flag));
        let error = generate(&mut stoppable, &stopped, |progress| {
            flag.store(progress.done >= stop_at, Ordering::Relaxed);
        });
        let causes = crate::fatal::with_causes(&error.unwrap_err());
        assert!(causes.contains("stopped on request"), "{causes}");
        let written = lines(&stopped).len() as u64;
        assert!(written > stop_at && written < PROMPTS, "{written}");
    }
    let counts = generate(&mut engine(server.url(), options(32)), &stopped, |_| ()).unwrap();
    assert!(
        counts.done_before >= 150 && counts.done_before + counts.done_now == PROMPTS,
        "{counts:?}"
    );

    generate(&mut engine(server.url(), options(32)), &whole, |_| ()).unwrap();
    assert_eq!(lines(&stopped), lines(&whole));
    assert_eq!(lines(&whole).len() as u64, PROMPTS + 1, "a header and one line for each prompt");
}
