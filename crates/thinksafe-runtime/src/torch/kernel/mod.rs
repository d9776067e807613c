//! A kernel of our own for attention of single tokens over pages, beside libtorch's operations over gathered copies.
//!
//! `attend.cu` is compiled for the card by NVRTC when a backend is made, and launched through the driver's interface.
//! Nobody has seen it run on a GPU yet. What has been seen: it compiles for several cards, and the same source, compiled
//! as C++ for the processor, agrees with libtorch. So it is used only where it is asked for, and only after it
//! has given libtorch's results on the card at hand.

mod call;
mod driver;
mod library;
mod nvrtc;
mod trial;

#[cfg(test)]
pub(super) mod tests;

use std::cell::Cell;

use tch::{Device, Kind, Tensor};

use crate::model::attention::LayerAttention;
use crate::torch::kernel::call::{Call, Launch};
use crate::torch::kernel::driver::Card;
use crate::torch::kernel::nvrtc::Nvrtc;
use crate::torch::stream::Stream;

/// What the source is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// H, K and D.
    pub(super) heads: i64,
    pub(super) kv_heads: i64,
    pub(super) dim: i64,
    pub(super) kind: Kind,
}

/// Compiled kernels that have passed their trial.
#[derive(Debug)]
pub(super) struct Kernel {
    shape: Shape,
    launch: Box<dyn Launch>,
    /// Set by the first launch that fails.
    failed: Cell<bool>,
    #[cfg(test)]
    attended: Cell<usize>,
}

impl Shape {
    /// Query heads of one kv head.
    fn group(self) -> i64 {
        self.heads / self.kv_heads
    }

    /// The macros that `attend.cu` asks for; none for what it cannot compute.
    fn macros(self) -> Option<[String; 3]> {
        let kind = match self.kind {
            Kind::Float => 0,
            Kind::BFloat16 => 1,
            Kind::Half => 2,
            _ => return None,
        };
        let whole = self.dim * self.kind.elt_size_in_bytes() as i64 % 16 == 0 && self.dim <= 256;
        let macros = [
            format!("-DHEAD_DIM={}", self.dim),
            format!("-DGROUP={}", self.group()),
            format!("-DKIND={kind}"),
        ];
        whole.then_some(macros)
    }
}

impl Kernel {
    /// Compiles the kernels for a CUDA device and tries them there; says why they cannot be used.
    pub(super) fn new(device: Device, shape: Shape, stream: Stream) -> Result<Self, String> {
        let Device::Cuda(index) = device else {
            return Err(format!("{device:?} is no CUDA device"));
        };
        let card = Card::open(index)?;
        let macros = shape.macros().ok_or_else(|| format!("no kernel for {shape:?}"))?;
        let binary = Nvrtc::find()?.compile(&card.architecture()?, &macros)?;
        let kernel = Self::of(shape, Box::new(card.load(&binary, stream)?));
        kernel.try_out(device)?;
        Ok(kernel)
    }

    fn of(shape: Shape, launch: Box<dyn Launch>) -> Self {
        Self {
            shape,
            launch,
            failed: Cell::new(false),
            #[cfg(test)]
            attended: Cell::new(0),
        }
    }

    /// Whether it attended, and no launch failed.
    #[cfg(test)]
    pub(super) fn works(&self) -> bool {
        self.attended.get() > 0 && !self.failed.get()
    }

    /// How often it attended.
    #[cfg(test)]
    pub(super) fn attended(&self) -> usize {
        self.attended.get()
    }

    /// Attends for one token of each of n sequences; nothing if a launch fails, now or before.
    ///
    /// # Shapes
    /// - `q`: `[n, H, D]`
    /// - `store`: keys and values, `[slots, K, D]`
    /// - `tables`: the pages of each, `[n * pages]`, i32
    /// - `at`: the position of each token, `[n]`, i32
    /// - result: `[n, H, D]`
    pub(super) fn attend(
        &self,
        q: &Tensor,
        store: &[Tensor; 2],
        [tables, at]: [&Tensor; 2],
        layer: LayerAttention,
    ) -> Option<Tensor> {
        if self.failed.get() {
            return None;
        }
        #[cfg(test)]
        self.attended.set(self.attended.get() + 1);
        let splits = Call::splits(self.shape, q.size()[0], tables.size()[0], self.launch.warps());
        let attended =
            call::run(&*self.launch, self.shape, q, store, [tables, at], (layer, splits));
        attended
            .inspect_err(|error| {
                tracing::warn!(%error, "the attention kernel failed; libtorch attends from now on");
                self.failed.set(true);
            })
            .ok()
    }
}
