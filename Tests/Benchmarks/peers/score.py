"""Times the scoring of batches of patches: reconstruction and logit, by one of the variants of `scorers.py`.

Patches and depths are random; they lie in memory, laid out as the variant likes them, before the clock starts, so that
only the networks are timed. See `protocol.py` for how it is told to run.

    python score.py MODEL --variant channels_last --batch 16 --threads 2
"""

from itertools import cycle

import numpy as np

from network import Scoring, load
from protocol import arguments, serve
from scorers import VARIANTS, make_scorer, packages

BATCHES = 8


def main() -> None:
    options = arguments("Scores random patches.", VARIANTS)
    networks = load(options.model)
    scorer = make_scorer(networks, options.variant, options.batch, options.threads)
    random = np.random.default_rng(0)
    edge = networks.vae.patch_size
    beside = Scoring(networks.vae, networks.score).beside

    def batch() -> tuple[np.ndarray, np.ndarray]:
        x = random.random((options.batch, networks.vae.channels, edge, edge), np.float32)
        depth = random.uniform(-10, 50, (options.batch, 1, edge, edge)).astype(np.float32).clip(min=0)
        texture = random.normal(0, 1, (options.batch, beside - 1, edge, edge)).astype(np.float32)
        return scorer.prepare(x, np.concatenate([depth, texture], 1))

    batches = cycle([batch() for _ in range(BATCHES)])
    serve(options.variant, packages(options.variant), options.batch, lambda: scorer.run(*next(batches)))


if __name__ == "__main__":
    main()
