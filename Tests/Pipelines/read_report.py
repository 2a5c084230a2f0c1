"""Reads a report as the guide shows: the index with sqlite3, a heatmap with tifffile, what is declared with json."""

import json
import sqlite3
import sys
from pathlib import Path

import tifffile

report = Path(sys.argv[1])
index = sqlite3.connect(f"file:{report / 'cases.sqlite'}?mode=ro", uri=True)
rows = index.execute("SELECT name, score, p_value FROM case_overview ORDER BY score DESC").fetchall()
assert rows, "the index lists no cases"
path, peak = index.execute(
    "SELECT scans.heatmap_path, regions.peak FROM scans JOIN regions ON regions.scan_id = scans.id"
    " WHERE scans.heatmap_path IS NOT NULL ORDER BY regions.peak DESC LIMIT 1"
).fetchone()
heat = tifffile.imread(report / path)
assert heat.dtype == "float32" and heat.ndim == 2
# NaN is what was not scored.
hottest = heat[heat == heat].max()
assert hottest >= peak - 1e-3, f"the heatmap reaches {hottest}, its region {peak}"

crate = json.loads((report / "ro-crate-metadata.json").read_text())
runs = [entity for entity in crate["@graph"] if entity["@type"] == "CreateAction"]
assert runs and all("startTime" in run for run in runs)
print(f"{report}: {len(rows)} cases, {len(runs)} runs, hottest {hottest:.1f}")
