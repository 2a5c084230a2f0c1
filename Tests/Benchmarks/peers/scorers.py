"""The ways to run the scoring networks of a model; `score.py` times them, `check.py` compares them with norma.

eager          torch as it comes
channels_last  maps and weights laid out [n, h, w, c]
bf16           the same under autocast to bfloat16
compile        channels_last through torch.compile with frozen weights
compile_bf16   bf16 likewise
onnxruntime    exported to ONNX, CPU execution provider
openvino       exported to ONNX, float32
openvino_bf16  exported to ONNX, bfloat16 where OpenVINO chooses it
"""

from collections.abc import Callable
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
import torch._inductor.config

from network import Networks, Scoring

VARIANTS = [
    "eager", "channels_last", "bf16", "compile", "compile_bf16", "onnxruntime", "openvino", "openvino_bf16",
]  # fmt: skip


class Scorer(NamedTuple):
    # Lays out a batch: intensities [n, c, h, w] and what lies beside them, see `Scoring.forward`, float32.
    prepare: Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]
    # Reconstruction [n, c, h, w] and logit [n, 1, h, w] of such a batch, valid until the next call.
    run: Callable[[Any, Any], tuple[Any, Any]]


def packages(variant: str) -> list[str]:
    """What a variant needs to be installed."""
    for runtime in ("onnxruntime", "openvino"):
        if variant.startswith(runtime):
            return ["torch", "numpy", "onnx", "onnxscript", runtime]
    return ["torch", "numpy"]


def is_available(variant: str) -> bool:
    return all(find_spec(name) for name in packages(variant))


def is_bf16(variant: str) -> bool:
    return variant.endswith("bf16")


def make_scorer(networks: Networks, variant: str, batch: int, threads: int) -> Scorer:
    torch.set_num_threads(threads)
    scoring = Scoring(networks.vae, networks.score).eval()
    if variant == "onnxruntime":
        return onnxruntime_scorer(export(scoring, batch), threads)
    if variant.startswith("openvino"):
        return openvino_scorer(export(scoring, batch), threads, "bf16" if is_bf16(variant) else "f32")
    return torch_scorer(scoring, variant)


def torch_scorer(scoring: Scoring, variant: str) -> Scorer:
    layout = torch.contiguous_format if variant == "eager" else torch.channels_last
    scoring = scoring.to(memory_format=layout)
    # Weights become constants, which oneDNN lays out once. As an option of torch.compile it would be set too late.
    torch._inductor.config.freezing = True
    model = torch.compile(scoring) if variant.startswith("compile") else scoring

    def prepare(x: np.ndarray, depth: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(x).to(memory_format=layout), torch.from_numpy(depth)

    def run(x: torch.Tensor, depth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16) if is_bf16(variant) else nullcontext():
            return model(x, depth)

    return Scorer(prepare, run)


def export(scoring: Scoring, batch: int) -> bytes:
    """The networks as an ONNX model of one batch size: inputs x and depth, outputs reconstruction and logit."""
    edge = scoring.vae.patch_size
    example = (torch.rand(batch, scoring.vae.channels, edge, edge), torch.rand(batch, scoring.beside, edge, edge))
    program = torch.onnx.export(
        scoring, example, dynamo=True, verbose=False,
        input_names=["x", "depth"], output_names=["reconstruction", "logit"],
    )  # fmt: skip
    assert program is not None
    return program.model_proto.SerializeToString()


def onnxruntime_scorer(model: bytes, threads: int) -> Scorer:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(x: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        reconstruction, logit = session.run(["reconstruction", "logit"], {"x": x, "depth": depth})
        return reconstruction, logit

    return Scorer(lambda x, depth: (x, depth), run)


def openvino_scorer(model: bytes, threads: int, precision: str) -> Scorer:
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",  # one stream that has all threads
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()

    def run(x: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        results = request.infer({"x": x, "depth": depth}, share_inputs=True, share_outputs=True)
        return results["reconstruction"], results["logit"]

    return Scorer(lambda x, depth: (x, depth), run)
