"""Goldens of the sampler: what transformers' logits processors keep, and with which probabilities.

Usage: python tests/parity/gen/sampler.py

tests/golden/sampler.json is a list of cases: settings named as in the library, the tokens seen so far, the logits, and
the probability of every token after all processors, 0 for those dropped.
"""

import torch
from transformers.generation import logits_process as lp

from common import *

SETTINGS = [
    {"temperature": 0.6},
    {"temperature": 1.7},
    {"temperature": 1.0, "top_k": 5},
    {"temperature": 1.0, "top_k": 1},
    {"temperature": 1.0, "top_p": 0.9},
    {"temperature": 1.0, "top_p": 0.05},
    {"temperature": 1.0, "min_p": 0.1},
    {"temperature": 1.0, "min_p": 0.9},
    {"temperature": 1.0, "repetition_penalty": 1.3},
    {"temperature": 0.7, "repetition_penalty": 0.8},
    {"temperature": 0.6, "top_k": 20, "top_p": 0.95},
    {"temperature": 1.3, "top_k": 12, "top_p": 0.8, "min_p": 0.05},
    {"temperature": 0.9, "top_k": 30, "top_p": 0.99, "min_p": 0.02, "repetition_penalty": 1.1},
]


def processors(settings):
    """In the order in which transformers' generate applies them."""
    chain = []
    if "repetition_penalty" in settings:
        chain.append(lp.RepetitionPenaltyLogitsProcessor(settings["repetition_penalty"]))
    if settings["temperature"] != 1.0:
        chain.append(lp.TemperatureLogitsWarper(settings["temperature"]))
    if "top_k" in settings:
        chain.append(lp.TopKLogitsWarper(settings["top_k"]))
    if "top_p" in settings:
        chain.append(lp.TopPLogitsWarper(settings["top_p"]))
    if "min_p" in settings:
        chain.append(lp.MinPLogitsWarper(settings["min_p"]))
    return lp.LogitsProcessorList(chain)


def main():
    rng = torch.Generator().manual_seed(7)
    cases = []
    for vocab in (37, 101):
        for settings in SETTINGS:
            logits = 3 * torch.randn(vocab, generator=rng)
            seen = torch.randint(0, vocab, (9,), generator=rng)
            kept = processors(settings)(seen[None], logits[None].clone())[0]
            probabilities = torch.softmax(kept, -1)
            case = {"sampling": settings, "seen": seen.tolist(), "logits": logits.tolist()}
            cases.append(case | {"probabilities": probabilities.tolist()})
    facts = metadata("sampler.py", 7)
    path = GOLDEN / "sampler.json"
    path.write_text(json.dumps({"metadata": facts, "cases": cases}, separators=(",", ":")) + "\n")
    print(f"{len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
