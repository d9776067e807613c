"""Logs that we write for inspect_ai, read by inspect_ai 0.3.285.

    python tests/interop/inspect_logs.py FOLDER     (of the logs: a run's inspect/)

Alone it needs nothing but inspect_ai. Prints one line for each claim, PASS or FAIL with the largest deviation.
"""

import copy
import json
import math
import pathlib
import sys
import tempfile

from inspect_ai.log import (
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample_summaries,
    recompute_metrics,
    write_eval_log,
)

# Groups of metrics that only we compute; recomputing leaves them out.
OURS = {"interval_95", "unscored"}


def faults(info, log):
    """What is wrong with a log as a reader sees it, one a line."""
    header = read_eval_log(info, header_only=True)
    yield from ["the header has other results"] * (header.results != log.results)
    yield from ["summaries are missing"] * (len(read_eval_log_sample_summaries(info)) != len(log.samples))
    missing = 0
    for sample in log.samples:
        name = f"{sample.id}, epoch {sample.epoch}"
        if (sample.error is not None) != sample.output.empty:
            yield f"{name}: an error with an answer, or neither"
        elif not sample.output.empty and sample.messages[-1].text != sample.output.completion:
            yield f"{name}: the last message is not the answer"
        for scorer, score in sample.scores.items():
            unscored = isinstance(score.value, float) and math.isnan(score.value)
            missing += unscored
            if unscored != (score.reason is not None):
                yield f"{name}, {scorer}: a score with a reason why there is none, or neither"
    told = sum(m.value for score in log.results.scores for m in score.metrics.values() if m.group == "unscored")
    yield from [f"{missing} scores are missing, {told} are told of"] * (told != missing)


def metrics(results):
    """{(scorer, metric): value} of what both sides compute. A rate of nothing is NaN for them, and left out by us."""
    return {
        (score.name, name): metric.value
        for score in results.scores
        for name, metric in score.metrics.items()
        if metric.group not in OURS and not math.isnan(metric.value)
    }


def counts(results):
    scores = {score.name: (score.scored_samples, score.unscored_samples) for score in results.scores}
    return results.total_samples, results.completed_samples, scores


def recomputed(log):
    """The largest difference of a metric, and how many there are; what only one side has differs without bound."""
    again = copy.deepcopy(log)
    recompute_metrics(again)
    ours, theirs = metrics(log.results), metrics(again.results)
    if counts(log.results) != counts(again.results) or set(ours) != set(theirs):
        return math.inf, len(ours)
    return max((abs(ours[key] - theirs[key]) for key in ours), default=0.0), len(ours)


def text(part):
    """All fields as text, in which one NaN is like another: no NaN equals another, not even in a log read twice."""
    return json.dumps(part.model_dump(), default=str, sort_keys=True)


def rewritten(log):
    """How many samples differ, and whether anything else does, once inspect_ai has written the log as .eval and as .json."""
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        for ending in (".eval", ".json"):
            path = str(pathlib.Path(folder) / f"log{ending}")
            write_eval_log(log, path)
            again = read_eval_log(path)
            pairs = zip(log.samples, again.samples, strict=True)
            different += sum(text(ours) != text(theirs) for ours, theirs in pairs)
            different += text(log.model_copy(update={"samples": None})) != text(again.model_copy(update={"samples": None}))
    return different


def claims(folder):
    """(claim, deviation, what is allowed) of every log of a folder."""
    infos = list_eval_logs(str(folder))
    files = len(list(pathlib.Path(folder).iterdir()))
    yield f"inspect_ai lists each of {files} logs, others", abs(files - len(infos)) if files else math.inf, 0.0
    for info in infos:
        log = read_eval_log(info)
        found = list(faults(info, log))
        print(*found, sep="\n", end="\n" * bool(found))
        name = f"{log.eval.task}, {', '.join(log.eval.tags)}"
        yield f"inspect_ai reads the log of {name}: {len(log.samples)} samples, faults", len(found), 0.0
        largest, compared = recomputed(log)
        yield f"inspect_ai recomputes {compared} metrics of {name}", largest, 1e-12
        yield f"written by inspect_ai and read again, differences in {name}", rewritten(log), 0.0


def main():
    failed = 0
    for claim, largest, allowed in claims(sys.argv[1]):
        failed += largest > allowed
        print(f"{'PASS' if largest <= allowed else 'FAIL'} {claim}: {largest:.1e}, allowed {allowed:.0e}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
