"""Throughput of math-verify and of this crate on the same 10,000 pairs, in processor seconds of one run.

    python3 -m venv /tmp/math-verify
    /tmp/math-verify/bin/pip install math-verify==0.9.0 'latex2sympy2_extended[antlr4_13_2]==1.11.0'
    cargo build --release -p thinksafe-math --example verdicts
    /tmp/math-verify/bin/python math_verify_speed.py MATH500.jsonl target/release/examples/verdicts

Pairs are MATH-500's solutions against its answers, and its answers in other spellings and slightly changed; each text is
searched and compared, as a benchmark does it. Processor time, so that a busy machine changes neither side; ours includes
reading the pairs.
"""

import json
import random
import re
import resource
import subprocess
import sys
import time

from math_verify import parse, verify

PAIRS = 10_000


def variants(answer):
    yield answer
    yield answer.replace("\\frac", "\\dfrac")
    yield "x = " + answer
    yield answer + "+1"
    yield "-" + answer
    yield re.sub(r"\d+", lambda m: str(int(m.group()) + 1), answer, count=1)
    yield re.sub(r"\\frac\{(-?\d+)\}\{(\d+)\}", r"\1/\2", answer)
    yield re.sub(r"\d+", lambda m: m.group() + ".0", answer, count=1)


def pairs(path):
    rows = [json.loads(line) for line in open(path)]
    draw = random.Random(0)
    found = [(row["solution"], f"${row['answer']}$") for row in rows]
    while len(found) < PAIRS:
        row = draw.choice(rows)
        variant = draw.choice(list(variants(row["answer"])))
        found.append((f"So the final answer is $\\boxed{{{variant}}}$.", f"${row['answer']}$"))
    return found


def main():
    math500, program = sys.argv[1:3]
    found = pairs(math500)
    lines = "".join(json.dumps({"prediction": p, "reference": r}) + "\n" for p, r in found)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run([program], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    verdicts = [word == "equal" for word in output.decode().split()]
    start = time.process_time()
    theirs_verdicts = [verify(parse(reference), parse(prediction)) for prediction, reference in found]
    theirs = time.process_time() - start
    same = sum(a == b for a, b in zip(verdicts, theirs_verdicts))
    print(f"{len(found)} pairs: math-verify {theirs:.2f} s, thinksafe-math {ours:.3f} s, {theirs / ours:.0f} times")
    print(f"the same verdict on {same}")
    for (prediction, reference), a, b in zip(found, verdicts, theirs_verdicts):
        if a != b and "--differences" in sys.argv:
            print(f"  ours {a}, theirs {b}: {prediction[-80:]!r} {reference!r}")


if __name__ == "__main__":
    main()
