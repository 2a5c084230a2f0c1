"""Times training steps of norma's VAE: fresh weights, its default objective, its AdamW and its averaging.

Patches are random. They lie in memory as tensors, clean and corrupted, laid out as the variant likes them, before the
clock starts: only the network, its loss and its optimizer are timed. See `protocol.py` for how it is told to run.

    python train.py MODEL --variant compile_bf16 --batch 16 --threads 2

eager          torch as it comes
channels_last  maps and weights laid out [n, h, w, c]
bf16           the same, forwards under autocast to bfloat16
compile        channels_last, network and loss through torch.compile
compile_bf16   bf16 likewise
"""

import json
import math
from contextlib import nullcontext
from itertools import cycle

import numpy as np
import torch
from torch import Tensor, nn

from network import VAE, load
from protocol import arguments, serve

VARIANTS = ["eager", "channels_last", "bf16", "compile", "compile_bf16"]
BATCHES = 8

# The objective: denoising, Laplace likelihood, a spread a channel, every stage's divergence counts as it is.
WARM_UP_OF_DIVERGENCE = 300
FREE_NATS = 0.5
LARGEST_SPREAD = 0.04
# The optimizer.
LEARNING_RATE = 2e-3
WARM_UP_OF_RATE = 100
WEIGHT_DECAY = 1e-4
LARGEST_NORM = 1.0
AVERAGING = 0.998


def loss(
    vae: nn.Module, clean: Tensor, corrupted: Tensor, spread: Tensor, keep: Tensor, warmth: Tensor
) -> tuple[Tensor, Tensor]:
    """Nats a value, and the new spread.

    clean: [n, c, h, w], NaN is no data; corrupted: the same without NaN; spread: running mean absolute difference of
    each channel, [c], 0 before the first step; keep: its share that is kept; warmth: weight of the divergence, 0...1.
    """
    output = vae(corrupted, sampling=True)
    has_data = ~clean.isnan()
    difference = torch.where(has_data, output.reconstruction - clean, 0.0).abs()
    sums = difference.sum((0, 2, 3))  # [c]
    counts = has_data.sum((0, 2, 3))
    mean = sums.detach() / counts.clamp(min=1)
    now = mean.clamp(1e-3, LARGEST_SPREAD)
    moved = torch.where(spread == 0, now, keep * spread + (1 - keep) * now)
    spread = torch.where((counts > 0) & mean.isfinite(), moved, spread)
    b = spread.clamp(min=1e-3)
    nats = (counts * (2 * b).log() + sums / b).sum() / counts.sum().clamp(min=1)
    for divergence in output.divergences:
        if divergence is not None:
            channels = divergence.sum((0, 2, 3)) / len(clean)  # nats a patch
            charged = torch.where(channels > FREE_NATS, channels, channels.detach())
            nats = nats + warmth * charged.sum() / clean[0].numel()
    return nats, spread


class Trainer:
    def __init__(self, vae: VAE, variant: str):
        self.parameters: list[Tensor] = list(vae.parameters())
        groups = [
            {"params": [p for p in self.parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in self.parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, fused=True)
        self.averages = [p.detach().clone() for p in self.parameters]
        self.vae = vae
        self.is_bf16 = variant.endswith("bf16")
        self.loss = torch.compile(loss) if variant.startswith("compile") else loss
        self.spread = torch.zeros(vae.channels)
        self.step_count = 0

    def step(self, clean: Tensor, corrupted: Tensor) -> None:
        keep = torch.tensor(0.8 if self.step_count < 50 else 0.98)
        warmth = torch.tensor(min(1.0, (self.step_count + 1) / WARM_UP_OF_DIVERGENCE))
        with torch.autocast("cpu", torch.bfloat16) if self.is_bf16 else nullcontext():
            nats, self.spread = self.loss(self.vae, clean, corrupted, self.spread, keep, warmth)
        self.optimizer.zero_grad()
        nats.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, LARGEST_NORM)
        if not math.isfinite(nats.item()) or not math.isfinite(norm.item()):
            return
        # The cosine that follows norma's warm-up is left at its start: a benchmark has no end to fall towards.
        rate = LEARNING_RATE * min(1.0, (self.step_count + 1) / WARM_UP_OF_RATE) + 1e-6
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.step_count += 1
        kept = min(AVERAGING, (1 + self.step_count) / (10 + self.step_count))
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.parameters, 1 - kept)


def random_batch(random: np.random.Generator, shape: tuple[int, ...], layout: torch.memory_format) -> list[Tensor]:
    """Clean patches [n, c, h, w] in 0...1, and the same with noise in half of them."""
    clean = random.random(shape, np.float32)
    noise = random.normal(scale=0.15, size=shape).astype(np.float32)
    noise[::2] = 0
    return [torch.from_numpy(patches).to(memory_format=layout) for patches in (clean, clean + noise)]


def main() -> None:
    options = arguments("Trains on random patches.", VARIANTS)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    architecture = json.loads(load(options.model).metadata["architecture"])
    # The outputs that the default objective asks for.
    vae = VAE(architecture | {"output": "intensity", "predictsScales": False})
    layout = torch.contiguous_format if options.variant == "eager" else torch.channels_last
    trainer = Trainer(vae.to(memory_format=layout), options.variant)
    random = np.random.default_rng(0)
    shape = (options.batch, vae.channels, vae.patch_size, vae.patch_size)
    batches = cycle([random_batch(random, shape, layout) for _ in range(BATCHES)])
    serve(options.variant, ["torch", "numpy"], options.batch, lambda: trainer.step(*next(batches)))


if __name__ == "__main__":
    main()
