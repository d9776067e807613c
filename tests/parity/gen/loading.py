"""Goldens of loading: one model in shards, in bfloat16 and in float16.

Usage: python tests/parity/gen/loading.py   (after models.py)

expected.safetensors of the half-precision copies holds the logits of prompts 0, 1, 2 of the source case,
once with the stored weights widened to float32 (f32.i) and once computed in the stored type (half.i).
"""

import shutil

import torch
from safetensors.torch import load_file

from common import *

SOURCE = GOLDEN / "models" / "qwen3-gqa-tied"


@torch.no_grad()
def logits(model, rows):
    return [model(row[None], use_cache=False).logits[0] for row in rows]


def half(name, dtype, rows):
    folder = GOLDEN / "loading" / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCE / "config.json", folder)
    weights = {k: v.to(dtype) for k, v in load_file(SOURCE / "model.safetensors").items()}
    write_tensors(folder / "model.safetensors", weights, {"format": "pt"})
    # Loaded in each type of its own: a model cast afterwards would keep a rounded rotary table.
    tensors = {f"f32.{i}": l for i, l in enumerate(logits(load(folder), rows))}
    tensors |= {f"half.{i}": l for i, l in enumerate(logits(load(folder, dtype), rows))}
    write_tensors(folder / "expected.safetensors", tensors, metadata("loading.py", "none", dtype=dtype))


def main():
    shutil.rmtree(GOLDEN / "loading", ignore_errors=True)
    expected = load_file(SOURCE / "expected.safetensors")
    rows = [expected[f"prompt.{i}"] for i in range(3)]
    half("bf16", torch.bfloat16, rows)
    half("f16", torch.float16, rows)
    sharded = GOLDEN / "loading" / "sharded"
    load(SOURCE).save_pretrained(sharded, max_shard_size="50KB")
    (sharded / "generation_config.json").unlink(missing_ok=True)
    assert (sharded / "model.safetensors.index.json").exists()
    for a, b in zip(logits(load(sharded), rows), logits(load(SOURCE), rows)):
        assert torch.equal(a, b)


if __name__ == "__main__":
    main()
