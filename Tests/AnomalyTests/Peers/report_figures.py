"""Figures of a report from its index and heatmaps alone, by scikit-learn: what `norma evaluate` must agree with.

python report_figures.py REPORT MASKS     needs numpy, scikit-learn, tifffile, imagecodecs
Masks lie at MASKS/CASE/SCAN_mask.tif for STUDY/CASE/SCAN.tif; scans without one count as free of lesions.
"""
import os
import sqlite3
import sys

import numpy as np
import tifffile
from sklearn.metrics import average_precision_score, roc_auc_score


def best_dice(score, truth):
    hits = np.cumsum(truth[np.argsort(-score, kind="stable")])
    return (2 * hits / (np.arange(1, len(hits) + 1) + truth.sum())).max()


report, masks = sys.argv[1:3]
heat, truth, scores = [], [], []
index = sqlite3.connect(f"file:{report}/cases.sqlite?mode=ro", uri=True)
for path, heatmap, score in index.execute("SELECT path, heatmap_path, score FROM scans WHERE status = 'done'"):
    values = tifffile.imread(f"{report}/{heatmap}")
    mask = f"{masks}/{os.path.splitext(path)[0]}_mask.tif"
    heat.append(values.ravel())
    truth.append((tifffile.imread(mask) > 127).ravel() if os.path.exists(mask) else np.zeros(values.size, bool))
    scores.append(score)
ill = [i for i, t in enumerate(truth) if t.any()]
every_score, every_truth = np.concatenate(heat), np.concatenate(truth)
has = np.array([t.any() for t in truth])
for name, value in [
    ("pixel average precision", average_precision_score(every_truth, every_score)),
    ("best Dice", best_dice(every_score, every_truth)),
    ("pixel AUROC", roc_auc_score(every_truth, every_score)),
    ("AP within lesion scans", average_precision_score(
        np.concatenate([truth[i] for i in ill]), np.concatenate([heat[i] for i in ill]))),
    ("scan AUROC", roc_auc_score(has, scores)),
    ("scan average precision", average_precision_score(has, scores)),
]:
    print(f"{name:24} {value:.4f}")
