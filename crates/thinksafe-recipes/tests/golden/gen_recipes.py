"""Writes recipes.json: five examples of each recipe, as the published descriptions have them, by hand and without this library.

Python 3 standard library only; checked with 3.11. Run in this folder: python3 gen_recipes.py

Sources: ThinkSafe (arXiv 2601.23143v4, section 4.1, Tables 4 and 5, Figures 4 and 7), SafeChain (2502.12025),
RealSafe-R1 (2504.10081), DirectRefusal (2503.00555), SafePath (2505.14667). The texts are harmless placeholders.
"""

import json
import re

LABELS = [
    "vanilla_harmful",
    "adversarial_harmful",
    "vanilla_benign",
    "adversarial_benign",
    "vanilla_harmful",
]
PROMPTS = [
    {"id": f"p{i}", "text": text, "label": label}
    for i, (text, label) in enumerate(
        zip(
            [
                "How is the thing done?",
                "In a play, how is the thing done?\nAnswer at once.",
                "What is 2 + 2?",
                "As a game: name a colour {prompt}.",
                "Ünïcode: how is the thing done? 🙂",
            ],
            LABELS,
        )
    )
]


def harmful(label):
    return label.endswith("_harmful")


TEMPLATES = {
    "thinksafe-paper": "The following prompt is harmful. You should refuse to answer the prompt.\n\nPrompt:{prompt}",
    "suffix": "{prompt}\n\nThe above prompt is harmful. You should refuse to answer the prompt.",
    "risk": "Evaluate the potential risks of this prompt and provide a reasoned refusal.\n\nPrompt:{prompt}",
    "intent": "Examine the harmful intent of this query and refuse to answer the prompt.\n\nPrompt:{prompt}",
}

REALSAFE = (
    "Given a query from the user, please try your best to answer it. During thinking about the question, remember to "
    "pay attention to the potential underlying risks concerning illegal or unethical issues. If they appear to be very "
    "apparent, clearly violating rules or legislation, you need to find them in thinking and come to a conclusion that "
    'you should explicitly refuse the query. Use words like "sorry" or "cannot assist with" to organize the answer, and '
    "make it a clear refusal. If the query does not implicate clear risk, strictly follow the user demand. "
    "QUERY: {query}"
)


def turn(thinking, answer):
    return f"<think>\n{thinking}\n</think>\n\n{answer}"


def lesson(prompt, text, learnt=None):
    """Text, label, and the learnt stretches of the turn in bytes; all of it unless told otherwise."""
    whole = [[0, len(text.encode())]]
    return {
        "id": prompt["id"],
        "instruction": prompt["text"],
        "turn": text,
        "label": prompt["label"],
        "learnt": whole if learnt is None else learnt,
    }


REFUSAL = turn("It would do harm, so I decline.", "I'm sorry, but I can't help with that.")
HELP = turn("Easy.", "Here it is.")
UNCLOSED = "<think>\nEasy."


def one_sample(template, steers):
    """One sample a prompt: p1's is unsafe, p3's never ends its thinking."""
    cases = []
    for i, prompt in enumerate(PROMPTS):
        text = REFUSAL if harmful(prompt["label"]) else HELP
        safe = True
        if i == 1:
            text, safe = HELP, False
        if i == 3:
            text = UNCLOSED
        asked = template.replace("{prompt}", prompt["text"], 1) if steers(prompt) else prompt["text"]
        kept = safe and "</think>" in text
        cases.append(
            {
                "prompt": prompt,
                "asked": asked,
                "samples": [{"turn": text, "safe": safe}],
                "lessons": [lesson(prompt, text)] if kept else [],
            }
        )
    return cases


def samples_of(prompt, pattern):
    """A letter a sample: s is safe, u unsafe, o never ends its thinking."""
    out = []
    for k, kind in enumerate(pattern):
        text = UNCLOSED if kind == "o" else turn(f"Thought {k}.", f"Answer {k} to {prompt['id']}.")
        out.append({"turn": text, "safe": kind != "u"})
    return out


def rejection_sampling():
    """The first safe sample of at most five; samples behind it are never asked for."""
    cases = []
    for prompt, pattern in zip(PROMPTS, ["s", "us", "uuous", "uuuuu", "os"]):
        samples = samples_of(prompt, pattern)
        kept = next((s["turn"] for s, kind in zip(samples, pattern) if kind == "s"), None)
        cases.append(
            {
                "prompt": prompt,
                "asked": prompt["text"],
                "samples": samples,
                "lessons": [lesson(prompt, kept)] if kept else [],
            }
        )
    return cases


def safechain():
    """One of five samples if all are safe; the lessons are those that may be the one."""
    cases = []
    for prompt, pattern in zip(PROMPTS, ["sssss", "ssssu", "sssss", "sosss", "sssss"]):
        samples = samples_of(prompt, pattern)
        all_safe = pattern == "sssss"
        cases.append(
            {
                "prompt": prompt,
                "asked": prompt["text"],
                "samples": samples,
                "lessons": [lesson(prompt, s["turn"]) for s in samples] if all_safe else [],
            }
        )
    return cases


def teacher_distillation():
    """Every prompt in RealSafe-R1's words; harmful ones are kept if the answer says no."""
    cases = []
    answers = [
        "Sorry, I cannot assist with this.",
        "Here is a poem about spring.",
        "4",
        "Here is a colour: red.",
        "I cannot assist with that request.",
    ]
    for prompt, answer in zip(PROMPTS, answers):
        text = turn("Let me look for risks.", answer)
        refuses = re.search(r"sorry|cannot assist with", answer, re.IGNORECASE)
        kept = bool(refuses) or not harmful(prompt["label"])
        cases.append(
            {
                "prompt": prompt,
                "asked": REALSAFE.replace("{query}", prompt["text"], 1),
                "samples": [{"turn": text, "safe": True}],
                "lessons": [lesson(prompt, text)] if kept else [],
            }
        )
    return cases


def direct_refusal():
    """The items of the published set are one text; the expression is that of ThinkSafe's port, with `.` for newlines too."""
    cases = []
    for i, text in enumerate(
        [
            "Question: How is the thing done? Answer: No, I will not say.",
            "Question:How is it done\nat night? Answer:I'm sorry, no.",
            "Question:   A thing?   Answer:   Not here.",
            "Question: Ünïcode? 🙂 Answer: Nein.",
            "Question: What is the Answer: it? Answer: No.",
        ]
    ):
        question, answer = re.search(r"Question:\s*(.+?)\s*Answer:\s*(.+)", text, re.DOTALL).groups()
        prompt = {"id": f"d{i}", "text": question, "label": "vanilla_harmful"}
        expected = turn("I should not answer this question!", answer)
        cases.append({"item": text, "lesson": lesson(prompt, expected)})
    return cases


def safepath():
    """The primer behind the opening mark is all that is learnt; harmful prompts alone."""
    cases = []
    primers = ["Let's think about safety first"] * 4 + ["Sécurité d'abord"]
    for prompt, primer in zip(PROMPTS, primers):
        if not harmful(prompt["label"]):
            cases.append({"prompt": prompt, "primer": primer, "lesson": None})
            continue
        start = len("<think>\n")
        learnt = [[start, start + len(primer.encode())]]
        text = f"<think>\n{primer}\n</think>\n\n"
        cases.append({"prompt": prompt, "primer": primer, "lesson": lesson(prompt, text, learnt)})
    return cases


def without_reasoning():
    """The thought of refusals is emptied; harmless examples stay."""
    cases = []
    for prompt in PROMPTS:
        answer = f"Answer to {prompt['id']}."
        thinking = f"Thought for {prompt['id']}."
        emptied = harmful(prompt["label"])
        text = f"<think>\n\n</think>\n\n{answer}" if emptied else turn(thinking, answer)
        cases.append(
            {
                "prompt": prompt,
                "thinking": thinking,
                "answer": answer,
                "lesson": lesson(prompt, text),
                "in_harmful_half": emptied,
            }
        )
    return cases


golden = {
    "generator": "gen_recipes.py",
    "thinksafe": {
        name: one_sample(text, lambda p: harmful(p["label"])) for name, text in TEMPLATES.items()
    },
    "rejection_sampling": rejection_sampling(),
    "safechain": safechain(),
    "teacher_distillation": teacher_distillation(),
    "direct_refusal": direct_refusal(),
    "safepath": safepath(),
    "without_reasoning": without_reasoning(),
}

with open("recipes.json", "w", encoding="utf-8") as file:
    json.dump(golden, file, ensure_ascii=False, indent=1)
    file.write("\n")
