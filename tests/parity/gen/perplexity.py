"""Goldens of perplexity: the log-probabilities of a dataset's responses under one golden model of each architecture.

Usage: python tests/parity/gen/perplexity.py   (after models.py and tokenizer.py)

tests/golden/perplexity holds dataset.jsonl, rows as thinksafe-filter writes them, and expected.json: for each model case and
row the tokens and the sum of log-probabilities of the thinking with its marks and of the answer with the token that ends the
turn, each token given the chat template's prompt and the tokens before it; and the perplexity over all tokens.
"""

import json
import math

import torch
from transformers import AutoTokenizer

from common import *

CASES = ["qwen3-gqa-tied", "qwen3-mha-window", "llama-gqa-llama3-tied", "mistral-gqa-window", "gemma2-gqa-tied"]
ROWS = [
    ("Name a tree.", "An oak is one.", "Oak.", "vanilla_benign"),
    ("Two and two?", "2 + 2 = 4", "Four, if I am not mistaken.", "vanilla_benign"),
    ("Sing!", None, "La la", "adversarial_benign"),
    ("Is a tomato a fruit?", "", "It is.", "adversarial_benign"),
    ("?", "They ask nothing.\n\nI ask back.", "What would you like to know?\n- a\n- b", "vanilla_harmful"),
    ("How warm is it?", "I cannot feel.", "I can't tell.", "adversarial_harmful"),
]


def turn(thinking, answer):
    """The parts of a turn as Qwen3 writes it."""
    return ("" if thinking is None else f"<think>\n{thinking}\n</think>\n\n"), answer


def dataset():
    for instruction, thinking, answer, label in ROWS:
        yield {
            "version": 2,
            "instruction": instruction,
            "response": "".join(turn(thinking, answer)),
            "thinking": thinking,
            "answer": answer,
            "prompt_label": label,
            "response_label": "safe",
        }


@torch.no_grad()
def likelihoods(model, tokenizer):
    """Tokens and log-probability of thinking and answer, for each row, alone."""
    found = []
    for instruction, thinking, answer, _ in ROWS:
        message = [{"role": "user", "content": instruction}]
        prompt = tokenizer.apply_chat_template(message, add_generation_prompt=True, return_dict=False)
        opened, shown = (tokenizer(part, add_special_tokens=False).input_ids for part in turn(thinking, answer))
        ids = torch.tensor([prompt + opened + shown + [tokenizer.eos_token_id]])
        table = model(ids).logits[0, :-1].double().log_softmax(-1)
        chosen = table.gather(1, ids[0, 1:, None])[len(prompt) - 1 :, 0]
        assert len(chosen) == len(opened) + len(shown) + 1
        parts = chosen[: len(opened)], chosen[len(opened) :]
        found.append([{"tokens": len(part), "log_prob": part.sum().item()} for part in parts])
    return found


def main():
    folder = GOLDEN / "perplexity"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.jsonl").write_text("".join(json.dumps(row) + "\n" for row in dataset()))
    tokenizer = AutoTokenizer.from_pretrained(GOLDEN / "tokenizer")
    cases = []
    for name in CASES:
        rows = likelihoods(load(GOLDEN / "models" / name), tokenizer)
        parts = [part for row in rows for part in row]
        nats = -sum(part["log_prob"] for part in parts) / sum(part["tokens"] for part in parts)
        cases.append({"model": name, "rows": rows, "perplexity": math.exp(nats)})
        print(f"{name}: {math.exp(nats):.4f}")
    write_json(folder / "expected.json", {"metadata": metadata("perplexity.py", 0), "cases": cases})


if __name__ == "__main__":
    main()
