//! Tokenizers, chat templates and segments straight from Hugging Face folders.
