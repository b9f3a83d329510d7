"""A part as numbers that its latency grows with, whatever its width and resolution.

What a processor does in a part is arithmetic, and moving activations and weights: multiply-
accumulates of each kind of sub-layer, the values of the four activations, and the weights. Stride,
expansion, widths and resolution act through them, so that a shape that was never measured is
between or beside those that were. Depthwise convolutions have a feature for each kernel size:
runtimes have a program of their own for some sizes and a slow general one for the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydantic

from latency_models.parts import Kind
from nas import costs
from nas.candidates import Stage
from nas.specs import Block, Head, Stem, downsampled

_DEPTHWISE = {size: f"depthwise_{size}x{size}_macs" for size in (1, 3, 5, 7, 9, 11)}

FEATURES = (
    "expansion_macs",
    *_DEPTHWISE.values(),
    "projection_macs",
    "spatial_macs",
    "classifier_macs",
    "input_values",
    "expanded_values",
    "filtered_values",
    "output_values",
    "residual_values",
    "weights",
    "one",
)
"""Names of a feature vector's entries; the convolution of a stem is spatial, that of a head an
expansion, a skip's a projection."""


def features(kind: Kind, spec: dict[str, Any], resolution: int) -> np.ndarray:
    """`[features]` of a part, in the order of `FEATURES`.

    Args:
        kind: stem, block or head.
        spec: the part as JSON, as measurements and tables hold it.
        resolution: height and width of its input, in pixels.
    """
    found = dict.fromkeys(FEATURES, 0.0)
    stages, residual, num_classes = _chain(kind, spec)
    found["one"] = 1.0
    found["input_values"] = resolution**2 * stages[0].input_width
    for stage in stages:
        macs, output = _roles(stage)
        found[macs] += costs.stage_macs(stage, resolution)
        resolution = downsampled(resolution, stage.stride)
        found[output] += resolution**2 * stage.output_width
        found["weights"] += stage.num_weights
    if residual:
        found["residual_values"] = resolution**2 * stages[-1].output_width
    if num_classes:
        found["classifier_macs"] = stages[-1].output_width * num_classes
        found["weights"] += found["classifier_macs"]
    return np.array([found[name] for name in FEATURES])


def _roles(stage: Stage) -> tuple[str, str]:
    """Where a stage's multiply-accumulates and its output are counted."""
    if stage.type == "depthwise":
        return _DEPTHWISE[stage.kernel_size], "filtered_values"
    if stage.kernel_size > 1:
        return "spatial_macs", "output_values"
    if stage.activation is None:
        return "projection_macs", "output_values"
    return "expansion_macs", "expanded_values"


def _chain(kind: Kind, spec: dict[str, Any]) -> tuple[Sequence[Stage], bool, int]:
    """Stages of a part, whether its input is added, and classes where it ends in a classifier."""
    rest = dict(spec)
    if kind == "block":
        block = pydantic.TypeAdapter(Block).validate_json(json.dumps(spec), strict=True)
        return block.stages, block.has_residual, 0
    if kind == "stem":
        channels = rest.pop("input_channels")
        return [Stem(**rest).stage(channels)], False, 0
    if kind == "head":
        width, classes = rest.pop("input_width"), rest.pop("num_classes")
        return [Head(**rest).stage(width)], False, classes
    raise ValueError(f"features: expected a stem, a block or a head, received a {kind}")


def shape(kind: Kind, spec: dict[str, Any], resolution: int) -> str:
    """What parts of equal shape share: everything but the operation."""
    rest = {name: value for name, value in spec.items() if name != "op"}
    return json.dumps([kind, resolution, rest], sort_keys=True)
