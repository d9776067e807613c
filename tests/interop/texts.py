"""Writes texts.json: real texts in Qwen3's tokens, of unequal lengths.

Usage: python tests/interop/texts.py --gsm8k train.jsonl --star1 STAR-1.json --tokenizer FOLDER

GSM8K (https://github.com/openai/grade-school-math at 3101c7d, MIT): question and worked answer. STAR-1
(https://github.com/UCSC-VLAA/STAR-1 at b493335, Apache-2.0): question and safety reasoning, cut to LONGEST tokens.
Each row holds the ids of a conversation in Qwen3's layout and how many of them are the prompt.
"""

import argparse
import json
import pathlib

from transformers import AutoTokenizer

ROWS, LONGEST = 48, 256


def encoded(tokenizer, question, answer):
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False
    )
    prompt = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    turn = tokenizer(answer + "<|im_end|>", add_special_tokens=False)["input_ids"]
    return {"ids": (prompt + turn)[:LONGEST], "prompt": len(prompt)}


def main():
    parser = argparse.ArgumentParser()
    for name in ("gsm8k", "star1", "tokenizer"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
    math = [json.loads(line) for line in options.gsm8k.read_text().splitlines()[:ROWS]]
    safety = json.loads(options.star1.read_text())[:ROWS]
    # By turns, so that every step has both short and long texts.
    pairs = zip(
        ((item["question"], item["answer"]) for item in math),
        ((item["question"], item["response"]) for item in safety),
        strict=True,
    )
    rows = [encoded(tokenizer, *text) for pair in pairs for text in pair]
    assert all(row["prompt"] < len(row["ids"]) for row in rows)
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (pathlib.Path(__file__).parent / "texts.json").write_text(f"[\n{lines}\n]\n")
    lengths = sorted(len(row["ids"]) for row in rows)
    print(f"{len(rows)} texts of {lengths[0]} to {lengths[-1]} tokens, {sum(lengths)} in all")


if __name__ == "__main__":
    main()
