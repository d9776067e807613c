"""Goldens of the decoder: config.json, model.safetensors and expected.safetensors for each case.

Usage: python tests/parity/gen/models.py [CASE ...]

expected.safetensors holds for prompt i = 0, 1, 2
  prompt.i        ids [T]                        greedy.i   64 greedy tokens
  hidden.i.l      [T, E], l = 0 .. layers        logits.i   [T, V]
and, of the same prompts as one right-padded batch, batch.ids [B, T], batch.lengths [B],
batch.hidden.l [B, T, E] and batch.logits [B, T, V]; what stands at padded positions is not compared.
"""

import shutil
import sys
import tempfile

import torch
from transformers import AutoConfig

from common import *

LENGTHS = (11, 7, 3)
GREEDY = 64
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}


def config(architecture, hidden, heads, kv, head_dim, layers, intermediate, vocab, tied, **more):
    common = {
        "architectures": [architecture],
        "model_type": architecture.removesuffix("ForCausalLM").lower(),
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "num_hidden_layers": layers,
        "intermediate_size": intermediate,
        "vocab_size": vocab,
        "tie_word_embeddings": tied,
        "hidden_act": "silu",
        "max_position_embeddings": 131,
        "initializer_range": 0.02,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "float32",
    }
    if head_dim is not None:
        common["head_dim"] = head_dim
    return common | more


QWEN3, QWEN2, LLAMA, MISTRAL, GEMMA2, GRANITE = (
    f"{a}ForCausalLM" for a in ("Qwen3", "Qwen2", "Llama", "Mistral", "Gemma2", "Granite")
)
GELU = {"hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh"}

# name: (written as transformers 5 writes it?, config.json as checkpoints of transformers 4 have it)
CASES = {
    # Head dimension unlike hidden / heads, GQA 4:2, tied, theta of the real models.
    "qwen3-gqa-tied": (False, config(QWEN3, 40, 4, 2, 14, 2, 52, 103, True, rope_theta=1e6, rms_norm_eps=1e-6)),
    # One kv head, attention biases, an odd theta, untied.
    "qwen3-mqa-bias-untied": (
        True,
        config(QWEN3, 33, 3, 1, 10, 3, 41, 107, False, rope_theta=12345.0, rms_norm_eps=1e-5, attention_bias=True),
    ),
    # As many kv heads as heads; the first layer sees all, the others five tokens back.
    "qwen3-mha-window": (
        False,
        config(QWEN3, 36, 4, 4, 6, 3, 45, 127, True, rope_theta=5003.0, rms_norm_eps=1e-3)
        | {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
    # Qwen2's biases on q, k and v are part of the architecture; its config has no head_dim; window settings switched off.
    "qwen2-gqa-tied": (
        False,
        config(QWEN2, 48, 4, 2, None, 2, 55, 109, True, rope_theta=1e6, rms_norm_eps=1e-6)
        | {"use_sliding_window": False, "sliding_window": 4, "max_window_layers": 1},
    ),
    "qwen2-mqa-untied": (
        False,
        config(QWEN2, 35, 5, 1, 8, 3, 37, 113, False, rope_theta=10007.0, rms_norm_eps=1e-5),
    ),
    # Windows named layer by layer.
    "qwen2-mha-layer-types": (
        True,
        config(QWEN2, 36, 3, 3, None, 3, 40, 131, False, rope_theta=777.0, rms_norm_eps=1e-4)
        | {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0}
        | {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    ),
    # Llama 3.2: rope scaling with short, long and middle wavelengths, tied.
    "llama-gqa-llama3-tied": (
        False,
        config(LLAMA, 48, 6, 2, 12, 2, 50, 103, True, rope_theta=77.0, rms_norm_eps=1e-5)
        | {"rope_scaling": LLAMA3 | {"rope_type": "llama3"}},
    ),
    # Every bias there is, all heads their own keys, untied; no head_dim.
    "llama-mha-biases-untied": (
        False,
        config(LLAMA, 40, 4, 4, None, 3, 39, 107, False, rope_theta=10000.0, rms_norm_eps=1e-6)
        | {"attention_bias": True, "mlp_bias": True, "rope_scaling": None},
    ),
    "llama-mqa-llama3-untied": (
        True,
        config(LLAMA, 36, 3, 1, 14, 2, 43, 127, False, rope_theta=501.0, rms_norm_eps=2e-5)
        | {"rope_scaling": LLAMA3 | {"rope_type": "llama3", "factor": 32.0}},
    ),
    # Mistral 7B v0.1: every layer sees a window.
    "mistral-gqa-window": (
        False,
        config(MISTRAL, 40, 4, 2, None, 3, 44, 109, False, rope_theta=10000.0, rms_norm_eps=1e-5, sliding_window=4),
    ),
    # Mistral Nemo: head_dim of its own, no window.
    "mistral-mha-tied": (
        False,
        config(MISTRAL, 38, 3, 3, 16, 2, 47, 131, True, rope_theta=99991.0, rms_norm_eps=1e-5, sliding_window=None),
    ),
    "mistral-mqa-window-untied": (
        True,
        config(MISTRAL, 42, 5, 1, 6, 2, 51, 113, False, rope_theta=1234.5, rms_norm_eps=1e-4, sliding_window=7),
    ),
    # The old spelling of a linear scaling.
    "llama-gqa-linear-tied": (
        False,
        config(LLAMA, 32, 4, 2, None, 2, 35, 113, True, rope_theta=4321.0, rms_norm_eps=1e-5)
        | {"rope_scaling": {"type": "linear", "factor": 3.0}},
    ),
    # ShieldGemma's layout: every other layer windowed, both soft caps; attention scaled by neither head nor hidden size.
    "gemma2-gqa-tied": (
        False,
        config(GEMMA2, 40, 4, 2, 14, 3, 52, 103, True, rope_theta=10000.0, rms_norm_eps=1e-6, sliding_window=5)
        | GELU
        | {"query_pre_attn_scalar": 11, "attn_logit_softcapping": 4.0, "final_logit_softcapping": 30.0},
    ),
    # Windows named layer by layer, no cap on attention, attention biases, a head of its own.
    "gemma2-mqa-bias-untied": (
        True,
        config(GEMMA2, 36, 3, 1, 10, 3, 41, 107, False, rope_theta=1234.5, rms_norm_eps=1e-4, sliding_window=4)
        | GELU
        | {"layer_types": ["full_attention", "sliding_attention", "sliding_attention"], "attention_bias": True}
        | {"query_pre_attn_scalar": 7, "attn_logit_softcapping": None, "final_logit_softcapping": 20.0},
    ),
    # No cap on logits.
    "gemma2-mha-uncapped-tied": (
        False,
        config(GEMMA2, 32, 4, 4, 8, 2, 45, 113, True, rope_theta=777.0, rms_norm_eps=1e-5, sliding_window=6)
        | GELU
        | {"query_pre_attn_scalar": 8, "attn_logit_softcapping": 2.0, "final_logit_softcapping": None},
    ),
    # Granite 3's multipliers at other values; its checkpoints ask for dropout in training.
    "granite-gqa-tied": (
        False,
        config(GRANITE, 48, 6, 2, None, 2, 50, 103, True, rope_theta=5e6, rms_norm_eps=1e-5, attention_dropout=0.1)
        | {"embedding_multiplier": 0.7, "attention_multiplier": 0.2, "residual_multiplier": 1.7}
        | {"logits_scaling": 3.0, "attention_bias": False, "mlp_bias": False, "rope_scaling": None},
    ),
    # Every bias there is.
    "granite-mqa-biases-untied": (
        True,
        config(GRANITE, 36, 3, 1, None, 3, 43, 107, False, rope_theta=10007.0, rms_norm_eps=1e-4)
        | {"embedding_multiplier": 0.8, "attention_multiplier": 0.4, "residual_multiplier": 1.3}
        | {"logits_scaling": 0.5, "attention_bias": True, "mlp_bias": True},
    ),
    # Multipliers by default: all one, that of attention too.
    "granite-mha-plain-untied": (
        False,
        config(GRANITE, 32, 4, 4, None, 2, 40, 109, False, rope_theta=5003.0, rms_norm_eps=1e-6),
    ),
}


def write_config(folder, v5, values):
    folder.mkdir(parents=True, exist_ok=True)
    if v5:
        with tempfile.TemporaryDirectory() as scratch:
            write_json(folder / "config.json", values)
            AutoConfig.from_pretrained(folder).save_pretrained(scratch)
            shutil.copy(f"{scratch}/config.json", folder / "config.json")
            text = (folder / "config.json").read_text()
            assert "rope_parameters" in text and "rope_theta" in text
    else:
        write_json(folder / "config.json", values)


@torch.no_grad()
def forward(model, ids, mask=None):
    out = model(ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
    assert len(out.hidden_states) == model.config.num_hidden_layers + 1
    return out.logits, out.hidden_states


def decode(model, rows):
    """The greedy continuations, if all four ways to get them agree, no choice is close and the text is varied."""
    tokens = []
    for row in rows:
        [text], lead = greedy(model, [row], GREEDY, use_cache=True)
        if lead < 1e-3 or len(text.unique()) < 12 or (text < SPECIALS).any():
            return None
        tokens.append(text)
    for row, text in zip(rows, tokens):
        assert torch.equal(greedy(model, [row], GREEDY, use_cache=False)[0][0], text)
    batched, _ = greedy(model, rows, GREEDY, use_cache=True)
    assert torch.equal(batched, torch.stack(tokens))
    return tokens


def expected(model, rows):
    tensors = {}
    for i, row in enumerate(rows):
        logits, hidden = forward(model, row[None])
        tensors |= {f"prompt.{i}": row, f"logits.{i}": logits[0]}
        tensors |= {f"hidden.{i}.{layer}": h[0] for layer, h in enumerate(hidden)}
    ids, mask = padded(rows, "right")
    logits, hidden = forward(model, ids, mask)
    tensors |= {"batch.ids": ids, "batch.lengths": mask.sum(1), "batch.logits": logits}
    return tensors | {f"batch.hidden.{layer}": h for layer, h in enumerate(hidden)}


def generate(name, index):
    v5, values = CASES[name]
    folder = GOLDEN / "models" / name
    write_config(folder, v5, values)
    first = 1000 * (index + 1)
    for seed in range(first, first + 1000):
        model = build(folder, seed)
        rows = prompts(seed, values["vocab_size"], LENGTHS)
        tokens = decode(model, rows)
        if tokens is not None:
            break
    else:
        raise AssertionError(f"{name}: no seed gives a decisive greedy text")
    write_tensors(folder / "model.safetensors", stored_weights(model), {"format": "pt"})
    model = load(folder)
    tensors = expected(model, rows) | {f"greedy.{i}": t for i, t in enumerate(tokens)}
    write_tensors(folder / "expected.safetensors", tensors, metadata("models.py", seed))
    print(f"{name}: seed {seed}")


def main():
    wanted = sys.argv[1:] or list(CASES)
    for index, name in enumerate(CASES):
        if name in wanted:
            generate(name, index)


if __name__ == "__main__":
    main()
