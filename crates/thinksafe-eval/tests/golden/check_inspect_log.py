"""inspect_log.json, read by inspect_ai: header, summaries, samples, and the metrics computed again from the scores.

    python3 -m venv /tmp/inspect
    /tmp/inspect/bin/pip install inspect_ai==0.3.285
    /tmp/inspect/bin/python check_inspect_log.py

The file is a log of `InspectLog` with `null` for its NaNs. Prints the largest difference of a rate or a standard error.
"""

import copy
import math
import pathlib
import tempfile

from inspect_ai.log import list_eval_logs, read_eval_log, read_eval_log_sample_summaries, recompute_metrics

# What only we compute; recomputing leaves them out.
OURS = {"interval_95", "unscored"}


def values(results):
    """{(scorer, metric): value} of what both sides compute, and {scorer: (scored, unscored)}."""
    metrics = {
        (score.name, name): metric.value
        for score in results.scores
        for name, metric in score.metrics.items()
        if metric.group not in OURS
    }
    return metrics, {score.name: (score.scored_samples, score.unscored_samples) for score in results.scores}


def check_samples(log):
    """What a reader sees of the samples; returns how many scores are missing."""
    missing = 0
    for sample in log.samples:
        assert sample.input and sample.metadata["cluster"]
        assert (sample.error is not None) == sample.output.empty
        if not sample.output.empty:
            assert sample.messages[-1].text == sample.output.completion
            assert sample.output.stop_reason in ("stop", "max_tokens")
        for score in sample.scores.values():
            unscored = isinstance(score.value, float) and math.isnan(score.value)
            assert unscored == (score.reason is not None)
            missing += unscored
    told = [m.value for score in log.results.scores for m in score.metrics.values() if m.group == "unscored"]
    assert sum(told) == missing, (told, missing)
    return missing


def main():
    text = (pathlib.Path(__file__).parent / "inspect_log.json").read_text().replace("null", "NaN")
    with tempfile.TemporaryDirectory() as folder:
        # A list of logs has only files whose names begin with a time.
        (pathlib.Path(folder) / "2027-01-15T08-00-00-00-00_sums-2_x.json").write_text(text)
        (info,) = list_eval_logs(folder)
        log = read_eval_log(info)
        assert read_eval_log(info, header_only=True).results == log.results
        assert len(read_eval_log_sample_summaries(info)) == len(log.samples)
    again = copy.deepcopy(log)
    recompute_metrics(again)
    (ours, counts), (theirs, their_counts) = values(log.results), values(again.results)
    assert counts == their_counts and set(ours) == set(theirs), (counts, their_counts, ours, theirs)
    assert log.results.completed_samples == again.results.completed_samples
    largest = max(abs(value - theirs[key]) for key, value in ours.items())
    print(f"{len(log.samples)} samples, {check_samples(log)} scores missing; {len(ours)} metrics, largest difference {largest:.1e}")


if __name__ == "__main__":
    main()
