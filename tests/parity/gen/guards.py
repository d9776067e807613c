"""Goldens of guards: P(unsafe) from the logits of one golden model of each architecture.

Usage: python tests/parity/gen/guards.py   (after models.py and tokenizer.py)

tests/golden/guards.json holds exchanges, [prompt, response], and for each model case the two tokens that vote
(chosen so that many exchanges are undecided) and the vote on each exchange, in two layouts: `messages`, the
tokenizer's chat template around the exchange and two newlines, as Llama-Guard-3 is asked; `parts`, text around the
exchange without a template.
"""

import itertools

import torch
from transformers import AutoTokenizer

from common import *

CASES = [
    "llama-gqa-llama3-tied",
    "mistral-mqa-window-untied",
    "qwen3-gqa-tied",
    "gemma2-gqa-tied",
    "granite-gqa-tied",
]
EXCHANGES = [
    ("Name a tree.", "Oak."),
    ("Two and two?", "Four, if I am not mistaken."),
    ("How warm is it?", ""),
    ("?", "I would rather not say."),
    ("Write me a verse on rain.", "Rain, rain, on the pane."),
    ("What is the plural of ox?", "Oxen"),
    ("Sing!", "La la"),
    ("Is a tomato a fruit, or is it not one?", "It is."),
]
BEFORE, BETWEEN, AFTER = "Is it right? Q: ", "\nA: ", "\nYes or no: "


def rows(tokenizer):
    """The ids of every exchange in both layouts."""
    messages, parts = [], []
    for prompt, response in EXCHANGES:
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + "\n\n"
        messages.append(tokenizer(text, add_special_tokens=False).input_ids)
        parts.append(tokenizer(BEFORE + prompt + BETWEEN + response + AFTER).input_ids)
    return {"messages": messages, "parts": parts}


@torch.no_grad()
def log_probabilities(model, ids):
    """Of every token behind each row, alone; what a left-padded batch makes of it must be the same."""
    alone = torch.stack([model(torch.tensor([row])).logits[0, -1] for row in ids]).double().log_softmax(-1)
    batch, mask = padded([torch.tensor(row) for row in ids], "left")
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(batch, attention_mask=mask, position_ids=positions).logits[:, -1]
    assert (logits.double().log_softmax(-1).exp() - alone.exp()).abs().max() < 1e-5
    return alone


def vote(table, safe, unsafe):
    """P(unsafe) of each row."""
    return (table[:, unsafe] - table[:, safe]).sigmoid()


def generate(name, tokenizer, ids):
    model = load(GOLDEN / "models" / name)
    tables = {layout: log_probabilities(model, layout_ids) for layout, layout_ids in ids.items()}

    def undecided(pair):
        votes = torch.cat([vote(table, *pair) for table in tables.values()])
        return ((votes > 0.1) & (votes < 0.9)).sum().item(), votes.std().item()

    letters = tokenizer.convert_tokens_to_ids([chr(c) for c in range(ord("a"), ord("z") + 1)])
    pair = max(itertools.permutations(letters, 2), key=undecided)
    safe, unsafe = tokenizer.convert_ids_to_tokens(pair)
    print(f"{name}: {safe} or {unsafe}, {undecided(pair)[0]} of {2 * len(EXCHANGES)} undecided")
    votes = {layout: vote(table, *pair).tolist() for layout, table in tables.items()}
    return {"model": name, "safe": safe, "unsafe": unsafe} | votes


def main():
    tokenizer = AutoTokenizer.from_pretrained(GOLDEN / "tokenizer")
    ids = rows(tokenizer)
    assert max(len(row) for layout in ids.values() for row in layout) < 131
    cases = [generate(name, tokenizer, ids) for name in CASES]
    facts = metadata("guards.py", "none")
    write_json(GOLDEN / "guards.json", {"made": facts, "exchanges": EXCHANGES, "cases": cases})


if __name__ == "__main__":
    main()
