"""Spaces around MobileNetV3 and MobileNetV4, which contain the published networks.

Every slot has a grid of operations and, if they are not in it, those that the published networks
have at this place.
"""

from collections.abc import Iterable, Sequence

from nas.architecture.blocks import Head, Slot, Stem, Stride
from nas.architecture.operations import UIB, Activation, AnyOperation, FusedMBConv, MBConv, Skip
from nas.architecture.operations.uib import DepthwiseSize
from nas.architecture.sizes import number
from nas.architecture.spaces.mobilenets import (
    mobilenet_v3_large,
    mobilenet_v3_small,
    mobilenet_v4_conv_small,
)
from nas.architecture.spaces.stages import multiples, slot
from nas.architecture.specs import Child, SearchSpace


def _candidates(
    grid: Iterable[AnyOperation], published: Iterable[Child], place: int
) -> tuple[AnyOperation, ...]:
    """Returns a grid and what published networks have in layer `place`, each operation once."""
    operations = [child.layers[place].op for child in published]
    return tuple(dict.fromkeys([*grid, *(op for op in operations if not isinstance(op, Skip))]))


def _v3_grid(expansions: Sequence[int], activation: Activation) -> list[AnyOperation]:
    return [
        MBConv(kernel_size, expansion, activation, se_ratio)
        for se_ratio in (0.0, 0.25)
        for expansion in expansions
        for kernel_size in (3, 5, 7)
    ]


def mobilenet_v3() -> SearchSpace:
    """Returns a space of which MobileNetV3-Large and MobileNetV3-Small are networks.

    Kernel sizes 3, 5 and 7, expansions 3 and 6 (1 in the first slot), with or without
    squeeze-and-excitation. A stage has the activation that both networks have there: ReLU in the
    first three, hard-swish in the rest. Its width is that of one of the networks, times 3/4, 1 or
    5/4 (multipliers of Howard et al. 2019).
    """
    published = mobilenet_v3_large(), mobilenet_v3_small()
    # Number of slots, stride of the first, activation, expansions of the grid.
    stages: list[tuple[int, Stride, Activation, tuple[int, ...]]] = [
        (1, 1, "relu", (1,)),
        (2, 2, "relu", (3, 6)),
        (3, 2, "relu", (3, 6)),
        (4, 2, "hard_swish", (3, 6)),
        (2, 1, "hard_swish", (3, 6)),
        (3, 2, "hard_swish", (3, 6)),
    ]
    layers: list[Slot] = []
    widths: dict[str, tuple[int, ...]] = {}
    # Stem and first stage have one width: the small network has an identity between them.
    before = "w1"
    for i, (depth, stride, activation, expansions) in enumerate(stages, start=1):
        widths[f"w{i}"] = _near([child.layers[len(layers)].output_width for child in published])
        for _ in range(depth):
            grid = _v3_grid(expansions, activation)
            candidates = _candidates(grid, published, len(layers))
            layers.append(slot(before, f"w{i}", candidates, stride))
            before, stride = f"w{i}", 1
    widths["head"] = _near([child.head.width for child in published])
    widths["pooled"] = (1024, 1280)
    return SearchSpace(
        name="mobilenet_v3",
        resolution=224,
        num_classes=1000,
        stem=Stem("w1", activation="hard_swish"),
        layers=tuple(layers),
        head=Head("head", "hard_swish", 0.2, pooled_width="pooled"),
        widths=widths,
    )


def _near(widths: Iterable[int | str]) -> tuple[int, ...]:
    multipliers = 0.75, 1.0, 1.25
    return tuple(sorted({n for width in widths for n in multiples(number(width), multipliers)}))


# Kernel sizes of the depthwise convolutions before and between: inverted bottleneck, ConvNeXt,
# with extra depthwise convolution (Qin et al. 2024, figure 4).
_UIB_SIZES: tuple[tuple[DepthwiseSize, DepthwiseSize], ...] = (
    (0, 3),
    (0, 5),
    (3, 0),
    (3, 3),
    (5, 5),
)
_V4_MULTIPLIERS = (0.5, 0.75, 1.0, 1.25, 1.5)


def mobilenet_v4() -> SearchSpace:
    """Returns a space of which MobileNetV4-Conv-Small is a network.

    Three slots of fused inverted bottlenecks, then twelve of universal inverted bottlenecks: all
    four kinds, with expansion 2 or 4. Widths are those of the network, times 1/2 to 3/2.
    """
    published = mobilenet_v4_conv_small()
    fused: list[AnyOperation] = [FusedMBConv(3, e, "relu") for e in (1, 2, 3, 4)]
    universal: list[AnyOperation] = [UIB(*sizes, e, "relu") for e in (2, 4) for sizes in _UIB_SIZES]
    forward: list[AnyOperation] = [UIB(0, 0, e, "relu") for e in (2, 4)]
    # Number of slots, all of them with stride 2 in the first; the grid; what stride 1 adds to it.
    stages = [(2, fused, []), (1, fused, []), (6, universal, forward), (6, universal, forward)]
    layers: list[Slot] = []
    widths = {"w0": multiples(32, _V4_MULTIPLIERS)}
    before = "w0"
    for i, (depth, grid, more) in enumerate(stages, start=1):
        width = number(published.layers[len(layers)].output_width)
        widths[f"w{i}"] = multiples(width, _V4_MULTIPLIERS)
        for j in range(depth):
            candidates = _candidates([*grid, *(more if j else [])], [published], len(layers))
            layers.append(slot(before, f"w{i}", candidates, 1 if j else 2))
            before = f"w{i}"
    widths["head"] = multiples(960, _V4_MULTIPLIERS)
    return SearchSpace(
        name="mobilenet_v4",
        resolution=224,
        num_classes=1000,
        stem=Stem("w0", activation="relu"),
        layers=tuple(layers),
        head=Head("head", "relu", 0.2, pooled_width=1280),
        widths=widths,
    )
