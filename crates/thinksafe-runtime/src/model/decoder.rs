//! The stack of layers between token ids and logits.

use tch::{Kind, Tensor};

use crate::host::{indices, lends};
use crate::lora::Delta;
use crate::model::attention::{Attend, Attention};
use crate::model::config::NormNames;
use crate::model::linear::Linear;
use crate::model::mapped::check_all;
use crate::model::mlp::Mlp;
use crate::model::norm::RmsNorm;
use crate::model::rope::Rotation;
use crate::model::weight::Weight;
use crate::model::weights::Source;
use crate::model::{Gradients, ModelConfig, Scales};
use crate::{Error, Precision};

/// Embedding, layers, final norm and output head.
#[derive(Debug)]
pub(crate) struct Decoder {
    embedding: Weight, // [V, E]
    pub(super) layers: Vec<Layer>,
    pub(super) norm: RmsNorm,
    /// `None` if tied to the embedding.
    head: Option<Weight>, // [V, E]
    pub(super) frequencies: Tensor, // [D / 2], f32
    /// What embeddings are multiplied by.
    embedding_scale: f64,
    scales: Scales,
}

impl Decoder {
    pub(crate) fn new(
        source: &mut dyn Source,
        config: &ModelConfig,
        precision: Precision,
    ) -> Result<Self, Error> {
        let matrix = [config.vocab_size, config.hidden_size];
        let embedding = source.tensor("model.embed_tokens.weight", &matrix)?;
        let layers = (0..config.layers).map(|i| Layer::new(source, config, i));
        let layers = layers.collect::<Result<_, _>>()?;
        let norm = RmsNorm::new(source, "model.norm", config)?;
        let head = (!config.tie_word_embeddings)
            .then(|| source.tensor("lm_head.weight", &matrix))
            .transpose()?;
        let frequencies = Tensor::from_slice(&config.rope.inverse_frequencies(config.head_dim));
        let frequencies = frequencies.to_device(embedding.device());
        let (scales, embedding_scale) = (config.scales, config.scales.embedding_in(precision));
        Ok(Self { embedding, layers, norm, head, frequencies, embedding_scale, scales })
    }

    /// Runs all layers; `each` sees the activations `[B, T, E]` before the first and after every layer.
    ///
    /// # Shapes
    /// - `ids`: `[B, T]`, i64
    /// - `positions`: `[B, T]` or `[1, T]`, i64
    /// - result: `[B, T, E]` after the final norm
    pub(crate) fn forward(
        &self,
        tokens: Tokens<'_>,
        keys: &mut dyn Attend,
        delta: Delta,
        each: &mut dyn FnMut(&Tensor),
    ) -> Tensor {
        let mut x = self.embed(tokens.ids);
        let rotation = Rotation::new(&self.frequencies, tokens.positions, x.kind());
        for layer in &self.layers {
            each(&x);
            x = layer.forward(&x, &rotation, keys, delta);
        }
        self.norm.forward(&x)
    }

    /// `[..]` ids to `[.., E]`.
    pub(super) fn embed(&self, ids: &Tensor) -> Tensor {
        let rows = Tensor::embedding(self.embedding.tensor(), ids, -1, false, false);
        scaled(rows, self.embedding_scale)
    }

    /// As [`Self::embed`] in a training pass, `[N]` ids to `[N, E]`: an embedding that is frozen stays in its file.
    pub(super) fn embed_packed(&self, ids: &Tensor) -> Tensor {
        let rows = lends(ids).then(|| self.embedding.frozen_rows(indices(ids))).flatten();
        rows.map_or_else(|| self.embed(ids), |rows| scaled(rows, self.embedding_scale))
    }

    /// Adds the gradient of the embedding from that of [`Self::embed`]'s result: `[N]` ids, `[N, E]`.
    pub(super) fn embed_backward(&self, ids: &Tensor, dx: &Tensor, gradients: &mut Gradients) {
        if let Some(embedding) = self.embedding.in_libtorch()
            && let Some(dembedding) = gradients.of(embedding)
        {
            let drows = scaled(dx.to_kind(Kind::Float), self.embedding_scale);
            let _ = dembedding.index_add_(0, ids, &drows);
        }
    }

    /// The output projection, `[V, E]`.
    pub(super) fn head(&self) -> &Weight {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    /// `[.., E]` to logits `[.., V]`.
    pub(crate) fn project(&self, hidden: &Tensor) -> Tensor {
        self.logits(hidden.linear(self.head().tensor(), None::<&Tensor>))
    }

    /// The logits that the head's products `[.., V]` stand for.
    pub(super) fn logits(&self, products: Tensor) -> Tensor {
        let divisor = self.scales.logits;
        let logits = if divisor == 1.0 { products } else { products / divisor };
        match self.scales.logit_cap {
            Some(cap) => (logits / cap).tanh() * cap,
            None => logits,
        }
    }

    /// What the gradient of logits is multiplied by to give that of the head's products: `[.., V]`, or a number.
    pub(super) fn logit_slope(&self, logits: &Tensor) -> LogitSlope {
        let factor = 1.0 / self.scales.logits;
        match self.scales.logit_cap {
            Some(cap) => {
                let part = logits.to_kind(Kind::Float) / cap;
                LogitSlope::Each((1.0 - part.square()) * factor)
            }
            None => LogitSlope::All(factor),
        }
    }

    /// Every base weight with its Hugging Face name, the tied head left out.
    pub(crate) fn visit<'a>(&'a self, visit: &mut dyn FnMut(String, &'a Weight)) {
        visit("model.embed_tokens.weight".to_owned(), &self.embedding);
        for (i, layer) in self.layers.iter().enumerate() {
            layer.visit(&format!("model.layers.{i}"), visit);
        }
        self.norm.visit("model.norm", visit);
        if let Some(head) = &self.head {
            visit("lm_head.weight".to_owned(), head);
        }
    }

    /// Reads the values of all weights that are in files, once.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for the first that has values that are not finite in its precision.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut in_files = Vec::new();
        self.visit(&mut |_, weight| in_files.extend(weight.in_file()));
        check_all(&in_files)
    }

    /// Takes all weights out of their files: packed for products where those of a training pass are, into libtorch otherwise.
    ///
    /// # Errors
    /// [`Error::Backend`] if the device has no room.
    pub(crate) fn take_from_files(&self) -> Result<(), Error> {
        let mut taken = Ok(());
        self.visit(&mut |_, weight| {
            if taken.is_ok() && weight.frozen().is_none() {
                taken = weight.place().map(|_| ());
            }
        });
        taken
    }

    /// Every projection inside the layers, with its full name.
    pub(crate) fn linears(&self) -> impl Iterator<Item = (String, &Linear)> {
        self.layers.iter().enumerate().flat_map(|(i, layer)| {
            let attention = layer.attention.linears().into_iter().map(|l| ("self_attn", l));
            let mlp = layer.mlp.linears().into_iter().map(|l| ("mlp", l));
            attention.chain(mlp).map(move |(block, (name, linear))| {
                (format!("model.layers.{i}.{block}.{name}"), linear)
            })
        })
    }

    /// As [`Self::linears`], to change them.
    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = (String, &mut Linear)> {
        self.layers.iter_mut().enumerate().flat_map(|(i, layer)| {
            let attention = layer.attention.linears_mut().into_iter().map(|l| ("self_attn", l));
            let mlp = layer.mlp.linears_mut().into_iter().map(|l| ("mlp", l));
            attention.chain(mlp).map(move |(block, (name, linear))| {
                (format!("model.layers.{i}.{block}.{name}"), linear)
            })
        })
    }
}

/// The tokens of one forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tokens<'a> {
    /// `[B, T]`, i64.
    pub(crate) ids: &'a Tensor,
    /// `[B, T]` or `[1, T]`, i64.
    pub(crate) positions: &'a Tensor,
}

/// How the head's products move the logits.
#[derive(Debug)]
pub(super) enum LogitSlope {
    /// All alike.
    All(f64),
    /// Each by its own, f32 `[.., V]`.
    Each(Tensor),
}

impl LogitSlope {
    /// The gradient of the products from that of the logits.
    pub(super) fn back(&self, dlogits: Tensor) -> Tensor {
        match self {
            Self::All(slope) => scaled(dlogits, *slope),
            Self::Each(slopes) => (&dlogits * slopes).to_kind(dlogits.kind()),
        }
    }
}

/// A tensor times a factor, which is 1 for most models.
pub(super) fn scaled(x: Tensor, factor: f64) -> Tensor {
    if factor == 1.0 { x } else { x * factor }
}

/// One decoder layer: norms before its blocks, and in some architectures behind them.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention: Attention,
    pub(super) mlp: Mlp,
    pub(super) input_norm: RmsNorm,
    pub(super) inner_norm: RmsNorm,
    pub(super) after_attention: Option<RmsNorm>,
    pub(super) after_mlp: Option<RmsNorm>,
    names: NormNames,
    /// What the blocks' results are multiplied by.
    pub(super) residual: f64,
}

impl Layer {
    fn new(source: &mut dyn Source, config: &ModelConfig, index: usize) -> Result<Self, Error> {
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let names = config.norm_names();
        let attention = Attention::new(source, &name("self_attn"), config, index)?;
        let mlp = Mlp::new(source, &name("mlp"), config)?;
        let mut norm = |part: &str| RmsNorm::new(source, &name(part), config);
        Ok(Self {
            attention,
            mlp,
            input_norm: norm("input_layernorm")?,
            inner_norm: norm(names.inner)?,
            after_attention: names.after_attention.map(&mut norm).transpose()?,
            after_mlp: names.after_mlp.map(&mut norm).transpose()?,
            names,
            residual: config.scales.residual,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        rotation: &Rotation,
        keys: &mut dyn Attend,
        delta: Delta,
    ) -> Tensor {
        let mixed = self.attention.forward(&self.input_norm.forward(x), rotation, keys, delta);
        let x = x + self.result(mixed, self.after_attention.as_ref());
        let inner = self.mlp.forward(&self.inner_norm.forward(&x), delta);
        &x + self.result(inner, self.after_mlp.as_ref())
    }

    /// What of a block's result is added to the stream.
    fn result(&self, block: Tensor, norm: Option<&RmsNorm>) -> Tensor {
        let block = match norm {
            Some(norm) => norm.forward(&block),
            None => block,
        };
        scaled(block, self.residual)
    }

    fn visit<'a>(&'a self, name: &str, visit: &mut dyn FnMut(String, &'a Weight)) {
        self.input_norm.visit(&format!("{name}.input_layernorm"), visit);
        for (part, linear) in self.attention.linears() {
            linear.visit(&format!("{name}.self_attn.{part}"), visit);
        }
        for (part, norm) in self.attention.norms() {
            norm.visit(&format!("{name}.self_attn.{part}"), visit);
        }
        if let (Some(norm), Some(part)) = (&self.after_attention, self.names.after_attention) {
            norm.visit(&format!("{name}.{part}"), visit);
        }
        self.inner_norm.visit(&format!("{name}.{}", self.names.inner), visit);
        for (part, linear) in self.mlp.linears() {
            linear.visit(&format!("{name}.mlp.{part}"), visit);
        }
        if let (Some(norm), Some(part)) = (&self.after_mlp, self.names.after_mlp) {
            norm.visit(&format!("{name}.{part}"), visit);
        }
    }
}
