"""Compares every available scoring variant with what norma computed, one JSON line each.

    python check.py MODEL EXCHANGE

EXCHANGE is a safetensors file by norma, computed in float32: `input` and `reconstruction` [n, h, w, c], `depth` and
`logit` [n, h, w], and where the model has it `texture` [n, h, w, t]. A variant agrees where the reconstruction differs by no more than `bound`, and the logit by no more
than `bound` times the larger of 1 and norma's logit. The bound is 1e-3; variants in bfloat16 have a looser one of 5e-2,
and say so. Exit status 1 where a float32 variant disagrees.
"""

import argparse
import json
import sys

import numpy as np
from safetensors.numpy import load_file

from network import Networks, load
from scorers import VARIANTS, is_available, is_bf16, make_scorer

BOUND = 1e-3
LOOSER_BOUND = 5e-2


def largest_difference(networks: Networks, variant: str, exchange: dict[str, np.ndarray]) -> float:
    x = np.ascontiguousarray(exchange["input"].transpose(0, 3, 1, 2))  # [n, c, h, w]
    beside = [exchange["depth"][:, None]]  # [n, 1, h, w]
    if "texture" in exchange:
        beside.append(exchange["texture"].transpose(0, 3, 1, 2))
    depth = np.concatenate(beside, 1)
    scorer = make_scorer(networks, variant, batch=len(x), threads=1)
    reconstruction, logit = (np.asarray(result) for result in scorer.run(*scorer.prepare(x, depth)))
    expected = exchange["logit"]
    by_reconstruction = np.abs(reconstruction.transpose(0, 2, 3, 1) - exchange["reconstruction"])
    by_logit = np.abs(logit[:, 0] - expected) / np.maximum(1, np.abs(expected))
    return float(np.maximum(by_reconstruction.max(), by_logit.max()))  # NaN stays NaN


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares torch, ONNX Runtime and OpenVINO with norma.")
    parser.add_argument("model", help="file that `norma train` wrote")
    parser.add_argument("exchange", help="safetensors file of what norma computed with it")
    options = parser.parse_args()
    exchange = load_file(options.exchange)
    all_agree = True
    for variant in VARIANTS:
        if not is_available(variant):
            print(json.dumps({"variant": variant, "available": False}), flush=True)
            continue
        # Loaded anew: variants lay the weights out differently.
        difference = largest_difference(load(options.model), variant, exchange)
        bound = LOOSER_BOUND if is_bf16(variant) else BOUND
        agrees = difference <= bound
        all_agree = all_agree and (agrees or is_bf16(variant))
        result = {"variant": variant, "largest_difference": difference, "bound": bound, "agrees": agrees}
        print(json.dumps(result | ({"looser_bound_of_bf16": True} if is_bf16(variant) else {})), flush=True)
    sys.exit(0 if all_agree else 1)


if __name__ == "__main__":
    main()
