//! What every measurement is told: which checkpoint, where, and with how many threads.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use thinksafe_benches::shape::Shape;
use thinksafe_benches::{checkpoint, engine, machine, memory};
use thinksafe_runtime::{
    CudaAttention, CudaLaunch, CudaOptions, Device, EngineOptions, LocalGenerator, Placement,
    Precision,
};

#[derive(Debug, Clone, Args)]
pub(crate) struct Setting {
    /// The model's shape.
    #[arg(long, value_enum)]
    pub(crate) shape: Shape,
    /// Where checkpoints are; one that is missing is written.
    #[arg(long, default_value = "target/bench/models", value_name = "DIR")]
    models: PathBuf,
    /// cpu or cuda:0.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: Device,
    /// f32 or bf16.
    #[arg(long, default_value = "f32")]
    pub(crate) precision: Precision,
    /// Threads; 0: as many as the machine has cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Repetitions after a warm-up; the medians count.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repetitions: u32,
    /// Tokens of a step, prompts and outputs together.
    #[arg(long, default_value_t = EngineOptions::default().step_tokens)]
    step_tokens: usize,
    /// Memory for keys and values, in GiB.
    #[arg(long, default_value_t = 2)]
    kv_gib: usize,
    /// On CUDA: attend with our own kernel, which is not the default.
    #[arg(long)]
    cuda_kernel: bool,
    /// On CUDA: launch decoding steps as graphs, which is not the default.
    #[arg(long)]
    cuda_graphs: bool,
}

impl Setting {
    /// The checkpoint's folder.
    pub(crate) fn checkpoint(&self) -> Result<PathBuf> {
        Ok(checkpoint::find_or_write(&self.models, self.shape)?)
    }

    /// Where the model lives and in which format.
    pub(crate) fn placement(&self) -> Placement {
        Placement { device: self.device, precision: self.precision }
    }

    /// The same in single precision, on a device.
    pub(crate) fn in_f32_on(&self, device: Device) -> Self {
        Self { device, precision: Precision::F32, ..self.clone() }
    }

    /// The number of threads meant.
    pub(crate) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        if self.threads == 0 { cores() } else { self.threads }
    }

    /// The engine with the checkpoint, for at most so many sequences at a time.
    pub(crate) fn engine(&self, max_batch: usize) -> Result<LocalGenerator> {
        engine::load(&self.checkpoint()?, self.placement(), self.options(max_batch))
    }

    /// How the engine runs, with at most so many sequences at a time.
    pub(crate) fn options(&self, max_batch: usize) -> EngineOptions {
        tch::set_num_threads(self.threads() as i32);
        let attention =
            if self.cuda_kernel { CudaAttention::Kernel } else { CudaAttention::Gather };
        let launch = if self.cuda_graphs { CudaLaunch::Graphs } else { CudaLaunch::Single };
        EngineOptions {
            max_batch,
            step_tokens: self.step_tokens,
            kv_bytes: self.kv_gib << 30,
            threads: self.threads(),
            cuda: CudaOptions { attention, launch },
        }
    }

    /// A result's line: the setting, the measurement's own fields, and the peak of memory if it was reset before.
    pub(crate) fn line(&self, what: &str, fields: Value) -> Value {
        let mut line = json!({
            "what": what,
            "engine": "thinksafe",
            "shape": self.shape.name(),
            "device": self.device.to_string(),
            "precision": self.precision.to_string(),
            "threads": self.threads(),
            "repetitions": self.repetitions,
        });
        if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
            line.extend(fields);
        }
        line
    }

    /// The machine's limits: bytes read and operations computed a second. Measured after the engine's work, whose peak
    /// of memory it would raise.
    pub(crate) fn limits(&self) -> (f64, f64) {
        (machine::bandwidth(self.device), machine::matrix_rate(self.device, self.precision))
    }

    /// The peak of memory as a field's value.
    pub(crate) fn peak() -> Value {
        memory::peak_mib().map_or(Value::Null, |mib| rounded(mib).into())
    }
}

/// With as many digits as mean something.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let digits = 4 - value.abs().log10().floor() as i32;
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}
