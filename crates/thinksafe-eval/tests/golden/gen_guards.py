"""Writes guards.json beside this file: agreement, ROC, calibration and thresholds by the libraries that people use.

    python3 -m venv /tmp/golden-guards
    /tmp/golden-guards/bin/pip install scikit-learn==1.9.1 statsmodels==0.15.0 krippendorff==0.9.0
    /tmp/golden-guards/bin/python crates/thinksafe-eval/tests/golden/gen_guards.py
"""

import json
import pathlib

import krippendorff
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    brier_score_loss, cohen_kappa_score, confusion_matrix, f1_score, precision_score, recall_score, roc_auc_score,
    roc_curve,
)
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa


def agreement(rng, items, raters, values, missing):
    truth = rng.integers(values, size=items)
    noise = rng.integers(values, size=(items, raters))
    ratings = np.where(rng.random((items, raters)) < 0.7, truth[:, None], noise)
    absent = rng.random((items, raters)) < missing
    rows = [[None if gone else int(value) for value, gone in zip(*row)] for row in zip(ratings, absent)]
    whole = np.array([row for row in rows if None not in row])
    both = np.array([row[:2] for row in rows if None not in row[:2]])
    units = np.array([[np.nan if value is None else value for value in row] for row in rows]).T
    return {
        "ratings": rows,
        "cohen": float(cohen_kappa_score(both[:, 0], both[:, 1])),
        "fleiss": float(fleiss_kappa(aggregate_raters(whole)[0])),
        "krippendorff": float(krippendorff.alpha(reliability_data=units, level_of_measurement="nominal")),
    }


def ranking(rng, n, digits):
    truth = rng.random(n) < 0.3
    scores = np.clip(np.round(rng.beta(2, 3, size=n) + 0.35 * truth * rng.random(n), digits), 0, 1)
    fpr, tpr, thresholds = roc_curve(truth, scores, drop_intermediate=False)
    share, mean = calibration_curve(truth, scores, n_bins=10, strategy="uniform")
    place = np.searchsorted(np.linspace(0, 1, 11)[1:-1], scores)
    counts = np.bincount(place, minlength=10)
    counts = counts[counts > 0]
    return {
        "scored": [[float(score), bool(label)] for score, label in zip(scores, truth)],
        "auc": float(roc_auc_score(truth, scores)),
        "roc": [[float(x), float(y)] for x, y in zip(fpr, tpr)],
        "thresholds": [float(t) for t in thresholds[1:]],
        "bins": [[int(c), float(m), float(s)] for c, m, s in zip(counts, mean, share)],
        "ece": float(np.sum(counts / n * np.abs(share - mean))),
        "brier": float(brier_score_loss(truth, scores)),
        "sweep": [at(truth, scores, threshold) for threshold in (0.25, 0.5, 0.75)],
    }


def at(truth, scores, threshold):
    flagged = scores >= threshold
    tn, fp, fn, tp = (int(count) for count in confusion_matrix(truth, flagged).ravel())
    return {
        "threshold": threshold,
        "counts": [tp, fp, tn, fn],
        "precision": float(precision_score(truth, flagged)),
        "recall": float(recall_score(truth, flagged)),
        "f1": float(f1_score(truth, flagged)),
    }


def main():
    rng = np.random.default_rng(20261126)
    cases = {
        "agreement": [
            agreement(rng, 30, 2, 2, 0.0),
            agreement(rng, 40, 3, 2, 0.2),
            agreement(rng, 25, 5, 4, 0.1),
            agreement(rng, 60, 4, 3, 0.3),
        ],
        "ranking": [ranking(rng, 60, 1), ranking(rng, 80, 2), ranking(rng, 50, 6)],
    }
    path = pathlib.Path(__file__).with_name("guards.json")
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
