"""Recomputes the reference numbers of MetricsTests.swift and CalibrationTests.swift.

    python3 -m venv venv && venv/bin/pip install scikit-learn scipy
    venv/bin/python metrics.py

Made with scikit-learn 1.9.1 and scipy 1.17.1.
"""

import math

import numpy as np
from scipy.stats import norm
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score


def best_dice(truth, scores):
    """Dice is the F1 score of the pixels; its largest value over the thresholds that scikit-learn lists."""
    precision, recall, _ = precision_recall_curve(truth, scores)
    total = precision + recall
    return float(np.max(np.where(total > 0, 2 * precision * recall / np.where(total > 0, total, 1), 0)))


def show(name, truth, scores):
    print(
        f"{name}: positives {int(np.sum(truth))}, AP {average_precision_score(truth, scores)!r}, "
        f"AUROC {roc_auc_score(truth, scores)!r}, best Dice {best_dice(truth, scores)!r}"
    )


def fraction(x):
    return x - math.floor(x)


def pseudo_random(count, levels):
    """Scores in 0...1 and truths that are likelier where scores are high; `levels` makes ties."""
    u = [fraction(math.sin(i * 12.9898) * 43758.5453) for i in range(1, count + 1)]
    v = [fraction(math.sin(i * 78.233) * 43758.5453) for i in range(1, count + 1)]
    scores = [math.floor(x * levels) / levels for x in u]
    return [y < x**3 for x, y in zip(u, v)], np.array(scores, dtype=np.float32)


if __name__ == "__main__":
    scores = [0.9, 0.8, 0.8, 0.7, 0.7, 0.7, 0.5, 0.5, 0.2, 0.2, -0.1, -0.1]
    truth = [1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0]
    show("ties", truth, np.array(scores, dtype=np.float32))
    show("5000 scores, 16777216 levels", *pseudo_random(5000, 1 << 24))
    show("5000 scores, 64 levels", *pseudo_random(5000, 64))
    for p in [1e-300, 1e-16, 1e-9, 1e-5, 0.001, 0.02425, 0.1, 0.5, 0.6, 0.9, 0.975, 0.99, 0.99999, 1 - 2**-30, 1 - 2**-53]:
        print(f"norm.ppf({p!r}) = {float(norm.ppf(p))!r}")
