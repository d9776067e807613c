"""Writes strata.json: reference values of the statistics over strata, for crates/thinksafe-eval/tests/strata.rs.

    python3 -m venv /tmp/strata
    /tmp/strata/bin/pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
    /tmp/strata/bin/python crates/thinksafe-eval/tests/golden/gen_strata.py
"""

import itertools
import json
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

RANDOM = np.random.default_rng(20260514)


def mantel_haenszel():
    """Tables [first yes, first no, second yes, second no], of few large strata and of many small ones."""
    sets = [[[9, 21, 17, 4]]]
    for strata, size in [(3, 40), (24, 8), (200, 4), (60, 2)]:
        tables = []
        for _ in range(strata):
            first, second = RANDOM.integers(1, size + 1, 2)
            a = RANDOM.beta(0.6, 1.4)
            tilted = 6 * a / (1 + 5 * a)
            yes = [int(RANDOM.binomial(first, a)), int(RANDOM.binomial(second, tilted))]
            tables.append([yes[0], int(first) - yes[0], yes[1], int(second) - yes[1]])
        sets.append(tables)
    cases = []
    for tables in sets:
        stratified = StratifiedTable([np.array([[t[2], t[3]], [t[0], t[1]]], float) for t in tables])
        low, high = stratified.oddsratio_pooled_confint()
        cases.append({"tables": tables, "ratio": float(stratified.oddsratio_pooled), "low": float(low), "high": float(high)})
    return cases


def permutation():
    """One stratum by SciPy; several, which it does not know, by going through all arrangements."""
    cases = []
    for sizes in [[(3, 4)], [(2, 6)], [(5, 5)], [(2, 3), (3, 2)], [(1, 4), (2, 2), (3, 1)]]:
        strata = [
            [np.round(RANDOM.normal(0, 1, n), 6).tolist(), np.round(RANDOM.normal(0.8, 1.5, m), 6).tolist()] for n, m in sizes
        ]
        weights = [n * m / (n + m) for n, m in sizes]
        contrast = lambda first, second, w: w * (np.mean(second) - np.mean(first)) / sum(weights)
        difference = sum(contrast(*s, w) for s, w in zip(strata, weights))
        if len(strata) == 1:
            absolute = lambda first, second: abs(np.mean(second) - np.mean(first))
            data = tuple(map(np.array, strata[0]))
            p = stats.permutation_test(data, absolute, vectorized=False, n_resamples=np.inf, alternative="greater").pvalue
        else:
            sums = []
            for (first, second), w in zip(strata, weights):
                pool = np.array(first + second)
                chosen = (list(c) for c in itertools.combinations(range(len(pool)), len(second)))
                sums.append([contrast(np.delete(pool, c), pool[c], w) for c in chosen])
            totals = np.abs([sum(s) for s in itertools.product(*sums)])
            p = np.mean(totals >= abs(difference) - 1e-12)
        cases.append({"strata": strata, "difference": float(difference), "p": float(p)})
    return cases


def main():
    golden = {
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
        "mantel_haenszel": mantel_haenszel(),
        "permutation": permutation(),
    }
    path = Path(__file__).with_name("strata.json")
    lines = ",\n".join(f'"{name}": {json.dumps(value)}' for name, value in golden.items())
    path.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
