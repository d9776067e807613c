"""Goldens of LoRA: adapters that PEFT saved, and the logits with them.

Usage: python tests/parity/gen/lora.py   (after models.py)

tests/golden/lora/CASE holds adapter_config.json and adapter_model.safetensors, base.txt with the name of the
model case, and expected.safetensors: logits.i and merged.i [T, V] of the model case's prompts.
"""

import shutil
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

from common import *

# name: (model case, rank, alpha, targets)
CASES = {
    "qv": ("qwen3-gqa-tied", 4, 8, ["q_proj", "v_proj"]),
    "all-linear": ("llama-mha-biases-untied", 3, 16, "all-linear"),
    "mlp-mqa": ("mistral-mqa-window-untied", 2, 5, ["o_proj", "gate_proj", "down_proj"]),
    "gemma2": ("gemma2-gqa-tied", 3, 6, "all-linear"),
    "granite": ("granite-gqa-tied", 2, 6, "all-linear"),
}


def adapter(base, rank, alpha, targets, seed, scale=0.5):
    """A PEFT model with both factors of every adapter random."""
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    rng = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            deviation = scale / weight.shape[1] ** 0.5
            weight.data.copy_(deviation * torch.randn(weight.shape, generator=rng))
    return model.eval()


def save_adapter(model, folder):
    """The two files of PEFT's format, without the card it writes beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copy(f"{scratch}/{file}", folder / file)
    text = json.loads((folder / "adapter_config.json").read_text())
    text["base_model_name_or_path"] = None
    text["target_modules"] = sorted(text["target_modules"])
    write_json(folder / "adapter_config.json", text)


@torch.no_grad()
def logits(model, rows):
    return [model(row[None], use_cache=False).logits[0] for row in rows]


def generate(name, seed):
    case, rank, alpha, targets = CASES[name]
    source, folder = GOLDEN / "models" / case, GOLDEN / "lora" / name
    save_adapter(adapter(load(source), rank, alpha, targets, seed), folder)
    (folder / "base.txt").write_text(f"{case}\n")
    stored = load_file(source / "expected.safetensors")
    rows = [stored[f"prompt.{i}"] for i in range(3)]
    model = PeftModel.from_pretrained(load(source), folder).eval()
    tensors = {f"logits.{i}": l for i, l in enumerate(logits(model, rows))}
    merged = logits(model.merge_and_unload(), rows)
    tensors |= {f"merged.{i}": l for i, l in enumerate(merged)}
    change = max((tensors[f"logits.{i}"] - stored[f"logits.{i}"]).abs().max().item() for i in range(3))
    assert change > 0.5, f"{name}: the adapter hardly changes the logits ({change})"
    write_tensors(folder / "expected.safetensors", tensors, metadata("lora.py", seed))
    print(f"{name}: largest change of a logit {change:.2f}")


def main():
    shutil.rmtree(GOLDEN / "lora", ignore_errors=True)
    for seed, name in enumerate(CASES):
        generate(name, seed)


if __name__ == "__main__":
    main()
