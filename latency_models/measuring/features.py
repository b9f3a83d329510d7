"""A part as numbers that its latency grows with, whatever its width and resolution.

In a part, a processor computes, and moves activations and weights. The features count this work:
multiply-accumulates of each kind of sub-layer, values of the four activations, weights. Stride,
expansion, widths and resolution act through these counts, so a shape that was never measured lies
between or beside those that were. The counts follow four facts about how runtimes compute (measured
on single layers, docs/results.md):

- 1x1 and stem convolutions are matrix products. Runtimes compute them in tiles of pixels x
  channels, and a partly filled tile takes as long as a full one, so multiply-accumulates are
  counted in whole tiles. The tile depends on runtime and processor: `tiles.TILES` has some, and the
  model of a device takes the one that explains its measurements best. Where few output channels
  have a program of their own, with fewer columns, it takes longer for each of them
  (`narrow_products`: the multiply-accumulates that it computes).
- Depthwise convolutions have a feature for each kernel size, since runtimes have special programs
  for 3x3 and 5x5. These go through all channels of one pixel after another. Where the weights and
  as many inputs do not fit into the nearest cache, each multiply-accumulate reads its weight from
  the next one (`reread_weights`). On small images the kernel has fewer inputs than weights: a 5x5
  on 3x3 pixels has nine, and zeros that are always the same. Then more channels fit
  (`reread_window`: the weights and inputs under the kernel, for each pixel, where these do not
  fit).
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

The last features are what else differs between widths that are multiples of 8, as those of width
decisions are. Without them a regression was off by twice as much (docs/results.md):

- Loops over channels compute whole vectors. A rest that fills no vector is computed by itself, and
  leaves the rows of the tensor unaligned: with AVX-512, a depthwise convolution of 24 channels took
  as long as one of 32 in int8, and up to a fifth longer in float32. `depthwise_tails` counts the
  kernel's positions at which a rest is computed, `value_tails` the pixels, and `product_tails` the
  multiplications of matrix products whose output channels fill no whole pass. They are 0 for widths
  that fill all vectors. They and `narrow_products` are the only features that may fall when a width
  grows.
- A depthwise convolution finds its inputs through one pointer per pixel and position of the kernel,
  whatever its width (`depthwise_positions`).
- Every operator of a file is called by itself (`operators`), and a mean over all pixels, in a head
  or a squeeze-and-excitation, goes channel by channel (`averaged_channels`).
- int8 programs for spatial convolutions multiply 8 input channels at once, of which an image has 3
  (`spatial_products`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from latency_models.measuring import chains
from latency_models.measuring.chains import Chain
from latency_models.measuring.measurements import Measurement
from latency_models.measuring.parts import Kind, Part
from latency_models.measuring.tiles import SMALLEST_TILE, Tile, whole
from nas.architecture.operations import Conv, Depthwise, Pooled, Squeeze, Stage
from nas.architecture.operations.stage import downsampled, with_resolutions

# Kernels with a depthwise program of their own.
_SPECIAL_SIZES = (3, 5)
# Input channels that a spatial convolution multiplies at once in some int8 programs.
_INPUTS_AT_ONCE = 8
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
    "operators",
    "averaged_channels",
    "spatial_products",
    "depthwise_positions",
    "depthwise_tails",
    "product_tails",
    "value_tails",
    "narrow_products",
    "reread_window",
)
"""Names of a feature vector's entries; the convolution of a stem is spatial, that of a head an
expansion, a skip's a projection. `weights` are those outside of `general_weights`. New names stand
at the end, since fitted models hold a list of numbers in this order."""

NUM_FIRST_FEATURES = FEATURES.index("one") + 1
"""Number of features in models that were fitted before there were operations with the others."""

NUM_BEFORE_TAILS = FEATURES.index("operators")
"""Number of features in models that were fitted before the last ones, which every part may have."""

NUM_BEFORE_NARROW = FEATURES.index("narrow_products")
"""Number of features in models that were fitted before `narrow_products`."""

BESIDE_MACS = (
    "reread_weights",
    "general_weights",
    "general_weights_by_width",
    "general_far_inputs",
    "depthwise_tails",
    "product_tails",
    "value_tails",
    "narrow_products",
    "reread_window",
)
"""What is done beside the multiply-accumulates only where a part is large, or its widths are few
channels or fill no whole vectors; where nothing measured did, it is extrapolated as taking no
time."""


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
    return _of_chain(chains.of_spec(kind, spec), resolution, tile)


def _of_chain(chain: Chain, resolution: int, tile: Tile) -> np.ndarray:
    stages = chain.stages
    found = dict.fromkeys(FEATURES, 0.0)
    found["one"] = 1.0
    found["input_values"] = resolution**2 * stages[0].input_width
    for stage, size in with_resolutions(stages, resolution):
        for name, value in _of_stage(stage, size, tile).items():
            found[name] += value
        resolution = stage.output_resolution(size)
    if chain.has_residual:
        found["residual_values"] = resolution**2 * stages[-1].output_width
        found["operators"] += 1.0
        found["value_tails"] += resolution**2 * _has_tail(stages[-1].output_width, tile)
    if chain.num_classes:
        classifier = stages[-1].output_width * chain.num_classes
        found["classifier_macs"] += classifier
        found["weights"] += classifier
        found["operators"] += 2.0
        found["averaged_channels"] += stages[0].output_width
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
        if isinstance(place, Part):
            chain = chains.of_part(place)
        else:
            chain = chains.of_spec(place.kind, place.spec)
        found.append(_of_chain(chain, place.resolution, tile))
    return np.array(found).reshape(-1, len(FEATURES))


def _of_stage(stage: Stage, resolution: int, tile: Tile) -> dict[str, float]:
    """What a stage adds to the features, on an input of `resolution` pixels."""
    found = STAGE_FEATURES[stage.type](stage, resolution, tile)
    pixels, channels = stage.output_resolution(resolution) ** 2, stage.output_width
    name = ACTIVATION_FEATURES[stage.activation]
    if name is not None:
        found[name] = found.get(name, 0.0) + pixels * channels
    found["operators"] = len(stage.operators(resolution))
    found["value_tails"] = found.get("value_tails", 0.0) + pixels * _has_tail(channels, tile)
    return found


def _has_tail(channels: int, tile: Tile) -> bool:
    return channels % tile.vector > 0


def _of_conv(stage: Conv, resolution: int, tile: Tile) -> dict[str, float]:
    pixels, outputs = downsampled(resolution, stage.stride) ** 2, stage.output_width
    products = stage.kernel_size**2 * stage.input_width
    macs = whole(pixels, tile.pixels) * products * tile.columns(outputs)
    name, output = _roles(stage)
    found: dict[str, float] = {name: macs, output: pixels * outputs, "weights": stage.num_weights}
    found["product_tails"] = pixels * products * (outputs % tile.pass_channels > 0)
    if tile.is_narrow(outputs):
        found["narrow_products"] = macs
    if stage.kernel_size > 1:
        padded = whole(stage.input_width, _INPUTS_AT_ONCE) / stage.input_width
        found["spatial_products"] = macs * padded
    return found


def _of_depthwise(stage: Depthwise, resolution: int, tile: Tile) -> dict[str, float]:
    pixels = downsampled(resolution, stage.stride) ** 2
    name, channels = _DEPTHWISE[stage.kernel_size], stage.width
    kernel = stage.kernel_size**2 * channels
    found: dict[str, float] = {"filtered_values": pixels * channels}
    positions = pixels * stage.kernel_size**2
    found["depthwise_positions"] = positions
    found["depthwise_tails"] = positions * _has_tail(channels, tile)
    if stage.kernel_size in _SPECIAL_SIZES:
        macs = pixels * kernel
        reread = macs * _without_room(2 * kernel, _NEAR_CACHE)
        # Positions outside of the image all read the same zeros.
        inputs = min(stage.kernel_size**2, resolution**2 + 1) * channels
        moved = pixels * (kernel + inputs) * _without_room(kernel + inputs, _NEAR_CACHE)
        found |= {"reread_weights": reread, "reread_window": moved}
        return found | {name: macs, "weights": stage.num_weights}
    inputs = resolution**2 * channels
    return found | {
        name: whole(pixels, tile.pixels) * kernel,
        "general_weights": kernel,
        "general_weights_by_width": kernel * channels,
        "general_far_inputs": inputs * _without_room(inputs, _FAR_CACHE),
    }


def _of_squeeze(stage: Squeeze, resolution: int, tile: Tile) -> dict[str, float]:
    # It computes on one pixel, but reads all of them twice and writes them once.
    return {
        "classifier_macs": stage.macs(resolution),
        "squeezed_values": resolution**2 * stage.width,
        "averaged_channels": stage.width,
        "value_tails": resolution**2 * _has_tail(stage.width, tile),
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


def shape(kind: Kind, spec: dict[str, Any], resolution: int) -> str:
    """What parts of equal shape share: everything but the operation."""
    rest = {name: value for name, value in spec.items() if name != "op"}
    return json.dumps([kind, resolution, rest], sort_keys=True)
