"""The networks of a norma model file as torch modules.

`load` reads a file that `norma train` wrote: the architecture from its metadata, the weights under their names in the
file (those of the score network begin with "score."). Maps are [n, c, h, w] float32, nominally 0...1; the exchange with
norma, whose maps are [n, h, w, c], is `check.py`'s.
"""

import json
import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, gain: float = 1.4) -> nn.Conv2d:
    """Fresh weights are normal with deviation gain / sqrt(fan-in), biases zero."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs * kernel * kernel))
    nn.init.zeros_(layer.bias)
    return layer


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each pixel, eps 1e-5."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.conv = convolution(inputs, outputs, stride=stride)
        self.norm = ChannelNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.norm(self.conv(x)))


def upsample(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def space_to_depth(x: Tensor, b: int) -> Tensor:
    """[n, c, h, w] to [n, b * b * c, h / b, w / b]: block row first, then block column, then channel."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, b * b * c, h // b, w // b)


def depth_to_space(x: Tensor, b: int) -> Tensor:
    """The inverse of `space_to_depth`."""
    n, c, h, w = x.shape
    return x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


def add_encoders(network: nn.Module, inputs: int, widths: list[int]) -> None:
    """Adds encode0, encode1, ...; each but the first halves the maps."""
    for stage, width in enumerate(widths):
        before = inputs if stage == 0 else widths[stage - 1]
        blocks = nn.Sequential(Block(before, width, stride=1 if stage == 0 else 2), Block(width, width))
        network.add_module(f"encode{stage}", blocks)


class Decoder(nn.Module):
    """One stage of the VAE's decoder. `coarser` is the width of the stage before it, `None` at the coarsest."""

    def __init__(self, width: int, latent: int, coarser: int | None):
        super().__init__()
        self.enter = Block(coarser, width) if coarser is not None else None
        if latent > 0:
            self.posterior_encoder = convolution(width, 2 * latent, kernel=1, gain=0.5)
            if coarser is not None:
                self.posterior_decoder = convolution(width, 2 * latent, kernel=1, gain=0.5)
            self.expand = convolution(latent, width, kernel=1, gain=1)
        self.has_latent = latent > 0
        self.leave = Block(width, width)

    def forward(self, features: Tensor, coarser: Tensor | None, sampling: bool) -> tuple[Tensor, Tensor | None]:
        """
        features: of the encoder's same stage, [n, width, h, w]; coarser: what the stage before gave, half that size.
        Returns the stage's maps [n, width, h, w] and each latent value's divergence in nats, [n, latent, h, w].
        """
        state = self.enter(upsample(coarser)) if self.enter is not None and coarser is not None else None
        divergence = None
        if self.has_latent:
            statistics = self.posterior_encoder(features)
            if state is not None:
                statistics = statistics + self.posterior_decoder(state)
            mean, log_variance = statistics.float().chunk(2, dim=1)
            log_variance = log_variance.clamp(-10, 6)
            divergence = 0.5 * (mean * mean + log_variance.exp() - log_variance - 1)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean) if sampling else mean
            expanded = self.expand(z)
            state = expanded if state is None else expanded + state
        return self.leave(state), divergence


class Output(NamedTuple):
    reconstruction: Tensor  # [n, c, h, w]
    scales: Tensor | None  # [n, c, h, w], where the network predicts them
    divergences: list[Tensor | None]  # stage by stage, [n, latent, h, w] of that stage, nats


class VAE(nn.Module):
    def __init__(self, architecture: dict[str, Any]):
        super().__init__()
        self.channels: int = architecture["channels"]
        self.patch_size: int = architecture["patchSize"]
        self.block_size: int = architecture["blockSize"]
        self.widths: list[int] = architecture["widths"]
        self.is_probability = architecture.get("output", "intensity") == "probability"
        self.latents: list[int] = architecture["latents"]
        values = self.channels * self.block_size**2
        add_encoders(self, values, self.widths)
        for stage, (width, latent) in enumerate(zip(self.widths, self.latents)):
            coarser = self.widths[stage + 1] if stage + 1 < len(self.widths) else None
            self.add_module(f"decode{stage}", Decoder(width, latent, coarser))
        self.output = convolution(self.widths[0], values, kernel=1, gain=0.1)
        predicts_scales = architecture.get("predictsScales", False)
        self.output_scale = convolution(self.widths[0], values, kernel=1, gain=0.1) if predicts_scales else None

    def forward(self, x: Tensor, sampling: bool) -> Output:
        """x: [n, c, h, w]; sampling: whether latents are drawn, as in training, or their mean is taken."""
        features = [space_to_depth(x, self.block_size)]
        for stage in range(len(self.widths)):
            features.append(self.get_submodule(f"encode{stage}")(features[-1]))
        h: Tensor | None = None
        divergences: list[Tensor | None] = [None] * len(self.widths)
        for stage in reversed(range(len(self.widths))):
            h, divergences[stage] = self.get_submodule(f"decode{stage}")(features[stage + 1], h, sampling)
        reconstruction = depth_to_space(self.output(h).float(), self.block_size)
        if self.is_probability:
            reconstruction = reconstruction.sigmoid().clamp(1e-6, 1 - 1e-6)
        scales = None
        if self.output_scale is not None:
            raw = depth_to_space(self.output_scale(h).float(), self.block_size)
            scales = (-6 + 5.3 * raw.sigmoid()).exp()
        return Output(reconstruction, scales, divergences)


class ScoreNetwork(nn.Module):
    """A U-Net with sums in place of concatenations."""

    def __init__(self, architecture: dict[str, Any]):
        super().__init__()
        self.block_size: int = architecture["blockSize"]
        self.widths: list[int] = architecture["widths"]
        self.inputs: int = architecture["inputs"]
        add_encoders(self, self.inputs * self.block_size**2, self.widths)
        for stage, (width, coarser) in enumerate(zip(self.widths, self.widths[1:])):
            blocks = {"enter": Block(coarser, width), "leave": Block(width, width)}
            self.add_module(f"decode{stage}", nn.ModuleDict(blocks))
        self.output = convolution(self.widths[0], self.block_size**2, kernel=1, gain=0.1)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] to the log-odds of a lesion, [n, 1, h, w]."""
        features = [space_to_depth(x, self.block_size)]
        for stage in range(len(self.widths)):
            features.append(self.get_submodule(f"encode{stage}")(features[-1]))
        h = features[-1]
        for stage in reversed(range(len(self.widths) - 1)):
            enter, leave = (self.get_submodule(f"decode{stage}.{part}") for part in ("enter", "leave"))
            h = leave(enter(upsample(h)) + features[stage + 1])
        return depth_to_space(self.output(h).float(), self.block_size)


class Scoring(nn.Module):
    """What norma computes of one batch of patches: the VAE by its posteriors' means, then the score network."""

    def __init__(self, vae: VAE, score: ScoreNetwork):
        super().__init__()
        self.vae = vae
        self.score = score
        divergences = sum(latent > 0 for latent in vae.latents)
        # Channels of `beside`: depth, and where the model has it texture, which is computed elsewhere.
        self.beside = 1 + score.inputs - (2 * vae.channels + 1 + divergences)

    def forward(self, x: Tensor, beside: Tensor) -> tuple[Tensor, Tensor]:
        """
        x: normalized intensities without NaN, [n, c, h, w]; beside: depth below the tissue's surface in pixels, 0
        outside, then texture, [n, 1 + t, h, w]. Returns the reconstruction [n, c, h, w] and the logit [n, 1, h, w].
        """
        depth, texture = beside[:, :1], beside[:, 1:]
        reconstruction, _, divergences = self.vae(x, sampling=False)
        shown = [x, 4 * (x - reconstruction), (depth / 20).clamp(max=2)]
        for divergence in divergences:
            if divergence is not None:
                surprise = 0.25 * divergence.sum(1, keepdim=True).clamp(min=0).log1p()
                shown.append(F.interpolate(surprise, size=x.shape[2:], mode="nearest"))
        shown.append(0.25 * texture)
        return reconstruction, self.score(torch.where(depth > 0, torch.cat(shown, 1), 0.0))


class Networks(NamedTuple):
    vae: VAE
    score: ScoreNetwork
    metadata: dict[str, str]  # as in the file; most values are JSON


def load(path: str) -> Networks:
    """Raises where the file has no score network, or where its weights are not exactly those of its architecture."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}
    if "score_network" not in metadata:
        raise ValueError(f"{path} has no score network; train one with a learned score")
    vae = VAE(json.loads(metadata["architecture"]))
    score = ScoreNetwork(json.loads(metadata["score_network"]))
    vae.load_state_dict({name: w for name, w in weights.items() if not name.startswith("score.")})
    score.load_state_dict({name[6:]: w for name, w in weights.items() if name.startswith("score.")})
    return Networks(vae.eval(), score.eval(), metadata)
