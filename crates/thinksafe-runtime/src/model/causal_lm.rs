//! A causal language model: one copy of the weights for generation, training and evaluation.

use std::path::Path;

use tch::{Kind, Tensor};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::seed::Seed;

use crate::host::keep_freed_memory;
use crate::lora::{Delta, LoraConfig, LoraSwitch};
use crate::model::attention::{Attend, Causal};
use crate::model::decoder::{Decoder, Tokens};
use crate::model::random::Random;
use crate::model::weight::Weight;
use crate::model::weights::Checkpoint;
use crate::model::{Mode, ModelConfig, PackedBatch, PaddedBatch, VocabularyLoss};
use crate::{Device, Error, Placement};

/// A decoder with its weights, and at most one LoRA adapter.
///
/// ```
/// use thinksafe_core::seed::Seed;
/// use thinksafe_runtime::{CausalLm, Mode, ModelConfig, PaddedBatch, Placement};
///
/// let json = r#"{"architectures": ["Qwen3ForCausalLM"], "hidden_size": 16, "intermediate_size": 24,
///     "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
///     "vocab_size": 50, "max_position_embeddings": 64, "tie_word_embeddings": true}"#;
/// let config = ModelConfig::from_json(json, "config.json".as_ref())?;
/// let placement = Placement::CPU_F32;
/// let model = CausalLm::random(config, placement, Seed(1))?;
/// let batch = PaddedBatch::new(&[vec![1, 2, 3], vec![4]], 0, placement.device)?;
/// let hidden = model.hidden_states(&batch, Mode::Evaluate);
/// assert_eq!(model.project(&hidden).size(), [2, 3, 50]);
/// # Ok::<(), thinksafe_runtime::Error>(())
/// ```
#[derive(Debug)]
pub struct CausalLm {
    pub(super) config: ModelConfig,
    pub(super) decoder: Decoder,
    pub(super) placement: Placement,
    pub(super) lora: Option<LoraConfig>,
    pub(super) switch: LoraSwitch,
    name: String,
    weights_hash: ContentHash,
}

impl CausalLm {
    /// Loads a Hugging Face folder: `config.json` and `model.safetensors`, or shards and their index.
    ///
    /// Everything is checked now, each byte read once. On the CPU the weights then stay in the files, mapped, until
    /// something needs them in libtorch: a forward pass, [`Self::parameters`], merging. A [`LocalGenerator`] needs only
    /// its own, packed form, so a process that does nothing but generate holds one copy of the weights, and one that
    /// trains holds two. Until the model is dropped its files must not be changed in place; they may be replaced by
    /// others of the same names, as [`Self::save`] does, or deleted.
    ///
    /// [`LocalGenerator`]: crate::LocalGenerator
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that is wrong or not supported, [`Error::Checkpoint`] for damaged
    /// files, [`Error::MissingTensor`], [`Error::UnexpectedTensor`], [`Error::Shape`], [`Error::Dtype`] and
    /// [`Error::NotFinite`] for tensors that are not what the configuration asks for.
    pub fn load(dir: &Path, placement: Placement) -> Result<Self, Error> {
        let config = ModelConfig::from_file(&dir.join("config.json"))?;
        let mut checkpoint = Checkpoint::open(dir, placement)?;
        let decoder = Decoder::new(&mut checkpoint, &config, placement.precision)?;
        let tied = config.tie_word_embeddings;
        // What `transformers` skips too: a copy of the tied head, and buffers that old versions wrote.
        checkpoint.finish(&|name| {
            name.ends_with("rotary_emb.inv_freq") || tied && name == "lm_head.weight"
        })?;
        decoder.check()?;
        if !placement.device.is_cpu() {
            decoder.take_from_files()?;
        }
        let name = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned();
        Ok(Self::new(name, config, decoder, placement))
    }

    /// Readies the process for training passes over this model, which give the same results without.
    ///
    /// All weights are taken out of their files, each into the form that passes use. Weights that are taken when they are
    /// first needed lie between a pass's activations, and the holes that those leave make the peak of Qwen3-0.6B in bf16 a
    /// tenth higher.
    ///
    /// Memory that is freed stays with this process from here on, as a step allocates what the one before it freed: the
    /// system would zero each page again, which takes 6 % of a step. Single blocks above 32 MiB are still returned. This is a
    /// setting of the whole process, for the GNU C library's allocator; with another it is not made.
    ///
    /// # Errors
    /// [`Error::Backend`] if there is no room for the weights.
    pub fn prepare_training(&self) -> Result<(), Error> {
        self.decoder.take_from_files()?;
        keep_freed_memory();
        Ok(())
    }

    /// A model with random weights: normal with the configuration's `initializer_range`, norms that multiply by 1, biases 0. The
    /// same seed gives the same f32 weights everywhere.
    ///
    /// # Errors
    /// [`Error::Backend`] if the device has no room.
    pub fn random(config: ModelConfig, placement: Placement, seed: Seed) -> Result<Self, Error> {
        let norm = if config.unit_offset_norms { 0.0 } else { 1.0 };
        let mut source = Random { seed, deviation: config.initializer_range, norm, placement };
        let decoder = Decoder::new(&mut source, &config, placement.precision)?;
        Ok(Self::new("random".to_owned(), config, decoder, placement))
    }

    fn new(name: String, config: ModelConfig, decoder: Decoder, placement: Placement) -> Self {
        let mut model = Self {
            config,
            decoder,
            placement,
            lora: None,
            switch: LoraSwitch::On,
            name,
            weights_hash: ContentHash::of_bytes(""),
        };
        model.rehash();
        model
    }

    /// Its dimensions and switches.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The name for people: that of its folder, or `random`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Device and number format of the weights.
    pub fn placement(&self) -> Placement {
        self.placement
    }

    /// The device of the weights.
    pub fn device(&self) -> Device {
        self.placement.device
    }

    /// Hash of the base weights, their number format and the configuration; the same for one file or many.
    pub fn weights_hash(&self) -> &ContentHash {
        &self.weights_hash
    }

    /// Computes [`Self::weights_hash`] anew, after base weights were changed through [`Self::parameters`].
    pub fn rehash(&mut self) {
        let mut tensors = Vec::new();
        for (name, weight) in self.weights() {
            tensors.push((name, weight.shape(), weight.hash()));
        }
        let content = (&self.config, self.placement.precision, &tensors);
        self.weights_hash = ContentHash::of("thinksafe.weights", &content);
    }

    /// The base weights by their Hugging Face names, sharing memory with the model. A tied head is not listed.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let weights = self.weights().into_iter();
        weights.map(|(name, weight)| (name, weight.tensor().shallow_clone())).collect()
    }

    /// The base weights by their Hugging Face names, where they are. A tied head is not listed.
    pub(crate) fn weights(&self) -> Vec<(String, &Weight)> {
        let mut weights = Vec::new();
        self.decoder.visit(&mut |name, weight| weights.push((name, weight)));
        weights
    }

    /// The last hidden states of whole sequences, after the final norm. Differentiable; within `tch::no_grad` nothing
    /// is kept for a backward pass. States at padding positions are finite and mean nothing.
    ///
    /// # Shapes
    /// `[B, T]` ids to `[B, T, E]`, in the model's precision.
    ///
    /// # Panics
    /// If an id is not below the vocabulary's size.
    pub fn hidden_states(&self, batch: &PaddedBatch, mode: Mode) -> Tensor {
        self.forward_whole(batch, mode, &mut |_| {})
    }

    /// The hidden states that `transformers` returns as `output_hidden_states`: the embeddings, the activations after
    /// every layer but the last, and the last layer's after the final norm; without gradients.
    ///
    /// # Shapes
    /// `[B, T]` ids to layers + 1 times `[B, T, E]`.
    ///
    /// # Panics
    /// If an id is not below the vocabulary's size.
    pub fn all_hidden_states(&self, batch: &PaddedBatch) -> Vec<Tensor> {
        let mut states = Vec::with_capacity(self.config.layers + 1);
        let last = tch::no_grad(|| {
            self.forward_whole(batch, Mode::Evaluate, &mut |x| states.push(x.shallow_clone()))
        });
        states.push(last);
        states
    }

    /// The logits of hidden states.
    ///
    /// # Shapes
    /// `[.., E]` to `[.., V]`, in the model's precision.
    pub fn project(&self, hidden: &Tensor) -> Tensor {
        self.decoder.project(hidden)
    }

    /// The log-probability of every token of each text but its first, given those before it, through libtorch: the texts
    /// lie one behind the other in one pass, and logits of some positions are in memory at a time.
    ///
    /// # Errors
    /// [`Error::Backend`] if the device has no room.
    pub(crate) fn log_probabilities(&self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f64>>, Error> {
        let before: Vec<&[u32]> =
            texts.iter().map(|text| &text[..text.len().saturating_sub(1)]).collect();
        let batch = PackedBatch::new(&before, self.device())?;
        if batch.tokens() == 0 {
            return Ok(texts.iter().map(|_| Vec::new()).collect());
        }
        let targets: Vec<i64> =
            texts.iter().flat_map(|text| text.iter().skip(1)).map(|id| i64::from(*id)).collect();
        let targets = Tensor::from_slice(&targets).to_device(self.device().into());
        let loss = VocabularyLoss::CrossEntropy { targets: &targets };
        let losses = self.vocabulary_losses(&self.packed_hidden_states(&batch), loss);
        let losses = losses.to_kind(Kind::Double).to_device(tch::Device::Cpu);
        let mut values = vec![0f64; batch.tokens()];
        losses.copy_data(&mut values, batch.tokens());
        let mut values = values.into_iter().map(|loss| -loss);
        Ok(before.iter().map(|text| values.by_ref().take(text.len()).collect()).collect())
    }

    /// A pass whose keys and values are kept by `keys`, without gradients or dropout.
    pub(crate) fn forward_cached(&self, tokens: Tokens<'_>, keys: &mut dyn Attend) -> Tensor {
        let delta = self.delta(Mode::Evaluate);
        tch::no_grad(|| self.decoder.forward(tokens, keys, delta, &mut |_| {}))
    }

    /// Whether there is an adapter and it is switched on.
    pub(crate) fn adapter_is_on(&self) -> bool {
        self.lora.is_some() && self.switch == LoraSwitch::On
    }

    pub(super) fn delta(&self, mode: Mode) -> Delta {
        match (&self.lora, self.switch) {
            (Some(_), LoraSwitch::On) => Delta::Added { dropout: mode == Mode::Train },
            _ => Delta::Left,
        }
    }

    fn forward_whole(
        &self,
        batch: &PaddedBatch,
        mode: Mode,
        each: &mut dyn FnMut(&Tensor),
    ) -> Tensor {
        let length = batch.ids.size()[1];
        let positions = Tensor::arange(length, (Kind::Int64, batch.ids.device())).unsqueeze(0);
        let tokens = Tokens { ids: &batch.ids, positions: &positions };
        self.decoder.forward(tokens, &mut Causal::default(), self.delta(mode), each)
    }
}
