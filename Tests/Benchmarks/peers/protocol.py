"""How a peer and the benchmark that times it talk, line by line: over stdin and stdout, so that peers take turns.

The peer warms up and prints {"ready": true, "variant": ..., "versions": {...}}. For each line `run N` that it reads, it
takes N steps and prints {"seconds": s, "patches": n}. It ends with its input.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version

WARM_UP_STEPS = 3


def arguments(description: str, variants: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", help="file that `norma train` wrote")
    parser.add_argument("--variant", choices=variants, required=True)
    parser.add_argument("--batch", type=int, required=True, help="patches a step")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def serve(variant: str, packages: Sequence[str], batch: int, step: Callable[[], object]) -> None:
    """step: works on one batch of patches, and has done so when it returns."""
    for _ in range(WARM_UP_STEPS):
        step()
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    print(json.dumps({"ready": True, "variant": variant, "versions": versions}), flush=True)
    for line in sys.stdin:
        match line.split():
            case ["run", count] if count.isdecimal():
                start = time.perf_counter()
                for _ in range(int(count)):
                    step()
                seconds = time.perf_counter() - start
                print(json.dumps({"seconds": seconds, "patches": int(count) * batch}), flush=True)
            case _:
                sys.exit(f"not understood: {line!r}; `run N` is expected")
