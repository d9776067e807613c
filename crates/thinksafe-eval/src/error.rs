//! The crate's error.

/// What can go wrong with an evaluation as a whole. What goes wrong with single items is data: see
/// [`Unscored`](crate::score::Unscored).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, a log or an engine failed.
    #[error(transparent)]
    Core(#[from] thinksafe_core::Error),
    /// A benchmark has two items of the same id.
    #[error("benchmark {benchmark}: item {item} occurs twice")]
    DuplicateItem {
        /// The benchmark's name.
        benchmark: String,
        /// The id.
        item: String,
    },
    /// A setting of a benchmark is out of its range.
    #[error("benchmark {benchmark}: `{field}` is {value:?}, expected {expected}")]
    InvalidBenchmark {
        /// The benchmark's name.
        benchmark: String,
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// An engine or a judge ended without an answer for this many items.
    #[error("{engine} returned without answering {missing} of its requests")]
    Unanswered {
        /// The engine's or judge's name.
        engine: String,
        /// How many requests.
        missing: usize,
    },
    /// A scorer compares with a reference that the item does not have.
    #[error(
        "benchmark {benchmark}: item {item} has no reference answer, which {metric} compares with"
    )]
    MissingReference {
        /// The benchmark's name.
        benchmark: String,
        /// The item's id.
        item: String,
        /// The metric.
        metric: String,
    },
    /// An item of a labelled set has the answers of more or fewer people than the set has.
    #[error("set {set}: item {item} has the answers of {found} people, expected {expected}")]
    People {
        /// The set's name.
        set: String,
        /// The item's id.
        item: String,
        /// Its answers.
        found: usize,
        /// The set's people.
        expected: usize,
    },
    /// A judge's answers are not those to the set that they were added with.
    #[error("{judge} answered {found} items, set {set} has {expected}")]
    Answers {
        /// The judge's name.
        judge: String,
        /// The set's name.
        set: String,
        /// How many answers there are.
        found: usize,
        /// How many items there are.
        expected: usize,
    },
    /// A row of a labelled file is not as its owners publish it.
    #[error("{path}:{line}: not a row of this kind of file")]
    LabeledRow {
        /// The file.
        path: std::path::PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An attack needs a trace that an item does not have.
    #[error("benchmark {benchmark}: item {item} has no trace, which the attack needs")]
    MissingTrace {
        /// The benchmark's name.
        benchmark: String,
        /// The item's id.
        item: String,
    },
    /// A field of a row is not what the benchmark's spec says.
    #[error("{path}, {place}: field `{field}` holds something else than {expected}")]
    Row {
        /// The file.
        path: std::path::PathBuf,
        /// The line or row.
        place: String,
        /// The field.
        field: String,
        /// What it should hold.
        expected: String,
    },
    /// A file of rows could not be read.
    #[error(transparent)]
    Rows(#[from] thinksafe_trace::Error),
    /// A spec is not valid TOML, or not a benchmark's.
    #[error("{name}: not a valid benchmark spec")]
    Spec {
        /// The file, or what else held it.
        name: String,
        /// Which line and field, and what is wrong with it.
        #[source]
        source: toml::de::Error,
    },
    /// A file holds other rows than the benchmark is known to have.
    #[error("{path} is not {benchmark} as published: expected {what} {expected}, found {found}")]
    UnexpectedFile {
        /// The file.
        path: std::path::PathBuf,
        /// The benchmark's name.
        benchmark: String,
        /// What differs: `rows`, `items` or `content`.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The catalogue has no benchmark of this name.
    #[error("no benchmark is called `{name}`, expected one of {known}")]
    UnknownBenchmark {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A report was given the same run and benchmark twice.
    #[error("the report already has results of benchmark {benchmark} for run {run}")]
    DuplicateResult {
        /// The run's name.
        run: String,
        /// The benchmark's name.
        benchmark: String,
    },
    /// A run was asked other items of a benchmark than the report's first run.
    #[error(
        "run {run} was asked other items of benchmark {benchmark} than the report's first run: {added} that it lacks, \
         {missing} of its own missing, {changed} with another text or answer"
    )]
    OtherItems {
        /// The run's name.
        run: String,
        /// The benchmark's name.
        benchmark: String,
        /// Items that the first run was not asked.
        added: usize,
        /// Items that only the first run was asked.
        missing: usize,
        /// Items of the same id with another text or right answer.
        changed: usize,
    },
    /// A comparison needs two runs.
    #[error("a comparison needs at least two runs, found {found}")]
    TooFewRuns {
        /// How many there are.
        found: usize,
    },
    /// Two runs of a comparison have the same name.
    #[error("two runs to be compared are called `{name}`")]
    DuplicateRun {
        /// The name.
        name: String,
    },
    /// A report has no run of this name.
    #[error("report `{report}` has no run `{run}`, expected one of {known}")]
    UnknownRun {
        /// The report's title.
        report: String,
        /// The name.
        run: String,
        /// The names that there are.
        known: String,
    },
    /// A file is a report of another format or version.
    #[error("{path}: expected a report of version {version}, found {found}")]
    ReportFormat {
        /// The file.
        path: std::path::PathBuf,
        /// The version this program reads.
        version: u32,
        /// What the file says.
        found: String,
    },
}
