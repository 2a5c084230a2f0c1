"""A study of names and files that nobody expects, made of another study's slices."""

import pathlib

import numpy
import tifffile

NAMES = [
    "<script>alert(1)<script>",
    "\" onmouseover=\"alert(1)",
    "it's & \"quoted\" <b>",
    "line\nbreak",
    "🧠 scan 👩‍⚕️",
    "x" * 200,
    "\u202egnp.fdp مرحبا",
    "100%25 #1? {{verdict}}",
]


# Where the slide's tissue is, in shares of its width and height.
TISSUE = (2212 / 4608, 2200 / 4608)


def make(folder, patients):
    """Writes the study; `patients` is a study of folders of slices of 128 pixels, 8 bits."""
    slices = [tifffile.imread(path) for path in sorted(pathlib.Path(patients).glob("*/*.tif"))]
    slices = [image for image in slices if image.shape == (128, 128) and image.dtype == numpy.uint8]
    folder = pathlib.Path(folder)
    for number, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        tifffile.imwrite(folder / name / "a scan.tif", slices[number])
    (folder / "broken").mkdir()
    (folder / "broken" / "cut.tif").write_bytes(b"II*\0\x08\0\0\0\xff\xff")

    # A stack of 16 bits with its pixel size, as ImageJ writes it.
    (folder / "stack").mkdir()
    stack = numpy.stack([numpy.kron(image, numpy.ones((2, 2))) for image in slices[:20]])
    tifffile.imwrite(
        folder / "stack" / "stack.tif", (stack * 200 + 3).astype(numpy.uint16), imagej=True, resolution=(1.5, 1.5),
        metadata={"unit": "mm", "axes": "ZYX"})

    # A slide: more pixels than are held whole, and little tissue.
    (folder / "slide").mkdir()
    slide = numpy.zeros((4608, 4608), numpy.uint8)
    slide[1800:2824, 1700:2724] = numpy.kron(slices[0], numpy.ones((8, 8), numpy.uint8))
    with tifffile.TiffWriter(folder / "slide" / "slide.tif") as file:
        options = {"tile": (256, 256), "compression": "deflate", "resolutionunit": "CENTIMETER"}
        file.write(slide, subifds=2, resolution=(20000, 20000), **options)
        for factor in (4, 16):
            small = slide.reshape(4608 // factor, factor, 4608 // factor, factor).mean(axis=(1, 3)).astype(numpy.uint8)
            file.write(small, subfiletype=1, resolution=(20000 / factor, 20000 / factor), **options)
