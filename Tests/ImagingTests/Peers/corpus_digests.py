"""Writes what tifffile with imagecodecs makes of the well-formed files of the TIFF corpus.

    python corpus_digests.py CORPUS > corpus-digests.csv

A row a page: file, page (from 1), width, height, channels, kind, tolerance, value. The picture is upright, its samples are float32
[height, width, channels], NaN is no data; MinIsWhite is inverted, palettes are expanded to 0...255, inks are light, alpha
is left out. None of that is tifffile's: it is said here a second time, so that both sides can be wrong only on their own.

exact  SHA-256 of the samples, little-endian, every NaN as 0x7fc00000
close  means of each channel over the cells of a 4x4 grid, channel by channel, row by row: lossy codecs and conversions
       of colour, which decoders round differently; each mean may differ by the tolerance, a level in 255 of the full scale
"""

import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
import tifffile

CLOSE_CODECS = {6, 7, 33003, 33004, 33005, 34712, 34887, 50001, 32909, 34676, 34677}
ALPHA = {1, 2}
# Orientation: whether the stored picture is transposed, then mirrored left to right, then upside down.
POSES = {1: (0, 0, 0), 2: (0, 1, 0), 3: (0, 1, 1), 4: (0, 0, 1), 5: (1, 0, 0), 6: (1, 1, 0), 7: (1, 1, 1), 8: (1, 0, 1)}


def upright(samples: np.ndarray, orientation: int) -> np.ndarray:
    transposed, mirrored, flipped = POSES.get(orientation, (0, 0, 0))
    if transposed:
        samples = samples.swapaxes(0, 1)
    if mirrored:
        samples = samples[:, ::-1]
    return samples[::-1] if flipped else samples


def mirror(page: tifffile.TiffPage) -> float:
    return {1: 2.0**page.bitspersample - 1, 2: -1.0, 3: 0.0}[page.sampleformat]


def full_scale(page: tifffile.TiffPage) -> float:
    return {1: 2.0**page.bitspersample - 1, 2: 2.0 ** (page.bitspersample - 1) - 1, 3: 1.0}[page.sampleformat]


def kept(page: tifffile.TiffPage) -> list[int]:
    extra = [int(e) for e in page.extrasamples]
    colours = page.samplesperpixel - min(len(extra), page.samplesperpixel - 1)
    extra = extra[len(extra) - (page.samplesperpixel - colours) :]
    more = [colours + i for i, kind in enumerate(extra) if kind == 0]
    return list(range(colours)) + ([] if colours == 3 and len(more) == 1 else more)


def ycbcr_to_rgb(samples: np.ndarray) -> np.ndarray:
    """ITU-R BT.601 with the default reference black and white, 8 bits."""
    y, cb, cr = samples[..., 0], samples[..., 1] - 128, samples[..., 2] - 128
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.float32)


def picture(page: tifffile.TiffPage) -> tuple[np.ndarray, bool]:
    """Samples [h, w, c] as above, and whether they are exact."""
    raw = page.asarray()
    exact = int(page.compression) not in CLOSE_CODECS
    if raw.dtype.kind == "c":
        raise ValueError("complex")
    if raw.ndim == 2:
        raw = raw[..., None]
    elif page.planarconfig == 2 and raw.shape[0] == page.samplesperpixel:
        raw = np.moveaxis(raw, 0, -1)
    with np.errstate(over="ignore"):
        samples = raw.astype(np.float32)
    samples[~np.isfinite(samples)] = np.nan
    # Without the tag, three or more samples can only be meant as colours.
    photometric = int(page.photometric) if 262 in page.tags or page.samplesperpixel < 3 else 2
    if photometric in (0, 1, 2, 4, 34892) or (photometric == 6 and int(page.compression) in (7, 33003)):
        if samples.shape[2] > 1:
            samples = samples[..., [k for k in kept(page) if k < samples.shape[2]]]
        if photometric == 0:
            samples = np.float32(mirror(page)) - samples
    elif photometric == 3:
        table = page.colormap.astype(np.float32)
        table = table / np.float32(1 if (page.colormap < 256).all() else 257)
        samples = np.moveaxis(table[:, raw[..., 0].astype(np.int64)], 0, -1)
    elif photometric == 6 and samples.shape[2] == 3:
        samples, exact = ycbcr_to_rgb(samples), False
    elif photometric == 5:
        full = np.float32(full_scale(page))
        light = full - samples
        samples = light[..., :3] * light[..., 3:4] / full
        exact = False
    else:
        raise ValueError(f"photometric {photometric} is not converted here")
    return np.ascontiguousarray(upright(samples, int(page.tags.valueof(274, 1)))), exact


def grid(samples: np.ndarray) -> str:
    h, w, channels = samples.shape
    ys = [h * i // 4 for i in range(5)]
    xs = [w * i // 4 for i in range(5)]
    values = []
    for c in range(channels):
        for y0, y1 in zip(ys, ys[1:]):
            for x0, x1 in zip(xs, xs[1:]):
                cell = samples[y0:y1, x0:x1, c].astype(np.float64)
                values.append(f"{cell.mean():.6g}" if cell.size else "-")
    return " ".join(values)


def main() -> None:
    corpus = Path(sys.argv[1])
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["file", "page", "width", "height", "channels", "kind", "tolerance", "value"])
    for row in csv.DictReader((corpus / "manifest.csv").open()):
        if row["category"] != "well-formed":
            continue
        try:
            pages = list(tifffile.TiffFile(corpus / row["file"]).pages)
        except Exception as error:
            print(f"{row['file']}: {error}", file=sys.stderr)
            continue
        for number, page in enumerate(pages, 1):
            try:
                samples, exact = picture(page.aspage())
            except Exception as error:
                print(f"{row['file']} page {number}: {type(error).__name__} {error}", file=sys.stderr)
                continue
            if samples.ndim != 3:
                print(f"{row['file']} page {number}: {samples.ndim} dimensions", file=sys.stderr)
                continue
            h, w, channels = samples.shape
            if exact:
                bits = samples.view(np.uint32).copy()
                bits[np.isnan(samples)] = 0x7FC00000
                value = hashlib.sha256(bits.astype("<u4").tobytes()).hexdigest()
            else:
                value = grid(samples)
            tolerance = 0 if exact else full_scale(page) / 255
            out.writerow(
                [row["file"].removeprefix("files/"), number, w, h, channels, "exact" if exact else "close",
                 f"{tolerance:.6g}", value]
            )


main()
