//! Decoder models, KV cache, batch generation and LoRA on libtorch.
