"""A part as numbers that its latency grows with, whatever its width and resolution.

In a part, a processor computes, and moves activations and weights. The features count this work:
multiply-accumulates of each kind of sub-layer, values of the four activations, weights. Stride,
expansion, widths and resolution act through these counts, so a shape that was never measured lies
between or beside those that were. The counts follow four facts about how runtimes compute (measured
on single layers, docs/results.md):

- 1x1 and stem convolutions are matrix products. Runtimes compute them in tiles of pixels x
  channels, and a partly filled tile takes as long as a full one, so multiply-accumulates are
  counted in whole tiles. The tile depends on runtime and processor: `TILES` has some, and the model
  of a device takes the one that explains its measurements best.
- Depthwise convolutions have a feature for each kernel size, since runtimes have special programs
  for 3x3 and 5x5. These go through all channels of one pixel after another. Where the weights and
  as many inputs do not fit into the nearest cache, each multiply-accumulate reads its weight from
  the next one (`reread_weights`).
- Other kernel sizes have no special program. Runtimes use the one for any convolution, a matrix
  product for each channel: in tiles of pixels, with weights padded to a tile of channels, 16 to 128
  times their size. On small images, reading these weights takes most of the time
  (`general_weights`). The more channels there are, the less of all weights a cache can keep
  (`general_weights_by_width`: the weights times the channels).
- That program goes through the whole image for one channel after another, and reads a cache line
  for each value. An image larger than the second cache comes from main memory every time
  (`general_far_inputs`).

Two more have a feature for a pass over memory of their own: a hard swish (`hard_swish_values`; an
int8 one takes several times as long as a float32 one), and a squeeze-and-excitation
(`squeezed_values`). Dense layers on the mean over all pixels count as the classifier does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import numpy as np
import pydantic
from pydantic import Field

from latency_models.measuring.measurements import Measurement
from latency_models.measuring.parts import Kind, Part
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import STRICT, Conv, Depthwise, Pooled, Squeeze, Stage
from nas.architecture.operations.stage import downsampled, with_resolutions


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Tile:
    """What a matrix product computes at once.

    Attributes:
        pixels: rows of the product.
        channels: columns, of the output.
    """

    pixels: Annotated[int, Field(gt=0)]
    channels: Annotated[int, Field(gt=0)]


SMALLEST_TILE = Tile(1, 1)
"""Counts multiply-accumulates as papers do."""

TILES = (SMALLEST_TILE, Tile(6, 8), Tile(4, 16), Tile(7, 16), Tile(7, 32))
"""None, and XNNPACK's: of float32 and int8 with NEON, of int8 and float32 with AVX-512."""

# Kernels with a depthwise program of their own.
_SPECIAL_SIZES = (3, 5)
# Values that the two caches of a core hold: 48 KiB and 1 MiB of float32.
_NEAR_CACHE, _FAR_CACHE = 12_288, 262_144

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
    "reread_weights",
    "general_weights",
    "general_weights_by_width",
    "general_far_inputs",
    "one",
    "squeezed_values",
    "hard_swish_values",
)
"""Names of a feature vector's entries; the convolution of a stem is spatial, that of a head an
expansion, a skip's a projection. `weights` are those outside of `general_weights`. New names stand
at the end, since fitted models hold a list of numbers in this order."""

NUM_FIRST_FEATURES = FEATURES.index("one") + 1
"""Number of features in models that were fitted before there were operations with the others."""

BESIDE_MACS = (
    "reread_weights",
    "general_weights",
    "general_weights_by_width",
    "general_far_inputs",
)
"""What a depthwise convolution does beside its multiply-accumulates, some of it only when it is
large; where nothing measured did, it is extrapolated as taking no time."""


def features(
    kind: Kind, spec: dict[str, Any], resolution: int, tile: Tile = SMALLEST_TILE
) -> np.ndarray:
    """`[features]` of a part, in the order of `FEATURES`.

    Args:
        kind: stem, block or head.
        spec: the part as JSON, as measurements and tables hold it.
        resolution: height and width of its input, in pixels.
        tile: in which multiply-accumulates of matrix products are counted.
    """
    return _of_chain(*_chain(kind, spec), resolution, tile)


def _of_chain(
    stages: Sequence[Stage], residual: bool, num_classes: int, resolution: int, tile: Tile
) -> np.ndarray:
    found = dict.fromkeys(FEATURES, 0.0)
    found["one"] = 1.0
    found["input_values"] = resolution**2 * stages[0].input_width
    for stage, size in with_resolutions(stages, resolution):
        for name, value in _of_stage(stage, size, tile).items():
            found[name] += value
        resolution = stage.output_resolution(size)
    if residual:
        found["residual_values"] = resolution**2 * stages[-1].output_width
    if num_classes:
        classifier = stages[-1].output_width * num_classes
        found["classifier_macs"] += classifier
        found["weights"] += classifier
    return np.array([found[name] for name in FEATURES])


def stacked(places: Iterable[Part | Measurement], tile: Tile = SMALLEST_TILE) -> np.ndarray:
    """`[places, features]` of parts or of their measurements; there may be none.

    Raises:
        ValueError: a measurement is one of a file without a spec.
    """
    found = []
    for place in places:
        if place.spec is None or place.resolution is None:
            raise ValueError(f"{place.label}: expected a part with its spec, received none")
        # A part still has what its spec was written from.
        chain = _chain_of(place) if isinstance(place, Part) else _chain(place.kind, place.spec)
        found.append(_of_chain(*chain, place.resolution, tile))
    return np.array(found).reshape(-1, len(FEATURES))


def _of_stage(stage: Stage, resolution: int, tile: Tile) -> dict[str, float]:
    """What a stage adds to the features, on an input of `resolution` pixels."""
    found = STAGE_FEATURES[stage.type](stage, resolution, tile)
    name = ACTIVATION_FEATURES[stage.activation]
    if name is not None:
        values = stage.output_resolution(resolution) ** 2 * stage.output_width
        found[name] = found.get(name, 0.0) + values
    return found


def _of_conv(stage: Conv, resolution: int, tile: Tile) -> dict[str, float]:
    pixels, outputs = downsampled(resolution, stage.stride) ** 2, stage.output_width
    products = stage.kernel_size**2 * stage.input_width
    macs = _whole(pixels, tile.pixels) * products * _whole(outputs, tile.channels)
    name, output = _roles(stage)
    return {name: macs, output: pixels * outputs, "weights": stage.num_weights}


def _of_depthwise(stage: Depthwise, resolution: int, tile: Tile) -> dict[str, float]:
    pixels = downsampled(resolution, stage.stride) ** 2
    name, channels = _DEPTHWISE[stage.kernel_size], stage.width
    kernel = stage.kernel_size**2 * channels
    found: dict[str, float] = {"filtered_values": pixels * channels}
    if stage.kernel_size in _SPECIAL_SIZES:
        macs = pixels * kernel
        reread = macs * _without_room(2 * kernel, _NEAR_CACHE)
        return found | {name: macs, "reread_weights": reread, "weights": stage.num_weights}
    inputs = resolution**2 * channels
    return found | {
        name: _whole(pixels, tile.pixels) * kernel,
        "general_weights": kernel,
        "general_weights_by_width": kernel * channels,
        "general_far_inputs": inputs * _without_room(inputs, _FAR_CACHE),
    }


def _of_squeeze(stage: Squeeze, resolution: int, tile: Tile) -> dict[str, float]:
    # It computes on one pixel, but reads all of them twice and writes them once.
    return {
        "classifier_macs": stage.macs(resolution),
        "squeezed_values": resolution**2 * stage.width,
        "weights": stage.num_weights,
    }


def _of_pooled(stage: Pooled, resolution: int, tile: Tile) -> dict[str, float]:
    return {"classifier_macs": stage.macs(resolution), "weights": stage.num_weights}


STAGE_FEATURES: dict[str, Callable[[Any, int, Tile], dict[str, float]]] = {
    "conv": _of_conv,
    "depthwise": _of_depthwise,
    "squeeze": _of_squeeze,
    "pooled": _of_pooled,
}
"""What each type of stage adds to the features: from stage, resolution of its input in pixels and
tile to the values of some `FEATURES`."""

ACTIVATION_FEATURES: dict[str | None, str | None] = {
    None: None,
    "relu": None,
    "relu6": None,
    "hard_swish": "hard_swish_values",
}
"""The feature that counts the values of an activation which is a pass over memory of its own; None
for one that runtimes compute inside the convolution before it."""


def _whole(count: int, tile: int) -> int:
    """`count` rounded up to whole tiles."""
    return -(-count // tile) * tile


def _without_room(values: int, cache: int) -> float:
    """Share of reads that miss a cache when `values` are read in turn again and again.

    The oldest value makes room for the next, so that a third more than fits suffices to miss all.
    """
    return min(max(3.0 * (values / cache - 1.0), 0.0), 1.0)


def _roles(stage: Conv) -> tuple[str, str]:
    """Where the multiply-accumulates and the output of a matrix product are counted."""
    if stage.kernel_size > 1:
        return "spatial_macs", "output_values"
    if stage.activation is None:
        return "projection_macs", "output_values"
    return "expansion_macs", "expanded_values"


_Chain = tuple[Sequence[Stage], bool, int]
_BLOCK = pydantic.TypeAdapter(Block)


def _chain_of(part: Part) -> _Chain:
    """As `_chain`, of a part that was not read from a file."""
    source = part.source
    if isinstance(source, Block):
        return source.stages, source.has_residual, 0
    if part.kind == "stem":
        return [source.stem.stage(source.input_channels)], False, 0
    if part.kind == "head":
        return source.head.stages(source.layers[-1].output_width), False, source.num_classes
    return _chain(part.kind, part.spec)


def _chain(kind: Kind, spec: dict[str, Any]) -> _Chain:
    """Stages of a part, whether its input is added, and classes where it ends in a classifier."""
    rest = dict(spec)
    if kind == "block":
        block = _BLOCK.validate_json(json.dumps(spec), strict=True)
        return block.stages, block.has_residual, 0
    if kind == "stem":
        channels = rest.pop("input_channels")
        return [Stem(**rest).stage(channels)], False, 0
    if kind == "head":
        width, classes = rest.pop("input_width"), rest.pop("num_classes")
        return Head(**rest).stages(width), False, classes
    raise ValueError(f"features: expected a stem, a block or a head, received a {kind}")


def shape(kind: Kind, spec: dict[str, Any], resolution: int) -> str:
    """What parts of equal shape share: everything but the operation."""
    rest = {name: value for name, value in spec.items() if name != "op"}
    return json.dumps([kind, resolution, rest], sort_keys=True)
