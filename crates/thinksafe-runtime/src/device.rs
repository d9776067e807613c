//! Where a model lives and in which number format.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tch::Kind;

use crate::{Error, native};

/// A device that was found usable.
///
/// ```
/// use thinksafe_runtime::Device;
///
/// let device: Device = "cpu".parse()?;
/// assert_eq!(device.to_string(), "cpu");
/// assert!("gpu".parse::<Device>().is_err());
/// # Ok::<(), thinksafe_runtime::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device(tch::Device);

impl Device {
    /// The processor.
    pub const CPU: Self = Self(tch::Device::Cpu);

    /// The n-th CUDA device. Loads libtorch's CUDA part, so that one program serves machines with and without it.
    ///
    /// # Errors
    /// [`Error::Device`] if libtorch's CUDA part is not installed or there is no such device.
    pub fn cuda(index: usize) -> Result<Self, Error> {
        let fail = |reason| Error::Device { device: format!("cuda:{index}"), reason };
        native::load_cuda().map_err(|reason| {
            fail(format!("libtorch's CUDA part could not be loaded ({reason}); set up with CUDA"))
        })?;
        if !tch::Cuda::is_available() {
            return Err(fail("libtorch finds no CUDA driver or device".to_owned()));
        }
        let count = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
        if index >= count {
            return Err(fail(format!("the machine has {count} CUDA devices, counted from 0")));
        }
        Ok(Self(tch::Device::Cuda(index)))
    }

    /// Whether it is the processor.
    pub fn is_cpu(self) -> bool {
        self == Self::CPU
    }
}

impl From<Device> for tch::Device {
    fn from(device: Device) -> Self {
        device.0
    }
}

impl FromStr for Device {
    type Err = Error;

    /// Reads `cpu`, `cuda` (the first) or `cuda:N`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::CPU),
            None if text == "cuda" => Self::cuda(0),
            Some(("cuda", index)) => match index.parse() {
                Ok(index) => Self::cuda(index),
                Err(_) => Err(unknown_device(text)),
            },
            _ => Err(unknown_device(text)),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            tch::Device::Cuda(index) => write!(f, "cuda:{index}"),
            _ => f.write_str("cpu"),
        }
    }
}

fn unknown_device(text: &str) -> Error {
    Error::Parse { what: "device", found: text.to_owned(), expected: "cpu or cuda:N" }
}

/// The number format of a model's weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the formats that checkpoints come in")]
pub enum Precision {
    /// IEEE single precision.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl Precision {
    /// The format as libtorch names it.
    pub fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::F16 => Kind::Half,
        }
    }

    /// The format as `config.json` names it.
    pub fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
        }
    }

    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }

    pub(crate) fn dtype(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::Bf16 => safetensors::Dtype::BF16,
            Self::F16 => safetensors::Dtype::F16,
        }
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "f16" => Ok(Self::F16),
            _ => Err(Error::Parse {
                what: "precision",
                found: text.to_owned(),
                expected: "f32, bf16 or f16",
            }),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

/// Where a model lives and in which number format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Placement {
    /// The device of weights, activations and KV cache.
    pub device: Device,
    /// Their number format.
    pub precision: Precision,
}

impl Placement {
    /// Single precision on the processor.
    pub const CPU_F32: Self = Self { device: Device::CPU, precision: Precision::F32 };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for name in ["f32", "bf16", "f16"] {
            assert_eq!(name.parse::<Precision>().unwrap().to_string(), name);
        }
        assert_eq!("cpu".parse::<Device>().unwrap(), Device::CPU);
    }

    #[test]
    fn unknown_names_are_refused_by_name() {
        for name in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0"] {
            let error = name.parse::<Device>().unwrap_err();
            assert!(matches!(error, Error::Parse { .. }), "{name}: {error}");
        }
        assert!(matches!("fp8".parse::<Precision>(), Err(Error::Parse { .. })));
    }
}
