"""Fifty optimizer steps on real texts, ours beside TRL's trainer over PEFT, from the same adapter.

A random Qwen3 of 64 dimensions and three layers with Qwen3's whole vocabulary; GSM8K and STAR-1 in its tokens (texts.json),
four micro-batches of one text a step; LoRA on every projection. In f32, and over a base in bf16 with the adapter in f32.
"""

import json
import math
import pathlib

import torch
from transformers import AutoModelForCausalLM, Qwen3Config

import sft
from common import GOLDEN

SEED = 50
SETTINGS = sft.SETTINGS | {"base": "random", "steps": 50, "batch": 1, "accumulation": 4, "lr": 2e-3}
EVERY_PROJECTION = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# By precision: what a step may differ by, relatively, and what the difference may grow by over the run.
BOUNDS = {"f32": (1e-4, 1e-4), "bf16": (2e-2, 5e-3)}


def lora(rank, alpha, modules, exclude=None, layers=None, rslora=False):
    """Settings of an adapter, as our program reads them."""
    targets = {"modules": modules, "exclude": exclude, "layers": layers}
    return {"rank": rank, "alpha": alpha, "rslora": rslora, "dropout": 0.0, "targets": targets}


def rows():
    """As many texts as the run takes, in an order that pairs other texts in every epoch."""
    texts = json.loads((pathlib.Path(__file__).parent / "texts.json").read_text())
    count = SETTINGS["steps"] * SETTINGS["batch"] * SETTINGS["accumulation"]
    step = 37
    assert math.gcd(step, len(texts)) == 1
    return [texts[i * step % len(texts)] for i in range(count)]


def write_model(folder):
    """Random weights that bf16 holds exactly, at a scale at which all of them matter to the logits."""
    config = Qwen3Config(
        vocab_size=151_936,
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        rope_theta=1e6,
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    rng = torch.Generator().manual_seed(SEED)
    for name, weight in model.named_parameters():
        value = torch.randn(weight.shape, generator=rng)
        if name.endswith("norm.weight"):
            value = 1 + 0.1 * value
        elif "embed_tokens" in name:
            value = 0.3 * value
        else:
            value = value / math.sqrt(weight.shape[1])
        weight.data.copy_(value.bfloat16())
    model.save_pretrained(folder)


def drift(differences):
    """What the least-squares line through the differences gains from the first step to the last."""
    middle = (len(differences) - 1) / 2
    slope = sum((x - middle) * y for x, y in enumerate(differences)) / sum(
        (x - middle) ** 2 for x in range(len(differences))
    )
    return slope * (len(differences) - 1)


def compare(precision, ours, theirs):
    """(claim, largest deviation, what is allowed) of one run."""
    largest, growth = BOUNDS[precision]
    for field, name in (("loss", "losses"), ("grad_norm", "gradient norms")):
        differences = [a[field] / b[field] - 1 for a, b in zip(ours, theirs, strict=True)]
        yield f"{len(ours)} steps of trl give our {name} (relative, the largest)", max(map(abs, differences)), largest
        yield f"our {name} do not drift from those of trl (relative, over the run)", abs(drift(differences)), growth


def claims(ours, scratch):
    """`ours` runs our program."""
    base, start = scratch / "base", scratch / "start"
    write_model(base)
    adapter, data, settings = (scratch / f"{name}.json" for name in ("lora", "data", "settings"))
    adapter.write_text(json.dumps(lora(8, 16, EVERY_PROJECTION)))
    ours("attach", "--model", base, "--lora", adapter, "--seed", SEED, "--out", start)
    texts = rows()
    data.write_text(json.dumps(texts))
    settings.write_text(json.dumps(SETTINGS))
    for precision in BOUNDS:
        out = scratch / precision
        files = ["--model", base, "--adapter", start, "--data", data, "--settings", settings, "--out", out]
        ours("train", *files, "--precision", precision)
        ours_history = json.loads((out / "history.json").read_text())
        trl = SETTINGS | {"bf16": precision == "bf16"}
        history, model = sft.train(base, start, GOLDEN / "tokenizer", texts, trl)
        adapter = {p.dtype for n, p in model.named_parameters() if "lora_" in n}
        assert adapter == {torch.float32}, f"trl trains an adapter in {adapter}"
        assert history[-1]["loss"] < history[0]["loss"] - 0.5, "nothing is learnt"
        for claim, found, allowed in compare(precision, ours_history, history):
            yield f"{precision}: {claim}", found, allowed
