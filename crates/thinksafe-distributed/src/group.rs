//! The processes that work together, as each of them sees the group.
#![expect(unsafe_code, reason = "libtorch's tensors by their C interface")]

use std::time::Duration;

use tch::{Device, Kind, Tensor};
use thinksafe_core::hash::ContentHash;
use thinksafe_torch_sys::{Gloo, Nccl, NcclId, NcclType, Store};

use crate::{Error, Launch, session};

/// This process's part in a group of processes with one device each.
///
/// All processes call the same operations in the same order, with tensors of the same type and size: who does not
/// makes the others fail, wait for the timeout, or sum what does not belong together ([`agree`](Self::agree) helps to
/// find that before).
#[derive(Debug)]
pub struct ProcessGroup {
    rank: usize,
    world_size: usize,
    device: Device,
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    /// One process.
    Single,
    /// On the processor. Rank 0 may be who serves the store, for as long as it is held.
    Gloo(Gloo, #[expect(dead_code, reason = "held, see above")] Store),
    /// On CUDA devices.
    Nccl(Nccl, #[expect(dead_code, reason = "held, see above")] Store),
}

impl Backend {
    fn gloo(store: Store, launch: &Launch, timeout: Duration) -> Result<Self, Error> {
        let interface = launch.rendezvous.interface.as_deref();
        let gloo = Gloo::open(&store, launch.rank, launch.world_size, interface, timeout);
        gloo.map(|gloo| Self::Gloo(gloo, store)).map_err(join_error(launch, "connecting by Gloo"))
    }

    fn nccl(
        store: Store,
        launch: &Launch,
        device: usize,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let id = share_id(&store, launch)?;
        let nccl = Nccl::open(&id, launch.rank, launch.world_size, device, timeout);
        nccl.map(|nccl| Self::Nccl(nccl, store)).map_err(join_error(launch, "connecting by NCCL"))
    }
}

impl ProcessGroup {
    /// A process alone: every operation does nothing.
    pub fn single() -> Self {
        Self { rank: 0, world_size: 1, device: Device::Cpu, backend: Backend::Single }
    }

    /// Joins the processes that were launched with this one; all of them have come when this returns. Tensors will be on
    /// `device`: with the processor, Gloo connects the processes, with a CUDA device (this process's own), NCCL.
    ///
    /// `timeout` is how long a process waits for another, here and in every operation. It must be longer than the
    /// slowest rank needs from one operation to the next: checkpoints and evaluation count.
    ///
    /// # Errors
    /// [`Error::Join`].
    pub fn join(launch: &Launch, device: Device, timeout: Duration) -> Result<Self, Error> {
        let Launch { rank, world_size, .. } = *launch;
        if world_size <= 1 {
            return Ok(Self { device, ..Self::single() });
        }
        // Nobody is waited for beyond this point: Gloo and NCCL do so for longer than they are told.
        let store =
            session::begin(launch, timeout).map_err(join_error(launch, "meeting in the store"))?;
        let backend = match device {
            Device::Cuda(index) => Backend::nccl(store, launch, index, timeout),
            _ => Backend::gloo(store, launch, timeout),
        }?;
        tracing::info!(rank, world_size, ?device, "joined a group of processes");
        Ok(Self { rank, world_size, device, backend })
    }

    /// Which of the processes this is, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many processes there are.
    pub fn world_size(&self) -> usize {
        self.world_size
    }

    /// Where tensors are when they take part.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Replaces a tensor by its sum over all processes, in the tensor's own precision. All get the same bits.
    ///
    /// # Shapes
    /// Any; contiguous, f32, bf16 or i64, on the group's device.
    ///
    /// # Errors
    /// [`Error::Tensor`]; [`Error::Collective`], after which the tensor's values are undefined.
    pub fn all_reduce_sum(&self, tensor: &mut Tensor) -> Result<(), Error> {
        const OPERATION: &str = "all-reduce";
        let kind = self.check(OPERATION, tensor)?;
        let done = match &self.backend {
            Backend::Single => Ok(()),
            // SAFETY: the tensor is borrowed alone, and of the device and layout that are asked for.
            Backend::Gloo(gloo, _) => unsafe { gloo.all_reduce_sum(tensor.as_mut_ptr()) },
            // SAFETY: as above.
            Backend::Nccl(nccl, _) => unsafe {
                nccl.all_reduce_sum(tensor.data_ptr(), tensor.numel(), kind)
            },
        };
        done.map_err(self.collective_error(OPERATION))
    }

    /// Replaces a tensor by that of process `root`.
    ///
    /// # Shapes
    /// Any; contiguous, f32, bf16 or i64, on the group's device.
    ///
    /// # Errors
    /// [`Error::Tensor`]; [`Error::Collective`], after which the tensor's values are undefined.
    pub fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<(), Error> {
        const OPERATION: &str = "broadcast";
        let kind = self.check(OPERATION, tensor)?;
        let done = match &self.backend {
            Backend::Single => Ok(()),
            // SAFETY: the tensor is borrowed alone, and of the device and layout that are asked for.
            Backend::Gloo(gloo, _) => unsafe { gloo.broadcast(tensor.as_mut_ptr(), root) },
            // SAFETY: as above.
            Backend::Nccl(nccl, _) => unsafe {
                nccl.broadcast(tensor.data_ptr(), tensor.numel(), kind, root)
            },
        };
        done.map_err(self.collective_error(OPERATION))
    }

    /// Waits until all processes are here.
    ///
    /// # Errors
    /// [`Error::Collective`].
    pub fn barrier(&self) -> Result<(), Error> {
        match &self.backend {
            Backend::Single => Ok(()),
            Backend::Gloo(gloo, _) => gloo.barrier().map_err(self.collective_error("barrier")),
            // Nobody has the sum before everybody has come.
            Backend::Nccl(..) => {
                self.all_reduce_sum(&mut Tensor::zeros([1], (Kind::Int64, self.device)))
            }
        }
    }

    /// Checks that all processes were given the same, by its hash: data, settings, weights.
    ///
    /// # Errors
    /// [`Error::Disagreement`], on all of them; [`Error::Collective`].
    pub fn agree(&self, what: &'static str, hash: &ContentHash) -> Result<(), Error> {
        let digits: Vec<i64> = hash.as_str().bytes().map(i64::from).collect();
        let own = Tensor::from_slice(&digits).to_device(self.device);
        let mut first = own.copy();
        self.broadcast(&mut first, 0)?;
        let mut differing = first.not_equal_tensor(&own).any().to_kind(Kind::Int64);
        self.all_reduce_sum(&mut differing)?;
        match differing.int64_value(&[]) as usize {
            0 => Ok(()),
            differing => Err(Error::Disagreement { what, differing, world_size: self.world_size }),
        }
    }

    /// The tensor's type, if it can take part.
    fn check(&self, operation: &'static str, tensor: &Tensor) -> Result<NcclType, Error> {
        let kind = match tensor.kind() {
            Kind::Float => Some(NcclType::Float32),
            Kind::BFloat16 => Some(NcclType::Bfloat16),
            Kind::Int64 => Some(NcclType::Int64),
            _ => None,
        };
        // A process alone does not care where the tensor is.
        let here = self.world_size == 1 || tensor.device() == self.device;
        kind.filter(|_| here && tensor.is_contiguous()).ok_or_else(|| Error::Tensor {
            operation,
            expected: format!("contiguous tensors of f32, bf16 or i64 on {:?}", self.device),
            found: found(tensor),
        })
    }

    fn collective_error(
        &self,
        operation: &'static str,
    ) -> impl FnOnce(thinksafe_torch_sys::Error) -> Error {
        let (rank, world_size) = (self.rank, self.world_size);
        move |source| Error::Collective { operation, rank, world_size, source: source.into() }
    }
}

/// Rank 0's id for NCCL, on all ranks.
fn share_id(store: &Store, launch: &Launch) -> Result<NcclId, Error> {
    const KEY: &str = "nccl-id";
    let fail = |action| join_error(launch, action);
    if launch.rank == 0 {
        let id = Nccl::new_id().map_err(fail("finding NCCL"))?;
        store.set(KEY, &id.0).map_err(fail("sharing NCCL's id"))?;
        return Ok(id);
    }
    let mut id = NcclId([0; NcclId::BYTES]);
    store.get(KEY, &mut id.0).map_err(fail("waiting for rank 0's NCCL id"))?;
    Ok(id)
}

fn join_error(
    launch: &Launch,
    action: &'static str,
) -> impl FnOnce(thinksafe_torch_sys::Error) -> Error {
    let Launch { rank, world_size, .. } = *launch;
    move |source| Error::Join { rank, world_size, action, source: source.into() }
}

fn found(tensor: &Tensor) -> String {
    let layout = if tensor.is_contiguous() { "contiguous" } else { "strided" };
    format!("a {layout} tensor of {:?} on {:?}", tensor.kind(), tensor.device())
}

#[cfg(test)]
pub(crate) mod tests;
