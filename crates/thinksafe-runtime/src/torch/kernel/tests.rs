//! The kernels as C++ on the processor, against libtorch; and the compiler, where there is one.
#![expect(unsafe_code, reason = "calls a library that was compiled a moment ago")]

use std::path::Path;
use std::process::Command;

use libloading::Library;

use super::*;

/// The kernels in a library of the processor.
#[derive(Debug)]
struct Host(Library);

impl Launch for Host {
    fn warps(&self) -> i64 {
        100
    }

    unsafe fn attend(&self, call: &Call, _: i64) -> Result<(), String> {
        // SAFETY: host.cpp declares it so.
        unsafe { library::function::<unsafe extern "C" fn(&Call)>(&self.0, "attend")?(call) };
        Ok(())
    }

    unsafe fn join_splits(&self, call: &Call, _: i64) -> Result<(), String> {
        // SAFETY: host.cpp declares it so.
        unsafe { library::function::<unsafe extern "C" fn(&Call)>(&self.0, "join_splits")?(call) };
        Ok(())
    }
}

/// Compiles the kernels of a shape for the processor, the source changed by `change`.
pub(in crate::torch) fn compiled(shape: Shape, change: [&str; 2]) -> Kernel {
    let dir = tempfile::tempdir().unwrap();
    let here = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/torch/kernel"));
    for file in ["attend.cu", "host.cpp", "lanes.h"] {
        let text = std::fs::read_to_string(here.join(file)).unwrap();
        let changed =
            if file == "attend.cu" { text.replace(change[0], change[1]) } else { text.clone() };
        assert!(
            file != "attend.cu" || change[0].is_empty() || changed != text,
            "nothing to change"
        );
        std::fs::write(dir.path().join(file), changed).unwrap();
    }
    let library = dir.path().join("kernels.so");
    let mut compiler = Command::new("c++");
    compiler.args(["-std=c++17", "-O1", "-shared", "-fPIC", "-Wno-unknown-pragmas"]);
    compiler.args(shape.macros().unwrap()).arg(dir.path().join("host.cpp")).arg("-o").arg(&library);
    let output = compiler.output().expect("a C++ compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let library = library::open(&library, library::Visibility::Own).unwrap();
    Kernel::of(shape, Box::new(Host(library)))
}

/// Groups of one, of several, and of more than a warp computes; lanes with and without something to do.
const SHAPES: [Shape; 8] = {
    const fn shape(heads: i64, kv_heads: i64, dim: i64, kind: Kind) -> Shape {
        Shape { heads, kv_heads, dim, kind }
    }
    [
        shape(4, 2, 64, Kind::BFloat16),
        shape(3, 3, 80, Kind::Half),
        shape(8, 2, 96, Kind::BFloat16),
        shape(8, 1, 128, Kind::BFloat16),
        shape(14, 2, 256, Kind::Half),
        shape(12, 1, 128, Kind::Float),
        shape(4, 2, 80, Kind::Float),
        shape(2, 2, 256, Kind::Float),
    ]
};

#[test]
fn the_source_computes_attention_on_the_processor() {
    for shape in SHAPES {
        compiled(shape, ["", ""]).try_out(Device::Cpu).unwrap_or_else(|e| panic!("{shape:?}: {e}"));
    }
}

#[test]
fn the_trial_sees_mistakes() {
    for change in [
        ["call.at[row] + 1", "call.at[row] + 2"],
        ["length - call.window)", "length - call.window + 1)"],
        ["split * stretch)", "split * stretch + 1)"],
        ["own.weight * keep + weight * add", "own.weight + weight * add"],
        ["share * own[HEAD_DIM + 1]", "own[HEAD_DIM + 1]"],
        ["mask < 32", "mask < 16"],
        ["score / call.cap", "score"],
    ] {
        let kernel = compiled(SHAPES[0], change);
        assert!(kernel.try_out(Device::Cpu).is_err(), "{change:?} goes unnoticed");
    }
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let shape = Shape { dim: 6, ..SHAPES[0] };
    assert_eq!(shape.macros(), None);
    assert_eq!(Shape { dim: 512, ..shape }.macros(), None);
    assert_eq!(Shape { kind: Kind::Double, ..SHAPES[0] }.macros(), None);
    assert!(Kernel::new(Device::Cpu, SHAPES[0], Stream::default()).is_err());
}

#[test]
#[ignore = "needs a GPU"]
fn gpu_kernel_passes_its_trial() {
    let device = crate::Device::cuda(0).unwrap().into();
    for shape in SHAPES {
        // Creates the context that the kernel uses.
        drop(Tensor::zeros([1], (Kind::Float, device)));
        Kernel::new(device, shape, Stream::default()).unwrap_or_else(|e| panic!("{shape:?}: {e}"));
    }
}

/// `THINKSAFE_NVRTC=DIR cargo test -p thinksafe-runtime nvrtc -- --ignored`, DIR with what the wheel
/// `nvidia-cuda-nvrtc==13.0.88` has in `nvidia/cu13/lib`.
#[test]
#[ignore = "needs NVRTC, but no GPU"]
fn the_source_compiles_with_nvrtc() {
    let folder = std::env::var("THINKSAFE_NVRTC").unwrap();
    let nvrtc = Nvrtc::open(Path::new(&folder)).unwrap();
    for shape in SHAPES {
        for architecture in ["sm_80", "sm_90", "sm_100"] {
            let binary = nvrtc.compile(architecture, &shape.macros().unwrap()).unwrap();
            assert_eq!(&binary[..4], b"\x7fELF", "{shape:?} for {architecture}");
        }
    }
    let error = nvrtc.compile("sm_90", &["-DHEAD_DIM=6".to_owned()]).unwrap_err();
    assert!(error.contains("GROUP"), "{error}");
}
