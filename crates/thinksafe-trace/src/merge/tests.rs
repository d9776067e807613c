//! Shares of a run, generated apart and merged.

use proptest::prelude::*;
use thinksafe_core::generate::Generate;
use thinksafe_core::log;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;

use super::*;
use crate::TraceCounts;
use crate::generate::generate_traces;
use crate::generate::tests::{Shuffling, answer, prompts, settings, sorted_lines};

/// Generates a rank's share, killed after `left` samples.
fn run(dir: &RunDir, rank: usize, of: usize, left: usize) -> Result<TraceCounts, Error> {
    let mut log = RecordLog::open(dir.traces_of_rank(rank, of))?;
    let mut engine = Shuffling { inner: ScriptedGenerator::new("m", answer), left };
    let share = prompts(9).share(rank, of)?;
    generate_traces(&mut engine, &share, &settings(), &mut log, &mut |_| {})
}

fn merge(dir: &RunDir, of: usize) -> Result<u64, Error> {
    let ranks: Vec<PathBuf> = (0..of).map(|rank| dir.traces_of_rank(rank, of)).collect();
    let identity = ScriptedGenerator::new("m", answer).identity().clone();
    merge_traces(&ranks, &prompts(9), &settings(), &identity, &dir.traces())
}

#[test]
fn shares_are_disjoint_and_make_the_whole() {
    let set = prompts(9);
    for of in [1, 2, 4, 9, 11] {
        let shares: Vec<PromptSet> = (0..of).map(|rank| set.share(rank, of).unwrap()).collect();
        let (least, most) = (9 / of, 9_usize.div_ceil(of));
        assert!(shares.iter().all(|share| (least..=most).contains(&share.len())));
        let dealt: Vec<_> = shares.iter().flat_map(PromptSet::prompts).cloned().collect();
        assert_eq!(PromptSet::new(dealt).unwrap().len(), 9);
    }
    for (rank, of) in [(2, 2), (0, 0)] {
        let error = set.share(rank, of).unwrap_err();
        assert!(error.to_string().contains(&format!("`rank` is {rank} of {of}")), "{error}");
    }
}

#[test]
fn any_number_of_ranks_makes_the_same_file_with_the_records_of_one() {
    let one = tempfile::tempdir().unwrap();
    let one = RunDir::new(one.path());
    run(&one, 0, 1, usize::MAX).unwrap();
    let as_generated = sorted_lines(&one.traces());
    assert_eq!(merge(&one, 1).unwrap(), 18);
    assert_eq!(sorted_lines(&one.traces()), as_generated);
    for of in [2, 3, 11] {
        let many = tempfile::tempdir().unwrap();
        let many = RunDir::new(many.path());
        (0..of).for_each(|rank| drop(run(&many, rank, of, usize::MAX).unwrap()));
        merge(&many, of).unwrap();
        let read = |dir: &RunDir| std::fs::read_to_string(dir.traces()).unwrap();
        assert_eq!(read(&many), read(&one), "{of} ranks");
    }
}

#[test]
fn records_are_in_the_order_of_prompts_and_samples() {
    let dir = tempfile::tempdir().unwrap();
    let dir = RunDir::new(dir.path());
    (0..2).for_each(|rank| drop(run(&dir, rank, 2, usize::MAX).unwrap()));
    merge(&dir, 2).unwrap();
    let records: Vec<TraceRecord> = log::read(dir.traces()).unwrap();
    let order = records.iter().map(|record| (record.prompt_id.clone(), record.sample_index));
    let expected = (0..18).map(|id| ((id / 2).to_string(), id % 2));
    assert!(order.eq(expected));
}

#[test]
fn records_of_other_settings_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let dir = RunDir::new(dir.path());
    (0..2).for_each(|rank| drop(run(&dir, rank, 2, usize::MAX).unwrap()));
    let mut log = RecordLog::open(dir.traces_of_rank(0, 2)).unwrap();
    let other = TraceSettings { seed: Seed(8), ..settings() };
    let mut engine = ScriptedGenerator::new("m", answer);
    generate_traces(&mut engine, &prompts(9), &other, &mut log, &mut |_| {}).unwrap();
    assert_eq!(merge(&dir, 2).unwrap(), 18);
    assert_eq!(log::read::<TraceRecord>(dir.traces()).unwrap().len(), 18);
}

#[test]
fn an_unfinished_rank_is_an_error_that_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let dir = RunDir::new(dir.path());
    run(&dir, 0, 2, usize::MAX).unwrap();
    assert!(merge(&dir, 2).is_err(), "rank 1 has no log");
    run(&dir, 1, 2, 3).unwrap_err();
    let error = merge(&dir, 2).unwrap_err();
    assert!(matches!(error, Error::Unfinished { missing: 5, total: 18 }), "{error}");
    assert!(!dir.traces().exists());
    run(&dir, 1, 2, usize::MAX).unwrap();
    // What a merge left that was killed.
    std::fs::write(dir.root().join("traces.jsonl.merging"), "torn").unwrap();
    assert_eq!(merge(&dir, 2).unwrap(), 18);
    assert!(!dir.root().join("traces.jsonl.merging").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// One rank stopped after any number of samples, its log torn at any byte, and resumed: the same file.
    #[test]
    fn a_rank_that_was_killed_and_resumed_makes_no_difference(left in 0usize..8, torn in 0usize..900) {
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [calm, killed] = [0, 1].map(|i| RunDir::new(dirs[i].path()));
        for dir in [&calm, &killed] {
            run(dir, 0, 2, usize::MAX).unwrap();
        }
        run(&calm, 1, 2, usize::MAX).unwrap();
        prop_assert!(run(&killed, 1, 2, left).is_err());
        let path = killed.traces_of_rank(1, 2);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - torn.min(bytes.len())]).unwrap();
        run(&killed, 1, 2, usize::MAX).unwrap();
        merge(&calm, 2).unwrap();
        merge(&killed, 2).unwrap();
        prop_assert_eq!(std::fs::read(calm.traces()).unwrap(), std::fs::read(killed.traces()).unwrap());
    }
}
