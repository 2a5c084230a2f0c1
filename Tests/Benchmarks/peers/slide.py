"""Makes a pyramid of any size from a smaller slide: its tissue repeated over a disc that fills a quarter of the glass.

python3 slide.py SOURCE OUTPUT [--edge 45056] [--seed 0]
"""

import argparse

import numpy
import tifffile

TILE = 256
LEVELS = (1, 4, 16)
GLASS = 243


def reduced(picture, factor):
    height, width, channels = picture.shape
    blocks = picture.reshape(height // factor, factor, width // factor, factor, channels)
    return blocks.mean((1, 3)).astype(numpy.uint8)


def tiles(source, factor, edge, center, radius):
    picture = reduced(source, factor)
    height, width, _ = picture.shape
    ys, xs = numpy.mgrid[0:TILE, 0:TILE]
    glass = numpy.full((TILE, TILE, 3), GLASS, numpy.uint8)
    margin = TILE * factor
    for top in range(0, edge // factor, TILE):
        for left in range(0, edge // factor, TILE):
            middle = numpy.array([top, left]) * factor + margin / 2
            distance = numpy.hypot(*(middle - center))
            if distance > radius + margin:
                yield glass
                continue
            tile = picture[(top + ys) % height, (left + xs) % width]
            if distance > radius - margin:
                inside = numpy.hypot((top + ys) * factor - center[0], (left + xs) * factor - center[1]) < radius
                tile = numpy.where(inside[..., None], tile, GLASS)
            yield numpy.ascontiguousarray(tile.astype(numpy.uint8))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--edge", type=int, default=45056, help="a multiple of 4096")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = numpy.random.default_rng(options.seed)
    source = tifffile.imread(options.source, key=0)
    coarsest = LEVELS[-1]
    source = source[: source.shape[0] // coarsest * coarsest, : source.shape[1] // coarsest * coarsest]
    # Slides of one study are stained a little differently.
    source = numpy.clip(source * random.uniform(0.95, 1.03, 3), 0, 255)
    shift = random.integers(0, numpy.array(source.shape[:2]) // coarsest) * coarsest
    source = numpy.roll(source, shift, (0, 1)).astype(numpy.uint8)
    center = options.edge * random.uniform(0.42, 0.58, 2)
    radius = options.edge * 0.282
    with tifffile.TiffWriter(options.output, bigtiff=True) as writer:
        for level, factor in enumerate(LEVELS):
            edge = options.edge // factor
            writer.write(
                tiles(source, factor, options.edge, center, radius),
                shape=(edge, edge, 3), dtype=numpy.uint8, tile=(TILE, TILE), photometric="rgb", compression="jpeg",
                compressionargs={"level": 85}, subfiletype=1 if level else 0,
                resolution=(20000 / factor, 20000 / factor), resolutionunit="CENTIMETER")


main()
