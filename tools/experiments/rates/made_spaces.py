"""Ten made-up search spaces, as different as those that users write.

They have 2 to 21 slots, widths of 8 to 320 channels, and each kind of operation: plain and with
other activations, squeeze-and-excitation, fused, universal inverted bottlenecks, and all of them
mixed. Where a slot keeps its shape, its block may be skipped.
"""

from typing import Literal

from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from nas.architecture.specs import SearchSpace

_NAME = "made_"
_CANDIDATES: dict[str, tuple[MBConv | FusedMBConv | UIB, ...]] = {
    "mbconv": (MBConv(3, 3), MBConv(5, 3), MBConv(7, 6)),
    "activations": (
        MBConv(3, 4, "relu"),
        MBConv(5, 3, "hard_swish"),
        MBConv(3, 6, "hard_swish", se_ratio=0.25),
    ),
    "fused": (FusedMBConv(3, 2), FusedMBConv(3, 4, "relu"), FusedMBConv(5, 2, se_ratio=0.25)),
    "uib": (UIB(3, 3, 4), UIB(3, 0, 4), UIB(0, 5, 3)),
    "mixed": (MBConv(3, 6), FusedMBConv(3, 3), UIB(3, 5, 4), MBConv(5, 3, se_ratio=0.25)),
}
# Candidates, (width, slots) of every stage, stride of the stem, features of the head. The first
# slot of every stage but the first has stride 2, three at most.
_ROWS: tuple[tuple[str, tuple[tuple[int, int], ...], Literal[1, 2], int], ...] = (
    ("mbconv", ((64, 2), (128, 3), (256, 3)), 2, 512),
    ("mbconv", ((16, 1), (320, 1)), 2, 1280),
    ("mbconv", ((8, 6), (16, 7), (32, 8)), 2, 128),
    ("activations", ((16, 2), (32, 3), (64, 3)), 2, 256),
    ("activations", ((24, 1), (40, 4), (80, 4), (96, 4)), 2, 512),
    ("fused", ((8, 1), (24, 2), (64, 2)), 2, 256),
    ("fused", ((16, 4), (32, 4), (48, 3)), 2, 128),
    ("uib", ((32, 1), (64, 3), (96, 4), (128, 3)), 2, 960),
    ("uib", ((16, 1), (24, 1), (48, 1)), 1, 128),
    ("mixed", ((16, 3), (32, 5), (64, 5), (112, 5)), 2, 512),
)
NAMES = tuple(f"{_NAME}{number}" for number in range(len(_ROWS)))


def made_space(name: str) -> SearchSpace:
    """Returns the space of a name in `NAMES`, for ten classes and 32x32 pixels."""
    kind, stages, stride, features = _ROWS[NAMES.index(name)]
    layers: list[Slot] = []
    before = stages[0][0]
    for width, count in stages:
        for _ in range(count):
            step: Literal[1, 2] = 2 if before != width else 1
            skips = (Skip(),) if step == 1 and before == width else ()
            layers.append(Slot(before, width, (*_CANDIDATES[kind], *skips), step))
            before = width
    return SearchSpace(name, 32, 10, Stem(stages[0][0], 3, stride), tuple(layers), Head(features))
