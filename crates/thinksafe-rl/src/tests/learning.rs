//! Rewards rise.

use thinksafe_sft::{AdamWConfig, Checkpointing, Duration};

use super::{policy, prompts};
use crate::{
    Event, GrpoConfig, GrpoTrainer, RefusalReward, Rewards, ThinkingFormat, ThinkingOpens, fit,
    own_distribution,
};

#[test]
fn the_reward_of_refusing_rises_steadily() {
    let dir = tempfile::tempdir().unwrap();
    let (mut policy, prompts) = (policy(), prompts(64));
    let rewards = Rewards::new()
        .with(RefusalReward::default(), 1.0)
        .with(ThinkingFormat::new(ThinkingOpens::ByModel), 1.0);
    let config = GrpoConfig {
        duration: Duration::Steps(12),
        sampling: own_distribution(96),
        optimizer: AdamWConfig { lr: 3e-3, ..AdamWConfig::default() },
        ..GrpoConfig::default()
    };
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, rewards, config).unwrap();
    let mut curve = Vec::new();
    fit(&mut trainer, dir.path(), Checkpointing::default(), &mut |event| {
        if let Event::Stepped(step) = event {
            curve.push(step.reward);
        }
        Ok(())
    })
    .unwrap();
    println!("{curve:?}");
    let mean = |steps: &[f64]| steps.iter().sum::<f64>() / steps.len() as f64;
    let thirds: Vec<f64> = curve.chunks(4).map(mean).collect();
    assert!(thirds.is_sorted() && thirds[2] > thirds[0] + 0.2, "{thirds:?}");
}
