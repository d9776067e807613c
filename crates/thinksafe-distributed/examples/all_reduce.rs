//! Times the sum of a tensor over the processes of a group, on the processor.
//!
//! ```text
//! cargo build --release -p thinksafe-distributed --example all_reduce
//! torchrun --no-python --nproc-per-node 2 target/release/examples/all_reduce
//! ```
//!
//! Without `torchrun` the process is a group of one.

use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use thinksafe_distributed::{Error, Launch, ProcessGroup};

/// Values of the tensor.
const VALUES: i64 = 10_000_000;

/// Sums that are timed.
const ROUNDS: u32 = 10;

#[expect(clippy::print_stdout, reason = "a program")]
fn main() -> Result<(), Error> {
    let launch = Launch::from_torchrun(|name| std::env::var(name).ok())?;
    let group = ProcessGroup::join(&launch, Device::Cpu, Duration::from_mins(1))?;
    let mut tensor = Tensor::ones([VALUES], (Kind::Float, Device::Cpu));
    group.all_reduce_sum(&mut tensor)?;
    let sum = tensor.double_value(&[VALUES - 1]);
    group.barrier()?;
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        group.all_reduce_sum(&mut tensor)?;
    }
    let each = begun.elapsed() / ROUNDS;
    let (rank, ranks) = (group.rank(), group.world_size());
    println!("rank {rank} of {ranks}: ones sum to {sum}; {VALUES} values of f32 in {each:.1?}");
    Ok(())
}
