//! Steps recorded as CUDA graphs: one launch in place of the hundreds of a step.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tch::{Device, Tensor};
use thinksafe_torch_sys::{Error, Graph, Graphs};

use crate::torch::replay::{Bucket, Replay};
use crate::torch::stream::Stream;

/// The records of a device.
#[derive(Debug)]
pub(super) struct CudaGraphs {
    graphs: Graphs,
    device: usize,
    stream: Stream,
    /// For each bucket its record and where that leaves the result.
    recorded: HashMap<Bucket, (Graph, Tensor)>,
    failed: bool,
}

impl CudaGraphs {
    /// Says why there are none, for another device or without the compiled part.
    pub(super) fn new(device: Device, stream: Stream) -> Result<Self, String> {
        let Device::Cuda(device) = device else {
            return Err(format!("{device:?} is no CUDA device"));
        };
        let graphs = Graphs::open().map_err(|error| error.to_string())?;
        Ok(Self { graphs, device, stream, recorded: HashMap::new(), failed: false })
    }

    fn give_up(&mut self, error: &Error) {
        tracing::warn!(%error, "no CUDA graphs from now on");
        self.recorded.clear();
        self.failed = true;
    }

    /// Runs the work, and records it; nothing if either fails.
    fn record(&mut self, bucket: Bucket, work: &mut dyn FnMut() -> Tensor) -> Option<Tensor> {
        let stream = self.stream.clone();
        // Operations that a record does not allow end in libtorch's error, which tch makes a panic.
        let guarded = || catch_unwind(AssertUnwindSafe(&mut *work)).ok();
        match self.graphs.record(self.device, |current| stream.set(current), guarded) {
            Ok((now, graph, later)) => {
                self.recorded.insert(bucket, (graph, later));
                Some(now)
            }
            Err(error) => {
                self.give_up(&error);
                None
            }
        }
    }
}

impl Replay for CudaGraphs {
    fn run(&mut self, bucket: Bucket, work: &mut dyn FnMut() -> Tensor) -> Tensor {
        if self.failed {
            return work();
        }
        match self.recorded.get_mut(&bucket) {
            None => self.record(bucket, work).unwrap_or_else(work),
            Some((graph, result)) => match graph.replay() {
                Ok(()) => result.shallow_clone(),
                Err(error) => {
                    self.give_up(&error);
                    work()
                }
            },
        }
    }

    fn forget(&mut self) {
        self.recorded.clear();
    }

    #[cfg(test)]
    fn works(&self) -> bool {
        !self.failed && !self.recorded.is_empty()
    }
}
