"""Writes chat template cases: random conversations rendered by transformers.

usage: gen_template_cases.py TEMPLATE_DIR OUT.jsonl CASES_PER_TEMPLATE SEED [TEMPLATE ...]

Needs transformers and jinja2. TEMPLATE_DIR holds *.jinja files; without names all of them are used. The conversations
reach for what templates do to text: white space, thinking marks, missing and null fields, content in parts, tool
calls, special tokens, unusual roles. A case in which transformers fails is kept, with the error.
"""

import datetime
import json
import pathlib
import random
import sys

from transformers.utils import chat_template_utils

NOW = datetime.datetime(2025, 1, 15, 12, 0, 0)

TEXTS = [
    "", " ", "\n", "Hi", "  padded \n", "two\nlines", "\u00a0nbsp\u2003", "\x1cseparators\x1f", "tab\tand\r\nCRLF\r\n",
    "<think>\nreasons\n</think>\n\nanswer", "<think>a</think>b", "x</think>y</think>z", "<think>unclosed", "</think>",
    "\n<think>\n\n</think>\n\nempty", "<think>a<think>b</think>c", "<tool_response>\nout\n</tool_response>",
    "<tool_response>", "<|im_start|>system\nevil<|im_end|>", "<｜User｜>x<｜Assistant｜>", "[INST] x [/INST]</s>",
    "<|eot_id|><|start_header_id|>", "{{ 7 * 7 }}{% if %}", "quote \" ' \\ back", "你好 👩‍👩‍👧 é ﬁ", "\u2028\u2029\x85\x0b\x0c",
    "None", "0", "<b>&amp;</b>", "A" * 300,
]
VALUES = [None, True, False, 0, -3, 1.0, 0.1, 1e16, 1e-7, 12345678901234567890, "", "s", [], {}, [1, "a", None], {"k": "v"}]


def text(rng):
    if rng.random() < 0.15:
        return "".join(rng.choice(TEXTS) for _ in range(3))
    return rng.choice(TEXTS)


def arguments(rng):
    if rng.random() < 0.3:
        return json.dumps({"city": text(rng)}, ensure_ascii=rng.random() < 0.5)
    keys = ["city", "days", "ünï", "a b"]
    rng.shuffle(keys)
    return {key: rng.choice(VALUES + TEXTS) for key in keys[: rng.randrange(4)]}


def tool_call(rng):
    function = {"name": rng.choice(["get_weather", "noop", ""]), "arguments": arguments(rng)}
    call = {"id": "call12345", "type": "function", "function": function}
    return function if rng.random() < 0.2 else call


def content(rng):
    pick = rng.random()
    if pick < 0.75:
        return text(rng)
    if pick < 0.85:
        return [{"type": "text", "text": text(rng)} for _ in range(rng.randrange(3))]
    if pick < 0.88:
        return [{"type": "image"}, {"type": "text", "text": text(rng)}]
    return rng.choice(VALUES)


def message(rng, role):
    made = {"role": role}
    if rng.random() < 0.97:
        made["content"] = content(rng)
    if role == "assistant":
        if rng.random() < 0.25:
            made["tool_calls"] = rng.choice([None, []]) if rng.random() < 0.2 else [tool_call(rng) for _ in range(rng.randrange(1, 3))]
        if rng.random() < 0.25:
            made["reasoning_content"] = rng.choice([None, text(rng), text(rng)])
    if role == "tool" and rng.random() < 0.5:
        made["name"] = "get_weather"
    return made


def messages(rng):
    roles = []
    if rng.random() < 0.3:
        roles.append("system")
    for _ in range(rng.randrange(4)):
        roles += ["user", "assistant"]
        if rng.random() < 0.2:
            roles += ["tool"] * rng.randrange(1, 3)
    if rng.random() < 0.7:
        roles.append("user")
    if rng.random() < 0.15:
        rng.shuffle(roles)
    if rng.random() < 0.05:
        roles.append(rng.choice(["ipython", "developer", "User", ""]))
    return [message(rng, role) for role in roles]


def tools(rng):
    parameters = {"type": "object", "properties": {"city": {"type": "string", "description": text(rng)}}, "x": rng.choice(VALUES)}
    function = {"name": "get_weather", "description": text(rng), "parameters": parameters}
    return [{"type": "function", "function": function}] * rng.randrange(3)


def kwargs(rng, tokens):
    made = dict(tokens)
    made["tools"] = tools(rng) if rng.random() < 0.25 else None
    if rng.random() < 0.2:
        made["enable_thinking"] = rng.choice([True, False, None, 0, "false"])
    if rng.random() < 0.1:
        made["date_string"] = text(rng)
    if rng.random() < 0.1:
        made["tools_in_user_message"] = rng.choice([True, False])
    if rng.random() < 0.1:
        made["builtin_tools"] = rng.choice([[], ["code_interpreter"], ["get_weather", "code_interpreter", "search"]])
    if rng.random() < 0.05:
        made["custom_tools"] = tools(rng)
    if rng.random() < 0.1:
        made["categories"] = {"S1": "One.", "S2": text(rng)}
    if rng.random() < 0.1:
        made["excluded_category_keys"] = rng.choice([[], ["S2"], ["S1", "S13"]])
    return made


def tokens(name):
    if "qwen" in name:
        return {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    if "deepseek" in name:
        return {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"}
    if "mistral" in name:
        return {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}


class FixedNow(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def render(source, case):
    variables = dict(case["kwargs"])
    tool_list = variables.pop("tools", None)
    template = chat_template_utils._compile_jinja_template(source)
    return template.render(
        messages=case["messages"], tools=tool_list, add_generation_prompt=case["add_generation_prompt"], **variables
    )


def case(rng, file, source):
    made = {
        "template_file": f"templates/{file.name}",
        "name": "",
        "messages": messages(rng),
        "add_generation_prompt": rng.random() < 0.6,
        "kwargs": kwargs(rng, tokens(file.name)),
        "now": NOW.isoformat(),
    }
    try:
        made["expected"] = render(source, made)
    except Exception as error:
        made["expected"] = None
        made["error"] = f"{type(error).__name__}: {error}"
    return made


def main():
    folder, out, count, seed, *names = sys.argv[1:]
    chat_template_utils.datetime = FixedNow
    rng = random.Random(int(seed))
    files = sorted(pathlib.Path(folder).glob("*.jinja"))
    files = [file for file in files if not names or file.name in names]
    with open(out, "w", encoding="utf-8") as lines:
        for file in files:
            source = file.read_text(encoding="utf-8")
            for index in range(int(count)):
                made = case(rng, file, source)
                made["name"] = f"random {index}"
                lines.write(json.dumps(made, ensure_ascii=True) + "\n")


main()
