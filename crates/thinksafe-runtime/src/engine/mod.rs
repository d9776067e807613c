//! Batch generation: the engine behind [`Generate`].
//!
//! ```text
//! requests ──▶ Sequence ──▶ Scheduler ──segments──▶ Backend ──tokens drawn──▶ completions
//!                             │  Pages: who holds which, common beginnings
//!                             └─ continuous batching, preemption
//! ```
//!
//! On the CPU the backend is this crate's own decoder (f32 and bf16 weights, packed), elsewhere libtorch.

mod backend;
mod candidates;
mod draw;
mod pages;
mod progress;
mod sampler;
mod scheduler;
mod score;
mod sequence;
#[cfg(test)]
mod tests;
mod turns;

use std::cell::OnceCell;
use std::collections::{HashSet, VecDeque};
use std::path::Path;

use thinksafe_chat::Chat;
use thinksafe_core::generate::{
    AdapterChoice, Completion, Generate, Identity, Request, RequestError,
};
use thinksafe_core::hash::ContentHash;
use thinksafe_kernels::Pool;

pub(crate) use backend::{Backend, Segment};
pub use draw::{Asked, Draw, Drawn, DrawnLogprobs};
pub(crate) use pages::{PageId, Pages, TOKENS_PER_PAGE};
pub use progress::{EngineProgress, Watch};
pub use sampler::draw_token;

use crate::cpu::CpuBackend;
use crate::engine::progress::{Reporter, Totals};
use crate::engine::scheduler::Scheduler;
use crate::lora::{LoadedLora, LoraConfig};
use crate::model::CausalLm;
use crate::torch::{CudaOptions, TorchBackend};
use crate::{Error, Precision};

/// How the engine uses the machine. None of it decides what is generated on the CPU, to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct EngineOptions {
    /// Sequences computed at a time, at least 1.
    pub max_batch: usize,
    /// Tokens of a step, prompts and outputs together, at least 1.
    pub step_tokens: usize,
    /// Memory for keys and values, in bytes; taken as it is needed.
    pub kv_bytes: usize,
    /// Threads of the CPU decoder; 0: as many as the machine has cores. Other devices need none.
    pub threads: usize,
    /// How steps are computed on CUDA devices.
    pub cuda: CudaOptions,
}

impl Default for EngineOptions {
    /// 64 sequences, 512 tokens a step, 2 GiB, all cores.
    fn default() -> Self {
        let cuda = CudaOptions::default();
        Self { max_batch: 64, step_tokens: 512, kv_bytes: 2 << 30, threads: 0, cuda }
    }
}

/// A model with its tokenizer and chat template, as an engine.
///
/// The model stays accessible: the same copy of the weights generates, trains and evaluates. On the CPU the engine is
/// always strict: a sample is a function of weights, adapter, prompt, settings and seed, to the bit, whatever else is in
/// the batch, in whichever order it came, on any number of threads. On other devices libtorch's products round
/// differently for different batches, and a choice between two nearly equal tokens can differ.
#[derive(Debug)]
pub struct LocalGenerator {
    model: CausalLm,
    chat: Chat,
    options: EngineOptions,
    pool: Pool,
    /// Adapters beside the model's own.
    names: Vec<String>,
    others: Vec<LoadedLora>,
    watch: Option<Watch>,
    identity: OnceCell<Identity>,
    backend: Option<Prepared>,
    /// Whether the adapter's matrices may have changed since `backend` took them.
    stale_adapter: bool,
}

/// What is derived from the model's weights, until they change.
#[derive(Debug)]
struct Prepared {
    pages: Pages,
    backend: Kind,
    basis: Basis,
}

/// What must be as it was for a changed adapter to be all that changed.
#[derive(Debug, PartialEq)]
struct Basis {
    weights: ContentHash,
    adapter: Option<LoraConfig>,
    is_on: bool,
}

impl Basis {
    fn of(model: &CausalLm) -> Self {
        let (weights, adapter) = (model.weights_hash().clone(), model.lora_config().cloned());
        Self { weights, adapter, is_on: model.adapter_is_on() }
    }
}

#[derive(Debug)]
enum Kind {
    Cpu(Box<dyn CpuBackend>),
    Torch(Box<TorchBackend>),
}

impl LocalGenerator {
    /// An engine for a model and its chat template.
    ///
    /// # Errors
    /// [`Error::Option`] for options out of range, or a tokenizer with more tokens than the model's vocabulary.
    pub fn new(model: CausalLm, chat: Chat, options: EngineOptions) -> Result<Self, Error> {
        let wrong = |field, found: usize, expected| {
            Err(Error::Option { field, found: found.to_string(), expected })
        };
        if options.max_batch == 0 {
            return wrong("max_batch", 0, "at least 1");
        }
        if options.step_tokens == 0 {
            return wrong("step_tokens", 0, "at least 1");
        }
        let tokens = chat.tokenizer().vocab_size();
        if tokens > model.config().vocab_size as usize {
            return wrong(
                "chat",
                tokens,
                "a tokenizer with no more tokens than the model's vocabulary",
            );
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if options.threads == 0 { cores } else { options.threads };
        let pool = Pool::new(threads);
        Ok(Self {
            model,
            chat,
            options,
            pool,
            names: Vec::new(),
            others: Vec::new(),
            watch: None,
            identity: OnceCell::new(),
            backend: None,
            stale_adapter: false,
        })
    }

    /// The model.
    pub fn model(&self) -> &CausalLm {
        &self.model
    }

    /// The model, to train it or to switch its adapter. What the engine had derived from it is computed anew.
    pub fn model_mut(&mut self) -> &mut CausalLm {
        self.identity.take();
        self.backend = None;
        &mut self.model
    }

    /// The model, to train its adapter between generations. What the engine had derived from the base weights stays: the
    /// next generation takes the adapter's matrices anew, and forgets keys and values computed with the old ones.
    ///
    /// If the model has other base weights by then (by [`CausalLm::weights_hash`]), an adapter with other settings, or one
    /// that is switched another way, all is computed anew, as after [`Self::model_mut`].
    pub fn adapted_model_mut(&mut self) -> &mut CausalLm {
        self.identity.take();
        self.stale_adapter = true;
        &mut self.model
    }

    /// Reads a further adapter from a PEFT folder, for requests that choose it by name; the model's own stays as it is.
    ///
    /// Requests with different adapters share steps, and no weights are merged or copied for it. What the engine had
    /// derived from the model is computed anew, so adapters are best added before anything is generated.
    ///
    /// # Errors
    /// [`Error::Option`] if the name is taken; for a folder that does not fit the model as [`CausalLm::load_lora`].
    pub fn add_adapter(&mut self, name: impl Into<String>, dir: &Path) -> Result<(), Error> {
        let name = name.into();
        if self.names.contains(&name) {
            let (field, expected) = ("adapter", "a name that is not taken");
            return Err(Error::Option { field, found: name, expected });
        }
        self.others.push(self.model.read_lora(dir)?);
        self.names.push(name);
        self.backend = None;
        Ok(())
    }

    /// Drops an adapter that was added by name; false if there was none.
    pub fn remove_adapter(&mut self, name: &str) -> bool {
        let Some(at) = self.names.iter().position(|known| known == name) else { return false };
        self.names.remove(at);
        self.others.remove(at);
        self.backend = None;
        true
    }

    /// What completes requests that choose an adapter: [`Generate::identity`] with another adapter's hash.
    ///
    /// # Errors
    /// [`RequestError::UnknownAdapter`].
    pub fn identity_with(&self, choice: &AdapterChoice) -> Result<Identity, RequestError> {
        let adapter = match choice {
            AdapterChoice::Model => return Ok(self.identity().clone()),
            AdapterChoice::Off => None,
            AdapterChoice::Named(name) => Some(self.others[find(&self.names, name)?].hash()),
        };
        Ok(Identity { adapter, ..self.identity().clone() })
    }

    /// Has what the engine does reported from now on, or no longer.
    pub fn set_watch(&mut self, watch: Option<Watch>) {
        self.watch = watch;
    }

    /// Tokenizer and chat template.
    pub fn chat(&self) -> &Chat {
        &self.chat
    }

    /// Gives model and chat template back.
    pub fn into_parts(self) -> (CausalLm, Chat) {
        (self.model, self.chat)
    }

    fn prepared(&mut self) -> &mut Prepared {
        let Self { model, options, others, backend, stale_adapter, .. } = self;
        if std::mem::take(stale_adapter) {
            backend.take_if(|prepared| prepared.basis != Basis::of(model));
            if let Some(prepared) = backend {
                prepared.renew_adapters(model, others, *options);
            }
        }
        backend.get_or_insert_with(|| Prepared::new(model, others, *options))
    }

    fn identify(&self) -> Identity {
        Identity {
            engine: "thinksafe-runtime".to_owned(),
            model: self.model.name().to_owned(),
            weights: self.model.weights_hash().clone(),
            template: self.chat.hash(),
            adapter: self.model.adapter_hash(),
        }
    }
}

impl Prepared {
    fn new(model: &CausalLm, others: &[LoadedLora], options: EngineOptions) -> Self {
        let on_cpu = model.device().is_cpu();
        let backend = match model.placement().precision {
            Precision::Bf16 if on_cpu => Kind::Cpu(crate::cpu::bf16(model, others)),
            // f16 is widened: the decoder computes in f32 in any case.
            _ if on_cpu => Kind::Cpu(crate::cpu::f32(model, others)),
            _ => Kind::Torch(Box::new(TorchBackend::new(model, options.cuda))),
        };
        let pages = backend.pages(options);
        Self { pages, backend, basis: Basis::of(model) }
    }

    /// Goes on with the adapters' matrices as they are now.
    fn renew_adapters(&mut self, model: &CausalLm, others: &[LoadedLora], options: EngineOptions) {
        // libtorch computes with the model's own tensors.
        if let Kind::Cpu(backend) = &mut self.backend {
            backend.renew_adapters(model, others);
        }
        self.pages = self.backend.pages(options);
    }
}

impl Kind {
    /// As many pages as there is memory for, none of them known.
    fn pages(&self, options: EngineOptions) -> Pages {
        let page_bytes = match self {
            Self::Cpu(backend) => backend.page_bytes(),
            Self::Torch(backend) => backend.page_bytes(),
        };
        Pages::new(options.kv_bytes / page_bytes)
    }
}

impl Generate for LocalGenerator {
    fn identity(&self) -> &Identity {
        self.identity.get_or_init(|| self.identify())
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), thinksafe_core::Error>,
    ) -> Result<(), thinksafe_core::Error> {
        self.prepared();
        let Self { model, chat, options, pool, names, watch, backend, .. } = self;
        let Some(Prepared { pages, backend, .. }) = backend else { return Ok(()) };
        let mut model_and_cache;
        let backend: &mut dyn Backend = match backend {
            Kind::Cpu(backend) => &mut **backend,
            Kind::Torch(cache) => {
                model_and_cache = cache.with(model);
                &mut model_and_cache
            }
        };
        let (own, mixed) = (model.adapter_is_on(), backend.mixes_adapters());
        let adapter = |choice: &AdapterChoice| number(choice, own, names, mixed);
        let mut scheduler = Scheduler {
            backend,
            pool,
            chat,
            pages,
            max_batch: options.max_batch,
            step_tokens: options.step_tokens,
            context: model.config().max_position_embeddings,
            adapter: &adapter,
            reporter: watch.as_mut().map(Reporter::new),
            running: Vec::new(),
            waiting: VecDeque::new(),
            totals: Totals::default(),
            beginnings: HashSet::new(),
        };
        scheduler.run(requests, sink)
    }
}

/// The number of the adapter that a request chooses: 0 is the model's own, those with names follow.
fn number(
    choice: &AdapterChoice,
    own_is_on: bool,
    names: &[String],
    mixed: bool,
) -> Result<Option<usize>, RequestError> {
    let number = match choice {
        AdapterChoice::Model => own_is_on.then_some(0),
        AdapterChoice::Off => None,
        AdapterChoice::Named(name) => Some(find(names, name)? + 1),
    };
    if !mixed && number != own_is_on.then_some(0) {
        let feature = "adapters other than the model's own on this device".to_owned();
        return Err(RequestError::Unsupported { feature });
    }
    Ok(number)
}

fn find(names: &[String], name: &str) -> Result<usize, RequestError> {
    let unknown = || RequestError::UnknownAdapter { name: name.to_owned() };
    names.iter().position(|known| known == name).ok_or_else(unknown)
}
