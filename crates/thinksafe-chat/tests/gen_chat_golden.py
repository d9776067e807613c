"""Writes golden/chat.jsonl: prompts and training examples as token ids, from transformers.

usage: gen_chat_golden.py TOKENIZERS_DIR   (run beside this file)

The prompt is `apply_chat_template(add_generation_prompt=True)`. For Qwen3 the example is the rendering of the whole
conversation with `reasoning_content`, without the newline after the last token; DeepSeek-R1's template deletes the
thinking, so there the turn is appended to the rendered prompt and ends with the EOS token.
"""

import json
import pathlib
import sys

import transformers

CONVERSATIONS = [
    [("user", "What is 2 + 2?")],
    [("system", "Be terse."), ("user", "Hi")],
    [("user", "a"), ("assistant", "<think>\nold thoughts\n</think>\n\nold answer"), ("user", "Привет 👩‍👩‍👧 é \r\n\t x")],
    [("user", ""), ("assistant", "plain"), ("user", "  spaces  \n")],
    [("user", "'It's' 1234567 [INST] \u00a0 ﬁ")],
]
TRACES = [
    ("The user wants a sum.\n\n2+2=4.", "The answer is 4."),
    ("", "Straight."),
    ("Ends with code:\n```\nx = 1\n```", "$\\boxed{4}$\n\n* list\n  * item"),
    ("思考 🤔.", "答案"),
]


def load(folder):
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    token = lambda value: value["content"] if isinstance(value, dict) else value
    names = {key: token(config.get(key)) for key in ["bos_token", "eos_token", "pad_token"]}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **names)
    tokenizer.chat_template = config["chat_template"]
    return tokenizer


def example_ids(tokenizer, name, messages, prompt, thinking, answer):
    if name == "qwen3":
        turn = {"role": "assistant", "content": answer, "reasoning_content": thinking}
        text = tokenizer.apply_chat_template([*messages, turn], tokenize=False)
        assert text.endswith("<|im_end|>\n")
        text = text[:-1]
    else:
        text = prompt + thinking + "\n</think>\n\n" + answer + tokenizer.eos_token
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def main():
    here = pathlib.Path(__file__).parent
    (here / "golden").mkdir(exist_ok=True)
    with open(here / "golden/chat.jsonl", "w", encoding="utf-8") as lines:
        for name in ["qwen3", "deepseek-r1-distill-qwen"]:
            tokenizer = load(pathlib.Path(sys.argv[1]) / name)
            for conversation in CONVERSATIONS:
                messages = [{"role": role, "content": content} for role, content in conversation]
                prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
                for thinking, answer in TRACES:
                    if name != "qwen3" and not thinking:
                        continue  # "\n" + "\n" is one token across the end of the prompt there: see the crate's tests
                    case = {
                        "tokenizer": name,
                        "messages": messages,
                        "trace": {"thinking": thinking, "answer": answer},
                        "prompt_ids": tokenizer(prompt, add_special_tokens=False)["input_ids"],
                        "example_ids": example_ids(tokenizer, name, messages, prompt, thinking, answer),
                    }
                    lines.write(json.dumps(case) + "\n")


main()
