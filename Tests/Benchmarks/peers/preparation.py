"""Scans on a model's grid, and the patches they are cut into.

Maps are [h, w, c] float32. Scans are taken to have no missing values, and each is normalized by itself.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy import ndimage

OVERLAP = 0.25


@dataclass
class Source:
    """A page of a file as it was read."""

    name: str
    path: Path
    page: int | None  # None where the file has no other
    samples: np.ndarray  # [h, w, c], in the file's units


@dataclass
class Scan:
    source: Source
    image: np.ndarray  # [h, w, c], the scan's own size, normalized
    grid: np.ndarray  # [h / reduction, w / reduction, c], rounded up, normalized
    tissue: np.ndarray  # of the grid, bool
    depth: np.ndarray  # of the grid: distance below the tissue's surface in pixels, 0 outside


def read(path: Path) -> list[Source]:
    """Every page of a TIFF file."""
    sources = []
    with tifffile.TiffFile(path) as file:
        for number, page in enumerate(file.pages, 1):
            samples = page.asarray().astype(np.float32)
            if samples.ndim == 2:
                samples = samples[..., None]
            elif page.keyframe.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
                samples = samples.transpose(1, 2, 0)
            stacked = len(file.pages) > 1
            name = f"{path.stem}-p{number:03}" if stacked else path.stem
            sources.append(Source(name, path, number if stacked else None, samples))
    return sources


def reduced(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of boxes of factor x factor pixels; boxes past the edge repeat it."""
    h, w, c = image.shape
    padded = np.pad(image, ((0, -h % factor), (0, -w % factor), (0, 0)), mode="edge")
    return padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor, c).mean((1, 3))


def otsu(values: np.ndarray) -> float:
    """The threshold that divides values with the largest variance between the two classes."""
    counts, edges = np.histogram(values, 256)
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sum_below = np.cumsum(counts * centers)
    means = sum_below / np.maximum(below, 1), (sum_below[-1] - sum_below) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (means[0] - means[1]) ** 2)])


def tissue_mask(image: np.ndarray) -> np.ndarray:
    """[h, w, c] in the file's units to bool [h, w]: what is bright in any channel, without specks and holes."""
    bright = (image / np.maximum(np.percentile(image, 99, axis=(0, 1)), 1e-6)).max(-1)
    smooth = ndimage.gaussian_filter(bright, 1)
    mask = ndimage.binary_fill_holes(ndimage.binary_opening(smooth > otsu(smooth), np.ones((3, 3))))
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    mask = (sizes >= max(sizes.max() / 100, 1))[labels]
    return mask if mask.any() else np.ones_like(mask)


def prepare(source: Source, preparation: dict[str, Any]) -> Scan:
    """Reduces a scan, finds its tissue, and puts that tissue's median at 0.5 and its robust deviation at 0.12.

    preparation: the model's metadata of that name.
    """
    small = reduced(source.samples, preparation["reduction"])
    tissue = tissue_mask(small[..., preparation.get("tissueChannels") or slice(None)])
    values = small[tissue]  # [pixels, c]
    median = np.median(values, axis=0)
    deviation = 1.4826 * np.median(np.abs(values - median), axis=0)
    scale = np.maximum(np.maximum(deviation, 0.03 * np.percentile(small, 99, axis=(0, 1))), 1e-6) / 0.12

    def normalized(image: np.ndarray) -> np.ndarray:
        return np.clip((image - median) / scale + 0.5, 0, 1.5).astype(np.float32)

    # Tissue goes on beyond the picture's border; without any other edge it is as deep as the picture is large.
    depth = np.full(tissue.shape, sum(tissue.shape)) if tissue.all() else ndimage.distance_transform_edt(tissue)
    return Scan(source, normalized(source.samples), normalized(small), tissue, depth.astype(np.float32))


class Patches:
    """Cuts a scan's grid into overlapping patches and stitches maps of them, blended by a raised cosine."""

    def __init__(self, scan: Scan, size: int, channels: int):
        """channels: of the maps that are stitched."""
        h, w = scan.tissue.shape
        margins = (0, max(0, size - h)), (0, max(0, size - w))
        self.image = np.pad(scan.grid, (*margins, (0, 0)), mode="reflect").transpose(2, 0, 1)
        self.depth = np.pad(scan.depth, margins, mode="reflect")[None]
        self.size = size
        self.shape = h, w
        height, width = self.depth.shape[1:]
        self.origins = [(y, x) for y in starts(height, size) for x in starts(width, size)]
        wave = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size) + 1e-3
        self.window = np.outer(wave, wave).astype(np.float32)
        self.sums = np.zeros((channels, height, width), np.float32)
        self.weights = np.zeros((height, width), np.float32)

    def cut(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Intensities [c, size, size] and depth [1, size, size]."""
        y, x = self.origins[index]
        place = np.s_[:, y : y + self.size, x : x + self.size]
        return self.image[place], self.depth[place]

    def add(self, index: int, maps: np.ndarray) -> None:
        """maps: [channels, size, size]."""
        y, x = self.origins[index]
        place = np.s_[..., y : y + self.size, x : x + self.size]
        self.sums[place] += self.window * maps
        self.weights[place] += self.window

    def stitched(self) -> np.ndarray:
        """[channels, h, w] of the grid."""
        h, w = self.shape
        return (self.sums / self.weights)[:, :h, :w]


def starts(length: int, size: int) -> list[int]:
    """Where patches begin along an edge; the last is shifted back to end at the border."""
    step = size - int(size * OVERLAP)
    return [*range(0, length - size, step), length - size]
