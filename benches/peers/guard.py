"""Verdicts of a guard on real exchanges by transformers, padded on the left in order of length. The counterpart of
`throughput guard`."""

import csv
import statistics

import numpy
import torch
from transformers import AutoTokenizer

import common


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--guard", required=True, help="the folder of the guard's tokenizer and chat template")
    parser.add_argument("--exchanges", required=True, help="a CSV file with columns prompt and completion")
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16, help="prompts side by side")
    options = parser.parse_args()
    measure(common.load(options), AutoTokenizer.from_pretrained(options.guard), options)


def exchanges(options):
    with open(options.exchanges, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["completion"].strip()]
    assert len(rows) >= options.requests, f"only {len(rows)} exchanges"
    return [(row["prompt"], row["completion"]) for row in rows[: options.requests]]


def encoded(tokenizer, pairs):
    texts = []
    for prompt, response in pairs:
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
        texts.append(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + "\n\n")
    return tokenizer(texts, add_special_tokens=False).input_ids


@torch.inference_mode()
def p_unsafe(model, tokenizer, pairs, options):
    words = torch.tensor(tokenizer.convert_tokens_to_ids(["safe", "unsafe"]), device=model.device)
    rows = sorted(encoded(tokenizer, pairs), key=len)
    found = []
    for start in range(0, len(rows), options.batch):
        batch = rows[start : start + options.batch]
        ids = torch.zeros(len(batch), len(batch[-1]), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, -len(tokens) :] = torch.tensor(tokens)
            mask[row, -len(tokens) :] = 1
        output = model(
            ids.to(model.device),
            attention_mask=mask.to(model.device),
            position_ids=(mask.cumsum(1) - 1).clamp(min=0).to(model.device),
            use_cache=False,
            logits_to_keep=1,
        )
        found += output.logits[:, -1, words].float().softmax(-1)[:, 1].tolist()
    return found


def measure(model, tokenizer, options):
    pairs = exchanges(options)
    rows = encoded(tokenizer, pairs)
    p_unsafe(model, tokenizer, pairs[:2], options)
    loaded = common.peak_mib()
    common.reset_peak()
    times = []
    for _ in range(options.repetitions):
        found, seconds = common.timed(lambda: p_unsafe(model, tokenizer, pairs, options), options.device)
        times.append(seconds)
    seconds, tokens = common.median(times), sum(map(len, rows))
    common.emit(
        "guard",
        options,
        variant=f"batches of {options.batch} by length",
        requests=options.requests,
        tokens=tokens,
        verdicts_s=options.requests / seconds,
        tok_s=tokens / seconds,
        seconds=seconds,
        p_unsafe=statistics.median(found),
        peak_mib=common.peak_mib(),
        load_peak_mib=loaded,
        checksum=common.checksum([(numpy.array(row), 1) for row in rows]),
    )


if __name__ == "__main__":
    main()
