"""Decodes every page of TIFF files with tifffile and imagecodecs and takes minimum, maximum and mean of each channel.

    python decode.py FILE...
"""

import sys

import numpy as np
import tifffile

for path in sys.argv[1:]:
    with tifffile.TiffFile(path) as file:
        for page in file.pages:
            samples = page.aspage().asarray()
            axes = tuple(range(2)) if samples.ndim > 2 and page.planarconfig == 1 else None
            low, high, mean = samples.min(axis=axes), samples.max(axis=axes), samples.mean(axis=axes)
            print(path, page.index, np.atleast_1d(low), np.atleast_1d(high), np.atleast_1d(mean))
