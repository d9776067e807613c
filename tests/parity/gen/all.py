"""Rewrites every golden file. Usage: python tests/parity/gen/all.py"""

import grpo
import guards
import lora
import loading
import models
import perplexity
import sampler
import sft
import tokenizer

if __name__ == "__main__":
    for generator in (tokenizer, models, loading, lora, guards, sampler, sft, perplexity, grpo):
        print(f"== {generator.__name__}")
        generator.main()
