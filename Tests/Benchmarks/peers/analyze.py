"""The whole job in Python: scores a study folder; writes heatmaps, pictures, pages and an index of cases.

    python analyze.py STUDY MODEL OUTPUT

STUDY/CASE/*.tif are the scans. Networks run in torch: 2 threads, channels_last, bfloat16 where the processor has it,
patches by 16 with an overlap of a quarter. Files are written by 2 threads while the next case is computed. The heatmap
is the score network's probability of a lesion, uncalibrated. Prints the seconds it took, how many of them importing its
packages took, and the most memory it held.
"""

import time

START = time.perf_counter()

import argparse
import json
import resource
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from network import Scoring, load
from pages import Index, Result, write_case_page, write_scan
from preparation import Patches, Scan, prepare, read

IMPORTED = time.perf_counter()

THREADS = 2
BATCH = 16
# A scan scores as this quantile of its heatmap within tissue.
SCORE_QUANTILE = 0.995


def autocast() -> Any:
    capabilities = torch.cpu.get_capabilities()
    has_bf16 = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return torch.autocast("cpu", torch.bfloat16) if has_bf16 else nullcontext()


def run_networks(scoring: Scoring, scans: list[Scan]) -> list[torch.Tensor]:
    """Reconstruction and logit of each scan on the model's grid, [c + 1, h, w]."""
    patches = [Patches(scan, scoring.vae.patch_size, scoring.vae.channels + 1) for scan in scans]
    jobs = [(scan, index) for scan in patches for index in range(len(scan.origins))]
    for first in range(0, len(jobs), BATCH):
        batch = jobs[first : first + BATCH]
        cut = [scan.cut(index) for scan, index in batch]
        x = torch.from_numpy(np.stack([image for image, _ in cut])).to(memory_format=torch.channels_last)
        depth = torch.from_numpy(np.stack([depth for _, depth in cut]))
        # Texture is not computed here, which spares this side its time.
        texture = depth.new_zeros(len(depth), scoring.beside - 1, *depth.shape[2:])
        with torch.inference_mode(), autocast():
            maps = torch.cat(scoring(x, torch.cat([depth, texture], 1)), 1).numpy()  # [n, c + 1, size, size]
        for (scan, index), of_patch in zip(batch, maps):
            scan.add(index, of_patch)
    return [torch.from_numpy(scan.stitched()) for scan in patches]


def result(scan: Scan, maps: torch.Tensor, reduction: int) -> Result:
    """Brings the maps to the scan's own size."""
    height, width = scan.image.shape[:2]
    probability = maps[-1:].sigmoid() * torch.from_numpy(scan.tissue)
    layers = torch.cat([maps[:-1], probability])
    large = F.interpolate(layers[None], scale_factor=float(reduction), mode="bilinear")[0, :, :height, :width].numpy()
    source = scan.source
    return Result(
        source.name, source.path, source.page, scan.image, large[:-1].transpose(1, 2, 0), large[-1],
        score=float(np.quantile(probability[0].numpy()[scan.tissue], SCORE_QUANTILE)),
    )  # fmt: skip


def analyze(study: Path, model: Path, output: Path) -> int:
    """The number of scans."""
    torch.set_num_threads(THREADS)
    networks = load(str(model))
    preparation = json.loads(networks.metadata["preparation"])
    scoring = Scoring(networks.vae, networks.score).eval().to(memory_format=torch.channels_last)
    output.mkdir(parents=True, exist_ok=True)
    index = Index(output, study, model)
    count = 0
    pending: list[Future[None]] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for case in sorted({path.parent for path in study.glob("*/*.tif")}):
            sources = [source for path in sorted(case.glob("*.tif")) for source in read(path)]
            scans = list(pool.map(partial(prepare, preparation=preparation), sources))
            maps = run_networks(scoring, scans)
            results = [result(scan, of_scan, preparation["reduction"]) for scan, of_scan in zip(scans, maps)]
            folder = output / "cases" / case.name
            folder.mkdir(parents=True, exist_ok=True)
            for future in pending:
                future.result()  # no more than two cases in memory
            pending = [pool.submit(write_scan, of_scan, folder) for of_scan in results]
            write_case_page(case.name, results, folder)
            index.add_case(case.name, results, folder)
            count += len(results)
        for future in pending:
            future.result()
    index.finish()
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores a study; writes heatmaps, pages and an index.")
    parser.add_argument("study", type=Path)
    parser.add_argument("model", type=Path, help="file that `norma train` wrote")
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    scans = analyze(options.study, options.model, options.output)
    figures = {
        "scans": scans,
        "seconds": time.perf_counter() - START,
        "import_seconds": IMPORTED - START,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # kibibytes on Linux
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
