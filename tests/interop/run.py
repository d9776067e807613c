"""Our files and numbers against the Python libraries, in both directions.

Usage: python tests/interop/run.py --bin PATH     (PATH: the built `interop` program)
Needs what requirements.txt beside it names.

Prints one line for each claim, PASS or FAIL with the largest deviation, and exits non-zero if one fails.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parity" / "gen"))
sys.dont_write_bytecode = True

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import fifty_steps
import inspect_logs
import served
import sft
from common import GOLDEN, load, prompts, write_json
from fifty_steps import EVERY_PROJECTION, lora

TOLERANCE = 1e-4
SEED = 20_260
# Model case and our settings of its adapter; every architecture once, and every way to choose projections.
MODELS = {
    "qwen3-mqa-bias-untied": lora(4, 8, ["q_proj", "v_proj"], rslora=True),
    "qwen2-gqa-tied": lora(3, 16, EVERY_PROJECTION),
    "llama-gqa-llama3-tied": lora(2, 3, r"model\.layers\.\d+\.(self_attn\.o|mlp\.(up|down))_proj", exclude=r".*\.0\.mlp\..*"),
    "mistral-gqa-window": lora(5, 5, ["q_proj", "mlp.up_proj"], layers=[1], exclude=["1.self_attn.q_proj"]),
}


def peft_config(ours, **more):
    """PEFT's settings for ours."""
    targets = ours["targets"]
    return LoraConfig(
        r=ours["rank"],
        lora_alpha=ours["alpha"],
        use_rslora=ours["rslora"],
        target_modules=targets["modules"],
        exclude_modules=targets["exclude"],
        layers_to_transform=targets["layers"],
        task_type="CAUSAL_LM",
        **more,
    )


class Bench:
    """One model case in a scratch folder, our program, and what both sides are given."""

    def __init__(self, program, scratch, case):
        self.program, self.case = program, case
        self.base = GOLDEN / "models" / case
        self.folder = scratch / case
        self.folder.mkdir()
        self.lora = self.write("lora", MODELS[case])
        vocab = json.loads((self.base / "config.json").read_text())["vocab_size"]
        self.rows = prompts(SEED, vocab, (13, 5, 1))
        self.prompts = self.write("prompts", [r.tolist() for r in self.rows])
        self.settings = sft.SETTINGS | {"base": case}
        self.settings_file = self.write("settings", self.settings)
        examples = self.settings["steps"] * self.settings["batch"] * self.settings["accumulation"]
        self.examples = sft.examples(SEED, vocab, examples)
        self.data = self.write("data", self.examples)

    def write(self, name, value):
        path = self.folder / f"{name}.json"
        write_json(path, value)
        return path

    def ours(self, command, *arguments):
        subprocess.run([self.program, command, *map(str, arguments)], check=True)

    def our_logits(self, model, adapter=None):
        # A file of its own for each: stored tensors are mapped, not read, by `load_file`.
        out = self.folder / f"logits-{len(list(self.folder.glob('logits-*')))}.safetensors"
        more = [] if adapter is None else ["--adapter", adapter]
        self.ours("logits", "--model", model, "--prompts", self.prompts, "--out", out, *more)
        stored = load_file(out)
        return [stored[str(i)] for i in range(len(self.rows))]

    @torch.no_grad()
    def their_logits(self, model):
        return [model.eval()(row[None], use_cache=False).logits[0] for row in self.rows]

    def train(self):
        """Our run, from an adapter of ours; the folder of its results and the start."""
        start, out = self.folder / "start", self.folder / "trained"
        self.ours("attach", "--model", self.base, "--lora", self.lora, "--seed", SEED, "--out", start)
        files = ["--data", self.data, "--settings", self.settings_file]
        self.ours("train", "--model", self.base, "--adapter", start, *files, "--out", out)
        return start, out


def deviation(ours, theirs):
    return max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True))


def random_adapter(bench):
    """An adapter that PEFT makes and saves, both factors random."""
    torch.manual_seed(SEED)
    config = peft_config(MODELS[bench.case], lora_dropout=0.05, init_lora_weights=False)
    folder = bench.folder / "theirs"
    get_peft_model(load(bench.base), config).save_pretrained(folder)
    return folder


def claims(bench):
    """(claim, largest deviation) of one model case."""
    start, out = bench.train()
    base = bench.their_logits(load(bench.base))
    adapted = bench.our_logits(bench.base, out / "adapter")
    assert deviation(adapted, base) > 100 * TOLERANCE, "training changed nothing"
    peft = bench.their_logits(PeftModel.from_pretrained(load(bench.base), out / "adapter"))
    yield "peft loads our adapter and gives our logits", deviation(adapted, peft)

    merged = bench.our_logits(out / "merged")
    transformers = bench.their_logits(load(out / "merged"))
    yield "transformers loads our merged model and gives our logits", deviation(merged, transformers)
    yield "our merged model gives the logits of base and adapter", deviation(merged, adapted)

    folder = random_adapter(bench)
    theirs = bench.their_logits(PeftModel.from_pretrained(load(bench.base), folder))
    assert deviation(theirs, base) > 100 * TOLERANCE, "the adapter changes nothing"
    yield "we load an adapter that peft saved and give its logits", deviation(
        bench.our_logits(bench.base, folder), theirs
    )

    trl, _ = sft.train(bench.base, start, GOLDEN / "tokenizer", bench.examples, bench.settings)
    ours = json.loads((out / "history.json").read_text())
    relative = [abs(a["loss"] / b["loss"] - 1) for a, b in zip(ours, trl, strict=True)]
    yield f"{len(trl)} optimizer steps of trl give our losses (relative)", max(relative)


def lines(path):
    """The records of a log: all lines but the header."""
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def logged(folder):
    """{tag: [(step, value)]} of a run's logs; a rate is no function of the log, so its value is None."""
    scalars = {}
    names = {"loss": "loss", "lr": "learning_rate", "grad_norm": "grad_norm", "epoch": "epoch"}
    for log, of in (("train", "train"), ("evaluations", "eval")):
        for record in lines(folder / f"{log}.jsonl"):
            values = {names[key]: record[key] for key in names if key in record}
            values |= {term["loss"]: term["value"] for term in record["terms"]}
            if of == "train":
                values["tokens_per_second"] = None
            for name, value in values.items():
                scalars.setdefault(f"{of}/{name}", []).append((record["step"], value))
    return scalars


def watched(program, scratch):
    """(claim, largest deviation): what TensorBoard shows of a run that was broken off twice."""
    out = scratch / "watched"
    subprocess.run([program, "watch", "--model", GOLDEN / "models" / next(iter(MODELS)), "--out", out], check=True)
    board = EventAccumulator(str(out / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    files = sorted((out / "tensorboard").iterdir())
    assert len(files) == 3, files
    expected = logged(out)
    assert set(board.Tags()["scalars"]) == set(expected), board.Tags()["scalars"]
    largest = 0.0
    for tag, points in expected.items():
        found = [(e.step, e.value) for e in board.Scalars(tag)]
        assert [step for step, _ in found] == [step for step, _ in points], f"{tag}: {found}"
        for (_, ours), (_, theirs) in zip(points, found, strict=True):
            if ours is None:
                assert theirs > 0, f"{tag}: {found}"
            else:
                # Event files hold f32.
                largest = max(largest, abs(torch.tensor(ours).item() - theirs))
    steps = len(expected["train/loss"])
    yield f"tensorboard reads each of {steps} steps once, with the values of the log", largest


def every_claim(program, scratch):
    """(claim, largest deviation, what is allowed) of all models and runs."""
    for case in MODELS:
        for claim, largest in claims(Bench(program, scratch, case)):
            yield f"{case}: {claim}", largest, TOLERANCE

    def ours(command, *arguments):
        subprocess.run([program, command, *map(str, arguments)], check=True)

    folder = scratch / "fifty-steps"
    folder.mkdir()
    for claim, largest, allowed in fifty_steps.claims(ours, folder):
        yield f"fifty steps in {claim}", largest, allowed
    for claim, largest in watched(program, scratch):
        yield claim, largest, 0.0
    folder = scratch / "inspect"
    ours("inspect-logs", "--out", folder)
    for claim, largest, allowed in inspect_logs.claims(folder / "inspect"):
        yield claim, largest, allowed
    folder = scratch / "served"
    folder.mkdir()
    for claim, different in served.claims(ours, folder):
        yield claim, different, 0.0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="the built `interop` program")
    program = str(pathlib.Path(parser.parse_args().bin).resolve())
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for claim, largest, allowed in every_claim(program, pathlib.Path(scratch)):
            holds = largest <= allowed
            failed += not holds
            print(f"{'PASS' if holds else 'FAIL'} {claim}: {largest:.1e}, allowed {allowed:.0e}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
