//! Steering prompts that make a reasoning model reason its own way to a refusal.
