"""What `analyze.py` writes: pictures and a heatmap of each scan, a page of each case and of the study, and an index."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

SCHEMA = """
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, started_at TEXT NOT NULL, finished_at TEXT, model TEXT NOT NULL, study TEXT NOT NULL
);
CREATE TABLE cases (
  id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs (id), name TEXT NOT NULL UNIQUE, score REAL NOT NULL,
  scan_count INTEGER NOT NULL, report_path TEXT NOT NULL
);
CREATE INDEX cases_by_score ON cases (score DESC, name);
CREATE TABLE scans (
  id INTEGER PRIMARY KEY, case_id INTEGER NOT NULL REFERENCES cases (id), name TEXT NOT NULL, path TEXT NOT NULL,
  page INTEGER, width INTEGER NOT NULL, height INTEGER NOT NULL, channels INTEGER NOT NULL, score REAL NOT NULL,
  heatmap_path TEXT NOT NULL, UNIQUE (case_id, name)
);
"""

STYLE = (
    "body{font:15px sans-serif;max-width:72rem;margin:2rem auto}figure{display:inline-block;margin:.5rem}"
    "img{max-width:22rem}td,th{padding:.2rem .8rem;text-align:left}"
)

# Magma at nine places, interpolated to 256 colours.
ANCHORS = [
    (0, 0, 4), (28, 16, 68), (79, 18, 123), (129, 37, 129), (181, 54, 122), (229, 80, 100), (251, 135, 97),
    (254, 194, 135), (252, 253, 191),
]  # fmt: skip
COLORS = np.stack([np.interp(np.linspace(0, 8, 256), range(9), column) for column in zip(*ANCHORS)], -1)
HEAT_ALPHA = 0.75
LEAST_HEAT = 0.25


@dataclass
class Result:
    """What is found of a scan; all maps have the scan's own size."""

    name: str
    path: Path
    page: int | None
    image: np.ndarray  # [h, w, c], nominally 0...1
    reconstruction: np.ndarray  # [h, w, c]
    heatmap: np.ndarray  # [h, w], probability of a lesion
    score: float


def picture(image: np.ndarray) -> Image.Image:
    """[h, w, c] as colours where there are three channels, else as their mean."""
    shown = image if image.shape[-1] == 3 else image.mean(-1)
    return Image.fromarray((shown.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def overlay(image: np.ndarray, heatmap: np.ndarray) -> Image.Image:
    """The heatmap in colours over the gray scan, clear where little is abnormal."""
    gray = image.mean(-1, keepdims=True).clip(0, 1) * 255
    colors = COLORS.astype(np.float32)[(heatmap * 255).astype(np.uint8)]
    alpha = np.where(heatmap >= LEAST_HEAT, np.float32(HEAT_ALPHA), np.float32(0))[..., None]
    return Image.fromarray((gray * (1 - alpha) + colors * alpha + 0.5).astype(np.uint8))


def write_scan(result: Result, folder: Path) -> None:
    tifffile.imwrite(folder / f"{result.name}.heatmap.tif", result.heatmap, compression="zlib", predictor=True)
    picture(result.image).save(folder / f"{result.name}.scan.png")
    picture(result.reconstruction).save(folder / f"{result.name}.reconstruction.png")
    overlay(result.image, result.heatmap).save(folder / f"{result.name}.overlay.png")


def page(title: str, body: str) -> str:
    heading = escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{heading}</title><style>{STYLE}</style>'
        f"<h1>{heading}</h1>{body}</html>\n"
    )


def write_case_page(case: str, results: Sequence[Result], folder: Path) -> None:
    parts = []
    for result in results:
        name = escape(result.name)
        figures = "".join(
            f'<figure><img src="{name}.{kind}.png" alt="{kind}"><figcaption>{kind}</figcaption></figure>'
            for kind in ("scan", "reconstruction", "overlay")
        )
        heatmap = f'<a href="{name}.heatmap.tif">heatmap</a>'
        parts.append(f"<h2>{name}</h2><p>score {result.score:.4f}, {heatmap}</p>{figures}")
    (folder / "index.html").write_text(page(case, "".join(parts)))


class Index:
    """`cases.sqlite` and the study's page that is made of it."""

    def __init__(self, output: Path, study: Path, model: Path):
        self.output = output
        self.study = study
        path = output / "cases.sqlite"
        path.unlink(missing_ok=True)
        self.database = sqlite3.connect(path)
        self.database.executescript(SCHEMA)
        run = self.database.execute(
            "INSERT INTO runs (started_at, model, study) VALUES (datetime('now'), ?, ?)", (str(model), str(study))
        )
        self.run = run.lastrowid
        self.database.commit()

    def add_case(self, case: str, results: Sequence[Result], folder: Path) -> None:
        report = folder.relative_to(self.output)
        rows = [
            (r.name, str(r.path), r.page, *r.image.shape, r.score, str(report / f"{r.name}.heatmap.tif"))
            for r in results
        ]
        score = max(result.score for result in results)
        with self.database:
            added = self.database.execute(
                "INSERT INTO cases (run_id, name, score, scan_count, report_path) VALUES (?, ?, ?, ?, ?)",
                (self.run, case, score, len(results), str(report / "index.html")),
            )
            self.database.executemany(
                "INSERT INTO scans (case_id, name, path, page, height, width, channels, score, heatmap_path)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(added.lastrowid, *row) for row in rows],
            )

    def finish(self) -> None:
        with self.database:
            self.database.execute("UPDATE runs SET finished_at = datetime('now') WHERE id = ?", (self.run,))
        rows = "".join(
            f'<tr><td><a href="{escape(path)}">{escape(name)}</a><td>{score:.4f}<td>{count}'
            for name, score, count, path in self.database.execute(
                "SELECT name, score, scan_count, report_path FROM cases ORDER BY score DESC, name"
            )
        )
        table = f"<table><tr><th>case<th>score<th>scans{rows}</table>"
        (self.output / "index.html").write_text(page(self.study.name, table))
        self.database.close()
