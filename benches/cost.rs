//! What a computation must read and multiply at least, to say how near to the machine's limits it is.

use thinksafe_runtime::{ModelConfig, Precision};

/// Bytes of a weight in the checkpoint. A copy in f32 holds nothing more, so no step has to read more.
const WEIGHT_BYTES: u64 = 2;

/// The bytes that a step of decoding must read: every matrix once, and each sequence's keys and values.
pub fn decode_bytes(
    config: &ModelConfig,
    precision: Precision,
    batch: usize,
    context: usize,
) -> u64 {
    let cached = batch as u64 * context as u64 * token_bytes(config, precision);
    WEIGHT_BYTES * (layer_parameters(config) + head_parameters(config)) + cached
}

/// The floating-point operations of a pass over whole sequences; `logits` positions of each go through the head.
pub fn forward_operations(config: &ModelConfig, batch: usize, length: usize, logits: usize) -> u64 {
    let (batch, length, logits) = (batch as u64, length as u64, logits as u64);
    let pairs = length * (length + 1) / 2;
    let attention = 2 * pairs * (config.heads * config.head_dim) as u64 * config.layers as u64;
    let products = length * layer_parameters(config) + logits * head_parameters(config);
    2 * batch * (products + attention)
}

/// Bytes of one position's keys and values.
fn token_bytes(config: &ModelConfig, precision: Precision) -> u64 {
    let numbers = 2 * config.layers as u64 * (config.kv_heads * config.head_dim) as u64;
    numbers * precision.bytes() as u64
}

/// The matrices of all layers.
fn layer_parameters(config: &ModelConfig) -> u64 {
    let heads = 2 * config.heads + 2 * config.kv_heads;
    let attention = config.hidden_size * heads * config.head_dim;
    let mlp = 3 * config.hidden_size * config.intermediate_size;
    (attention + mlp) as u64 * config.layers as u64
}

/// The output head; an embedding apart from it is looked up, not read.
fn head_parameters(config: &ModelConfig) -> u64 {
    (config.vocab_size * config.hidden_size) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;
    use thinksafe_core::seed::Seed;
    use thinksafe_runtime::{CausalLm, Placement};

    #[test]
    fn parameters_are_those_of_the_model() {
        let model = CausalLm::random(Shape::Tiny.config(), Placement::CPU_F32, Seed(0)).unwrap();
        let parameters = model.parameters();
        let matrices = parameters.iter().filter(|(_, tensor)| tensor.dim() == 2);
        let count: usize = matrices.map(|(_, tensor)| tensor.numel()).sum();
        let config = model.config();
        // A tied head is the embedding.
        assert_eq!(layer_parameters(config) + head_parameters(config), count as u64);
        assert_eq!(decode_bytes(config, Precision::F32, 0, 9), 2 * count as u64);
    }

    #[test]
    fn bytes_and_operations_of_a_small_case() {
        let config = Shape::Tiny.config();
        // 6 layers, keys and values, 4 heads of 64, 4 bytes.
        let cached = decode_bytes(&config, Precision::F32, 3, 10)
            - decode_bytes(&config, Precision::F32, 0, 10);
        assert_eq!(cached, 3 * 10 * 6 * 2 * 4 * 64 * 4);
        // Three positions see 1 + 2 + 3 keys: a product and a sum for the score and for the value.
        let head = 4096 * 256;
        let layers = layer_parameters(&config);
        assert_eq!(
            forward_operations(&config, 2, 3, 1),
            2 * 2 * (3 * layers + head) + 2 * 4 * 6 * (8 * 64) * 6
        );
    }
}
