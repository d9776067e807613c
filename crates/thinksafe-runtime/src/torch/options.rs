//! What of the CUDA path is chosen.

/// How steps are computed on CUDA devices; other devices ignore it.
///
/// The defaults use nothing but libtorch. The alternatives have been checked as far as a machine without a GPU can check
/// them (`docs/CUDA.md`), and give way to the defaults where they fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct CudaOptions {
    /// How single tokens attend over pages.
    pub attention: CudaAttention,
    /// How the operations of a step are launched.
    pub launch: CudaLaunch,
}

/// How single tokens attend over pages on CUDA devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a choice between two")]
pub enum CudaAttention {
    /// libtorch's attention over copies of the pages.
    #[default]
    Gather,
    /// A kernel of our own over the pages themselves, compiled for the card when the engine starts, and used if it then
    /// gives the right results there. Not yet run on a GPU.
    Kernel,
}

/// How the operations of a step are launched on CUDA devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a choice between two")]
pub enum CudaLaunch {
    /// One by one.
    #[default]
    Single,
    /// As CUDA graphs, recorded for a few sizes of batch and context, where every sequence of a step is decoding. Not yet
    /// run on a GPU.
    Graphs,
}
