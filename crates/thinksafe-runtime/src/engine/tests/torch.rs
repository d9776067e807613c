//! The engine over libtorch's steps, which other devices use, on the processor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tch::{Device, Kind, TchError, Tensor};
use thinksafe_core::generate::{Completion, Request, RequestError};
use thinksafe_core::message::{Message, Prompt};

use super::{chat, request, serve};
use crate::engine::{Basis, CudaOptions, Kind as Computes, Pages, Prepared, TorchBackend};
use crate::fixture::{SHAPES, model, model_on};
use crate::torch::{Bucket, CudaAttention, CudaLaunch, Replay};
use crate::{EngineOptions, LocalGenerator, Placement, Precision};

/// An engine whose steps libtorch computes.
fn engine(shape: &str, options: EngineOptions) -> LocalGenerator {
    let dir = tempfile::tempdir().unwrap();
    let mut engine =
        LocalGenerator::new(model(shape, Precision::F32), chat(dir.path()), options).unwrap();
    let backend = TorchBackend::new(&engine.model, CudaOptions::default());
    let pages = Pages::new(options.kv_bytes / backend.page_bytes());
    let basis = Basis::of(&engine.model);
    engine.backend = Some(Prepared { pages, backend: Computes::Torch(Box::new(backend)), basis });
    engine
}

/// An engine on the first GPU.
fn on_gpu(shape: &str, cuda: CudaOptions) -> LocalGenerator {
    let dir = tempfile::tempdir().unwrap();
    let placement =
        Placement { device: crate::Device::cuda(0).unwrap(), precision: Precision::F32 };
    let options =
        EngineOptions { max_batch: 20, step_tokens: 64, cuda, ..EngineOptions::default() };
    LocalGenerator::new(model_on(shape, placement), chat(dir.path()), options).unwrap()
}

fn served(engine: &mut LocalGenerator) -> Vec<Completion> {
    serve(engine, (0..30).map(request).collect())
}

#[test]
fn what_libtorch_generates_is_what_the_native_decoder_generates() {
    for shape in SHAPES {
        let dir = tempfile::tempdir().unwrap();
        let options = EngineOptions { threads: 1, ..EngineOptions::default() };
        let native = LocalGenerator::new(model(shape, Precision::F32), chat(dir.path()), options);
        let expected = served(&mut native.unwrap());
        for (max_batch, step_tokens) in [(3, 20), (64, 512)] {
            let options = EngineOptions { max_batch, step_tokens, ..options };
            assert_eq!(served(&mut engine(shape, options)), expected, "{shape}, {options:?}");
        }
    }
}

/// Memory for 20 more pages at a time: a page more in three layers' keys and values beside a tensor of 14.
fn little(size: &[i64], kind: (Kind, Device)) -> Result<Tensor, TchError> {
    if size[0] > 20 * 16 {
        return Err(TchError::Torch("CUDA out of memory".to_owned()));
    }
    Tensor::f_empty(size, kind)
}

/// Memory that is taken in small pieces, to some fifty pages.
fn piecemeal(size: &[i64], kind: (Kind, Device)) -> Result<Tensor, TchError> {
    if size[0] > 60 * 16 {
        return Err(TchError::Torch("CUDA out of memory".to_owned()));
    }
    Tensor::f_empty(size, kind)
}

/// No memory at all.
fn none(_: &[i64], _: (Kind, Device)) -> Result<Tensor, TchError> {
    Err(TchError::Torch("CUDA out of memory".to_owned()))
}

fn with_memory(allocate: crate::torch::Allocate, shape: &str) -> LocalGenerator {
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let mut engine = engine(shape, options);
    let backend = TorchBackend::new(&engine.model, CudaOptions::default()).with_allocate(allocate);
    engine.backend.as_mut().unwrap().backend = Computes::Torch(Box::new(backend));
    engine
}

#[test]
fn a_device_without_memory_for_the_budget_preempts_and_loses_nothing() {
    let expected = served(&mut engine(SHAPES[0], EngineOptions::default()));
    let mut small = with_memory(little, SHAPES[0]);
    assert_eq!(served(&mut small), expected);
    let (_, limit) = small.backend.as_ref().unwrap().pages.occupancy();
    assert_eq!(limit, 15);
    assert_eq!(served(&mut small), expected, "again");
}

#[test]
fn values_that_are_not_finite_do_not_outlive_their_request() {
    let unknown = || {
        // What follows the word is infected by it, to the end of each page.
        let text = format!("nothing-like-it{}", " w5 w6".repeat(30));
        let prompt = Prompt::Messages(vec![Message::user(text)]);
        Request { prompt, ..request(1000) }
    };
    let broken = || {
        let engine = with_memory(little, SHAPES[1]);
        // The embedding of the unknown word, which no prompt but one has.
        let (_, embedding) = engine.model.parameters().swap_remove(0);
        let _ = tch::no_grad(|| embedding.select(0, 3).fill_(f64::INFINITY));
        engine
    };
    let expected = served(&mut broken());
    let mut engine = broken();
    for _ in 0..4 {
        let outcome = serve(&mut engine, vec![unknown()]).remove(0).outcome;
        assert!(outcome.unwrap_err().to_string().contains("not finite"));
    }
    assert_eq!(served(&mut engine), expected);
}

#[test]
fn a_device_without_any_memory_answers_every_request() {
    for completion in served(&mut with_memory(none, SHAPES[0])) {
        let error = completion.outcome.unwrap_err();
        let RequestError::Invalid { reason } = error else { panic!("{error}") };
        assert!(reason.contains("memory"), "{reason}");
    }
}

/// Runs all work anew, and counts what would have been recorded and replayed.
#[derive(Debug, Default, Clone)]
struct Anew(Arc<Mutex<Runs>>);

#[derive(Debug, Default)]
struct Runs {
    buckets: BTreeMap<(usize, usize), usize>,
    forgotten: usize,
}

impl Replay for Anew {
    fn run(&mut self, bucket: Bucket, work: &mut dyn FnMut() -> Tensor) -> Tensor {
        *self.0.lock().unwrap().buckets.entry((bucket.rows, bucket.pages)).or_default() += 1;
        // A record runs its work twice in the step that makes it.
        drop(work());
        work()
    }

    fn forget(&mut self) {
        self.0.lock().unwrap().forgotten += 1;
    }

    fn works(&self) -> bool {
        true
    }
}

#[test]
fn steps_padded_to_buckets_generate_the_same() {
    for shape in [SHAPES[0], SHAPES[3]] {
        let options =
            EngineOptions { max_batch: 5, step_tokens: 64, threads: 1, ..EngineOptions::default() };
        let expected = served(&mut engine(shape, options));
        let (anew, mut padded) = (Anew::default(), engine(shape, options));
        let backend = TorchBackend::new(&padded.model, CudaOptions::default());
        let backend = backend.with_allocate(piecemeal).with_replay(Box::new(anew.clone()));
        padded.backend.as_mut().unwrap().backend = Computes::Torch(Box::new(backend));
        assert_eq!(served(&mut padded), expected, "{shape}");
        let runs = anew.0.lock().unwrap();
        let powers =
            |(rows, pages): &(usize, usize)| rows.is_power_of_two() && [4, 8].contains(pages);
        assert!(runs.buckets.keys().all(powers), "{runs:?}");
        assert!(
            runs.buckets.len() > 3 && runs.buckets.values().any(|count| *count > 5),
            "{runs:?}"
        );
        assert!(runs.forgotten > 1, "the arena has grown: {runs:?}");
    }
}

#[test]
#[ignore = "needs a GPU"]
fn gpu_steps_generate_what_the_processor_generates() {
    for shape in SHAPES {
        let expected = served(&mut engine(shape, EngineOptions::default()));
        assert_eq!(served(&mut on_gpu(shape, CudaOptions::default())), expected, "{shape}");
    }
}

#[test]
#[ignore = "needs a GPU"]
fn gpu_graphs_generate_what_single_launches_generate() {
    // Heads of whole sixteen bytes, which the kernel asks for.
    for shape in [SHAPES[1], SHAPES[2]] {
        let expected = served(&mut on_gpu(shape, CudaOptions::default()));
        for attention in [CudaAttention::Gather, CudaAttention::Kernel] {
            for launch in [CudaLaunch::Single, CudaLaunch::Graphs] {
                let cuda = CudaOptions { attention, launch };
                let mut engine = on_gpu(shape, cuda);
                assert_eq!(served(&mut engine), expected, "{shape}, {cuda:?}");
                let Computes::Torch(backend) = &engine.backend.as_ref().unwrap().backend else {
                    panic!("a GPU's steps are libtorch's")
                };
                assert_eq!(
                    backend.works(),
                    [cuda.attention == CudaAttention::Kernel, launch == CudaLaunch::Graphs]
                );
            }
        }
    }
}
