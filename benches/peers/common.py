"""What the programs of this folder share: the loads of `benches/load.rs`, memory, medians, one JSON line a result."""

import argparse
import ctypes
import gc
import json
import math
import statistics
import time

import numpy
import torch
import transformers
from transformers import AutoModelForCausalLM

FIRST_WORD = 4
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def arguments(description):
    """What every program is told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="the checkpoint's folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=DTYPES, default="f32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repetitions", type=int, default=3)
    return parser


def load(options):
    torch.set_num_threads(options.threads)
    dtype = DTYPES[options.precision]
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=dtype, attn_implementation="sdpa")
    return model.to(options.device).eval()


def mix(keys):
    """Steele, Lea and Flood's SplitMix64 of an array of numbers."""
    with numpy.errstate(over="ignore"):
        z = keys + numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return z ^ (z >> numpy.uint64(31))


def keys(seed, sequence, positions):
    return numpy.uint64(seed << 40 | sequence << 24) | numpy.asarray(positions, dtype=numpy.uint64)


def ids(seed, sequence, length, vocab):
    words = numpy.uint64(vocab - FIRST_WORD)
    return (numpy.uint64(FIRST_WORD) + mix(keys(seed, sequence, range(length))) % words).astype(numpy.int64)


def even(seed, count, context, new, vocab):
    """Prompts of one length, as (ids, new tokens)."""
    return [(ids(seed, sequence, context, vocab), new) for sequence in range(count)]


def ragged(seed, count, longest, vocab):
    """Prompts and outputs of many lengths."""
    load = []
    for sequence in range(count):
        draws = mix(keys(seed, sequence, [(1 << 24) - 1 - which for which in range(3)]))
        first, second = (int(draw >> numpy.uint64(11)) / 2**53 for draw in draws[:2])
        normal = math.sqrt(-2 * math.log(1 - first)) * math.cos(math.tau * second)
        length = math.floor(math.exp(math.log(128) + 0.9 * normal) + 0.5)
        context = 16 + int(draws[2]) % 241
        load.append((ids(seed, sequence, context, vocab), min(max(length, 16), longest)))
    return load


def checksum(load):
    total = 0
    for tokens, new in load:
        positions = numpy.arange(1, len(tokens) + 1, dtype=numpy.int64)
        total = ((total + int((positions * tokens).sum())) * 31 + new) % 2**64
    return f"{total:016x}"


def reset_peak():
    """Gives back what nobody uses, so that it counts for nobody, and sets the peak back to what is resident."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_mib():
    with open("/proc/self/status") as file:
        field = next(line for line in file if line.startswith("VmHWM:"))
    return round(int(field.split()[1]) / 1024, 1)


def timed(compute, device):
    """The seconds that a computation takes, the device's work included."""
    start = time.perf_counter()
    result = compute()
    if device != "cpu":
        torch.cuda.synchronize(device)
    return result, time.perf_counter() - start


median = statistics.median


def emit(what, options, **fields):
    named = {"what": what, "engine": "transformers", "version": transformers.__version__, "torch": torch.__version__}
    named |= {"device": options.device, "precision": options.precision, "threads": options.threads}
    print(json.dumps(named | {"repetitions": options.repetitions} | fields), flush=True)
