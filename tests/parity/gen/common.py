"""What the generators of the golden files share.

Pinned: torch 2.11.0, transformers 5.17.0, peft 0.21.2, trl 1.16.0, safetensors 0.8.
All goldens: `python tests/parity/gen/all.py` (CPU, a few minutes); it rewrites tests/golden.
"""

import json
import math
import os
import pathlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden"
# The first tokens of tests/golden/tokenizer; no golden model ever writes one of them.
SPECIALS = 6
PAD = 0


def metadata(generator, seed, **more):
    """Where a golden file comes from, for its safetensors header."""
    facts = {"generator": generator, "seed": seed, "torch": torch.__version__.split("+")[0]}
    facts |= {"transformers": transformers.__version__, "dtype": "float32", "threads": 1}
    return {k: str(v) for k, v in (facts | more).items()}


def write_tensors(path, tensors, facts):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.detach().contiguous().clone() for k, v in tensors.items()}, path, facts)
    size = path.stat().st_size
    assert size <= 200_000, f"{path} has {size} bytes"


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def fill(model, seed):
    """Random weights at a scale at which layers, norms and biases all matter to the logits.

    The rows of the special tokens are small, so that greedy decoding never ends.
    """
    rng = torch.Generator().manual_seed(seed)

    def normal(shape):
        return torch.randn(shape, generator=rng)

    for name, weight in model.named_parameters():
        if name.endswith("norm.weight"):
            # Gemma 2 adds the one itself, and normalises what is added to embeddings that are sqrt(E) large.
            gemma = model.config.model_type == "gemma2"
            value = (15 * ("layernorm" in name and "post_" in name) if gemma else 1) + 0.3 * normal(weight.shape)
        elif weight.dim() == 1:
            value = 0.5 * normal(weight.shape)
        elif "embed_tokens" in name:
            value = normal(weight.shape)
        else:
            value = 1.5 * normal(weight.shape) / math.sqrt(weight.shape[1])
        if "embed_tokens" in name or "lm_head" in name:
            value[:SPECIALS] *= 0.01
        weight.data.copy_(value)


def build(config_dir, seed):
    """The model of a folder's config.json with weights by seed, in float32 and the eager attention."""
    config = AutoConfig.from_pretrained(config_dir)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
    fill(model, seed)
    return model.eval()


def load(folder, dtype=torch.float32):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    return model.eval()


def stored_weights(model):
    """The state dict as checkpoints store it: a tied head is stored once."""
    tied = model.config.tie_word_embeddings
    return {k: v for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}


def prompts(seed, vocab, lengths):
    rng = torch.Generator().manual_seed(seed + 1)
    return [torch.randint(SPECIALS, vocab, (n,), generator=rng) for n in lengths]


def padded(rows, side):
    """Ids [B, T] and the attention mask."""
    longest = max(len(r) for r in rows)
    ids, mask = [], []
    for row in rows:
        pad = torch.full((longest - len(row),), PAD, dtype=torch.int64)
        blank, ones = torch.zeros_like(pad), torch.ones_like(row)
        ids.append(torch.cat([row, pad] if side == "right" else [pad, row]))
        mask.append(torch.cat([ones, blank] if side == "right" else [blank, ones]))
    return torch.stack(ids), torch.stack(mask)


@torch.no_grad()
def greedy(model, rows, steps, use_cache):
    """Greedy continuations [B, steps] of left-padded rows, and the smallest lead of a chosen token."""
    ids, mask = padded(rows, "left")
    out = model.generate(
        ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=steps,
        use_cache=use_cache,
        pad_token_id=PAD,
        eos_token_id=None,
        output_logits=True,
        return_dict_in_generate=True,
    )
    best = torch.stack(out.logits).float().topk(2, dim=-1).values
    return out.sequences[:, ids.shape[1] :], (best[..., 0] - best[..., 1]).min().item()
