"""Verdicts of SkyThought 0.1.0 itself on MATH-500's solutions and on perturbed answers.

    python3 -m venv /tmp/skythought
    /tmp/skythought/bin/pip install latex2sympy2==1.9.1 word2number==1.1 regex
    /tmp/skythought/bin/pip install --no-deps --ignore-requires-python skythought==0.1.0
    /tmp/skythought/bin/python skythought_verdicts.py MATH500.jsonl GSM8K.jsonl OUT

SkyThought's own requirements (vllm 0.7, Python below 3.11) serve generation; its grading needs the three packages above.
Writes OUT/{math,gsm8k,gpqa}.jsonl with `prediction`, `reference` and `expected`, and prints how many are right. The Rust side:

    cargo run --release -p thinksafe-math --example verdicts -- math < OUT/math.jsonl
"""

import importlib.util
import json
import random
import re
import signal
import sys
from pathlib import Path


def load_module():
    spec = importlib.util.find_spec("skythought")
    path = Path(list(spec.submodule_search_locations)[0]) / "evals/util/math_parsing_util.py"
    spec = importlib.util.spec_from_file_location("math_parsing_util", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sky = load_module()


def math(prediction, reference):
    """`MathTaskHandler.check_correctness`."""
    answer = sky.strip_answer_string(reference)
    found = sky.strip_answer_string(sky.extract_answer(prediction))
    return sky.math_equal(found, answer)


def gsm8k(prediction, reference):
    """`GSM8KTaskHandler.check_correctness`."""
    match = re.search(r"#### (\-?[0-9\.\,]+)", reference)
    truth = match.group(1).strip().replace(",", "") if match else "[invalid]"
    answer = sky.extract_answer(prediction)
    for pattern in (",", r"\$", r"\.$" r"\*"):
        answer = re.sub(pattern, "", answer)
    matches = re.findall(r"((-?[$0-9.,]{2,})|(-?[0-9]+))", answer)
    return (matches[-1][0].strip() if matches else "[invalid]") == truth


def gpqa(prediction, reference):
    """`GPQADiamondTaskHandler.check_correctness`."""
    return sky.get_multiple_choice_answer(prediction) == reference


def perturbed(answer, draw):
    """Answers that are the same, or nearly, or not."""
    yield answer.replace("\\frac", "\\dfrac")
    yield answer.replace(" ", "")
    yield "x=" + answer
    yield answer + "\\text{ units}"
    yield "-" + answer
    yield answer + "+1"
    yield f"2({answer})"
    yield answer.replace("(", "[").replace(")", "]")
    yield re.sub(r"\\frac\{(-?\d+)\}\{(\d+)\}", r"\1/\2", answer)
    yield re.sub(r"\d+", lambda m: str(int(m.group()) + 1), answer, count=1)
    yield re.sub(r"\d+", lambda m: str(int(m.group()) * 100), answer, count=1)
    yield re.sub(r"\d+", lambda m: m.group() + ".0", answer, count=1)
    yield re.sub(r"\d+", lambda m: m.group() + ".00001", answer, count=1)
    parts = answer.strip("()").split(",")
    draw.shuffle(parts)
    yield ",".join(parts)
    yield answer[:-1]
    yield answer[::-1]


class TooLong(Exception):
    pass


def within(seconds, check, *arguments):
    """The verdict, or None where the original takes too long."""
    def give_up(*_):
        raise TooLong

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        return bool(check(*arguments))
    except TooLong:
        return None
    finally:
        signal.alarm(0)


def write(path, check, pairs):
    kept = []
    for prediction, reference in pairs:
        expected = within(20, check, prediction, reference)
        if expected is not None:
            kept.append({"prediction": prediction, "reference": reference, "expected": expected})
    path.write_text("".join(json.dumps(row) + "\n" for row in kept))
    print(path.name, len(kept), "pairs,", sum(row["expected"] for row in kept), "right")


def main():
    math500, gsm, out = sys.argv[1:]
    draw = random.Random(0)
    read = lambda path: [json.loads(line) for line in open(path)]
    pairs = []
    for row in read(math500):
        pairs.append((row["solution"], row["answer"]))
        variants = [v for v in dict.fromkeys(perturbed(row["answer"], draw)) if v != row["answer"]]
        for variant in draw.sample(variants, min(4, len(variants))):
            pairs.append((f"The final answer is \\boxed{{{variant}}}.", row["answer"]))
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    write(out / "math.jsonl", math, pairs)
    pairs = []
    for row in read(gsm)[:500]:
        number = row["answer"].split("####")[1].strip()
        forms = [number, number + ".00", "$" + number, number + " dollars", f"\\boxed{{{number}}}", f"{int(number.replace(',', '')) + 1}"]
        pairs.append((row["answer"], row["answer"]))
        pairs.extend((f"The final answer is {form}.", row["answer"]) for form in draw.sample(forms, 3))
    write(out / "gsm8k.jsonl", gsm8k, pairs)
    forms = ["\\boxed{%s}", "The answer is (%s).", "%s", "So it is %s, a good choice.", "**%s**", "%s) because", "answer: %sx"]
    pairs = [(draw.choice(forms) % draw.choice("ABCDabcE"), draw.choice("ABCD")) for _ in range(500)]
    write(out / "gpqa.jsonl", gpqa, pairs)


main()
