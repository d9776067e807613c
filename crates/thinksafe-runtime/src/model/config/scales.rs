//! The factors and caps by which architectures scale what flows between their products.

use serde::Serialize;

use super::Architecture;
use crate::model::config_json::Fields;
use crate::model::convert;
use crate::{Error, Precision};

/// Factors and soft caps. A soft cap brings a value smoothly below it: `cap * tanh(value / cap)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Scales {
    /// What embeddings are multiplied by: `sqrt(E)` in Gemma 2, `embedding_multiplier` in Granite, else 1.
    pub embedding: f64,
    /// Whether that factor is rounded to the model's precision first (Gemma 2).
    pub embedding_rounded: bool,
    /// What products of queries and keys are multiplied by: `query_pre_attn_scalar^-0.5` in Gemma 2, `attention_multiplier`
    /// in Granite, else `1 / sqrt(D)`.
    pub attention: f64,
    /// The soft cap of the scaled products (`attn_logit_softcapping` of Gemma 2).
    pub attention_cap: Option<f64>,
    /// What the results of attention and MLP are multiplied by before they are added: `residual_multiplier` in Granite,
    /// else 1.
    pub residual: f64,
    /// What logits are divided by: `logits_scaling` in Granite, else 1.
    pub logits: f64,
    /// The soft cap of logits (`final_logit_softcapping` of Gemma 2).
    pub logit_cap: Option<f64>,
}

impl Scales {
    pub(super) fn read(
        fields: &Fields<'_>,
        architecture: Architecture,
        [hidden_size, head_dim]: [i64; 2],
    ) -> Result<Self, Error> {
        let plain = Self {
            embedding: 1.0,
            embedding_rounded: false,
            attention: 1.0 / (head_dim as f64).sqrt(),
            attention_cap: None,
            residual: 1.0,
            logits: 1.0,
            logit_cap: None,
        };
        match architecture {
            Architecture::Gemma2 => Ok(Self {
                embedding: (hidden_size as f64).sqrt(),
                embedding_rounded: true,
                attention: fields.positive("query_pre_attn_scalar", Some(256.0))?.powf(-0.5),
                attention_cap: cap(fields, "attn_logit_softcapping", 50.0)?,
                logit_cap: cap(fields, "final_logit_softcapping", 30.0)?,
                ..plain
            }),
            Architecture::Granite => Ok(Self {
                embedding: fields.positive("embedding_multiplier", Some(1.0))?,
                attention: fields.positive("attention_multiplier", Some(1.0))?,
                residual: fields.positive("residual_multiplier", Some(1.0))?,
                logits: fields.positive("logits_scaling", Some(1.0))?,
                ..plain
            }),
            _ => Ok(plain),
        }
    }

    /// What embeddings are multiplied by in a precision.
    pub(crate) fn embedding_in(&self, precision: Precision) -> f64 {
        if !self.embedding_rounded {
            return self.embedding;
        }
        let mut factor = [self.embedding as f32];
        convert::round(precision, &mut factor);
        f64::from(factor[0])
    }
}

/// An explicit null is "no cap"; an absent field has the class's default.
fn cap(fields: &Fields<'_>, field: &str, default: f64) -> Result<Option<f64>, Error> {
    match fields.value(field) {
        Some(serde_json::Value::Null) => Ok(None),
        _ => fields.positive(field, Some(default)).map(Some),
    }
}
