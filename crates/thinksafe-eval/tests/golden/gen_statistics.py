"""Writes statistics.json: reference values for crates/thinksafe-eval/tests/statistics.rs.

    python3 -m venv /tmp/statistics
    /tmp/statistics/bin/pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 inspect_ai==0.3.285
    /tmp/statistics/bin/python crates/thinksafe-eval/tests/golden/gen_statistics.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from inspect_ai.scorer import SampleScore, Score, pass_at, stderr
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

RANDOM = np.random.default_rng(20260514)
BOOTSTRAP_RESAMPLES = 50_000


def wilson():
    cases = []
    for n in [1, 7, 30, 198, 250, 313, 602, 1319, 2000]:
        for hits in sorted({0, 1, n // 3, n - 1, n}):
            low, high = proportion_confint(hits, n, method="wilson")
            cases.append({"hits": hits, "n": n, "low": float(low), "high": float(high)})
    return cases


def sample(clusters, largest, degrees):
    """Observations of clusters of several sizes that have something in common."""
    names, values = [], []
    for cluster in range(clusters):
        chance = RANDOM.beta(0.8, 1.2)
        for _ in range(RANDOM.integers(1, largest + 1)):
            names.append(f"c{cluster}")
            values.append(float(round(RANDOM.beta(2, 3), 6)) if degrees else float(RANDOM.random() < chance))
    return names, values


def clustered():
    cases = []
    for clusters, largest, degrees in [(2, 3, False), (30, 8, False), (301, 2, False), (40, 5, True), (12, 1, True)]:
        names, values = sample(clusters, largest, degrees)
        scores = [
            SampleScore(score=Score(value=value), sample_id=str(i), sample_metadata={"cluster": name})
            for i, (name, value) in enumerate(zip(names, values))
        ]
        cases.append({"clusters": names, "values": values, "error": float(stderr(cluster="cluster")(scores))})
    return cases


def pass_at_k():
    cases = []
    for n in [1, 2, 8, 64, 1000]:
        for correct in sorted({0, 1, n // 2, n - 1, n}):
            for k in sorted({1, n // 3, n // 2, n} - {0}):
                scores = [Score(value=1.0 if i < correct else 0.0) for i in range(n)]
                value = pass_at(k)(scores).value
                cases.append({"samples": n, "correct": correct, "k": k, "value": float(value)})
    return cases


def exact_mcnemar():
    tables = [(1, 0), (5, 1), (10, 2), (0, 20), (60, 40), (190, 3), (13, 13), (700, 640)]
    return [
        {"rose": b, "fell": c, "p": float(mcnemar([[0, b], [c, 0]], exact=True).pvalue)} for b, c in tables
    ]


def paired_t():
    cases = []
    for n, shift in [(2, 0.1), (5, 0.0), (30, 0.05), (301, -0.02), (1319, 0.1)]:
        first = np.round(RANDOM.random(n), 6)
        second = np.round(np.clip(first + RANDOM.normal(shift, 0.2, n), 0, 1), 6)
        result = stats.ttest_rel(second, first)
        cases.append({"first": first.tolist(), "second": second.tolist(), "t": float(result.statistic), "p": float(result.pvalue)})
    return cases


def sign_flip():
    cases = []
    for n, shift in [(3, 0.4), (8, 0.0), (12, 0.15), (16, -0.2)]:
        differences = np.round(RANDOM.normal(shift, 0.4, n), 6)
        result = stats.permutation_test(
            (differences,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        )
        cases.append({"differences": differences.tolist(), "p": float(result.pvalue)})
    return cases


def drawn_sign_flip():
    differences = np.round(RANDOM.normal(0.05, 0.4, 200), 6)
    result = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=200_000, rng=RANDOM, alternative="two-sided"
    )
    return {"differences": differences.tolist(), "p": float(result.pvalue), "draws": 200_000}


def bootstrap():
    """Percentile intervals, clusters resampled whole, beside the standard deviation of the resampled means."""
    cases = []
    for clusters, largest, degrees in [(60, 1, False), (40, 6, False), (50, 4, True)]:
        names, values = sample(clusters, largest, degrees)
        groups = {}
        for name, value in zip(names, values):
            groups.setdefault(name, []).append(value)
        sums = np.array([sum(g) for g in groups.values()])
        counts = np.array([len(g) for g in groups.values()])
        mean = lambda s, c, axis=-1: s.sum(axis=axis) / c.sum(axis=axis)
        result = stats.bootstrap(
            (sums, counts), mean, paired=True, n_resamples=BOOTSTRAP_RESAMPLES, method="percentile", rng=RANDOM, batch=1000
        )
        low, high = result.confidence_interval
        cases.append(
            {
                "clusters": names,
                "values": values,
                "low": float(low),
                "high": float(high),
                "spread": float(result.standard_error),
                "resamples": BOOTSTRAP_RESAMPLES,
            }
        )
    return cases


def holm():
    families = [
        [0.03],
        [0.01, 0.04, 0.03, 0.005],
        [0.5, 0.5, 0.9, 1.0],
        [0.0, 1e-12, 0.049, 0.05, 0.05, 0.2],
        [round(0.7**k, 6) for k in range(25)],
    ]
    return [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in families]


def main():
    warnings.simplefilter("error", RuntimeWarning)
    golden = {
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__, "inspect_ai": "0.3.285"},
        "wilson": wilson(),
        "clustered": clustered(),
        "pass_at_k": pass_at_k(),
        "mcnemar": exact_mcnemar(),
        "paired_t": paired_t(),
        "sign_flip": sign_flip(),
        "drawn_sign_flip": drawn_sign_flip(),
        "bootstrap": bootstrap(),
        "holm": holm(),
    }
    path = Path(__file__).with_name("statistics.json")
    lines = ",\n".join(f'"{name}": {json.dumps(value)}' for name, value in golden.items())
    path.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
