//! Settings with the known slips.

use super::{assert_failed, assert_passed, config};
use crate::doctor::{Check, settings};
use crate::{
    AdamWConfig, BatchSize, Duration, Objective, Reduction, Schedule, SftConfig, Trainable, Warmup,
};

#[test]
fn the_papers_settings_are_healthy() {
    let findings = settings::check(&SftConfig::default(), 40_000);
    for finding in &findings {
        assert_passed(&findings, finding.check);
    }
}

#[test]
fn slips_in_the_settings_are_named() {
    let good = config();
    let optimizer = |lr, betas| AdamWConfig { lr, betas, ..AdamWConfig::default() };
    let with = |optimizer| SftConfig { optimizer, ..good.clone() };
    let warmup = Schedule { warmup: Warmup::Steps(100), ..Schedule::default() };
    let long_warmup = SftConfig { schedule: warmup, duration: Duration::Steps(30), ..good.clone() };
    let all = SftConfig { trainable: Trainable::All, ..with(optimizer(2e-3, (0.9, 0.999))) };
    let large = SftConfig { batch: BatchSize::accumulated(8, 8), ..good.clone() };
    let summed = SftConfig { objective: Objective::reference_kl(0), ..good.clone() };
    let cases = [
        (Check::LearningRate, with(optimizer(0.0, (0.9, 0.999))), "nothing will be learnt"),
        (Check::LearningRate, with(optimizer(0.1, (0.9, 0.999))), "1.0e-1"),
        (Check::LearningRate, all, "all weights"),
        (Check::WarmupEnds, long_warmup, "takes 100 steps and the run 30"),
        (Check::MomentDecay, with(optimizer(1e-5, (0.999, 0.9))), "look swapped"),
        (Check::BatchFitsData, large, "a step takes 64 examples and there are 20"),
        (Check::LossNormalisation, summed, "grows with their number"),
    ];
    for (check, config, sentence) in cases {
        let findings = settings::check(&config, 20);
        assert_failed(&findings, check, &[sentence]);
        let failed =
            findings.iter().filter(|f| matches!(f.outcome, crate::doctor::Outcome::Failed { .. }));
        assert_eq!(failed.count(), 1, "{findings:?}");
    }
}

#[test]
fn a_mean_may_be_accumulated() {
    let config =
        SftConfig { objective: Objective::thinksafe_kl(Reduction::ExampleMean), ..config() };
    assert_passed(&settings::check(&config, 20), Check::LossNormalisation);
}
