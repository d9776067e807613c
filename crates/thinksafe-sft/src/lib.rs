//! Supervised fine-tuning on self-generated traces.
