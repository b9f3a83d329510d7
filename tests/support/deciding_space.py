"""A small space in which everything is a decision: operations, widths, the head, the resolution."""

from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from nas.architecture.specs import SearchSpace

OPS = (
    MBConv(3, 1),
    MBConv(5, 2, se_ratio=0.25),
    UIB(3, 0, 2, "relu"),
    FusedMBConv(3, 2, "hard_swish"),
    Skip(),
)
DECIDING = SearchSpace(
    name="deciding",
    resolution=(12, 16),
    num_classes=4,
    stem=Stem("w0", activation="relu"),
    layers=(
        Block(MBConv(3, 1, se_ratio=0.5), "w0", "w1"),
        Slot("w1", "w2", (MBConv(3, 2), MBConv(5, 3), UIB(3, 5, 2, "relu")), 2),
        Slot("w2", "w2", OPS),
        Slot("w2", "w3", OPS),
        Slot("w3", 24, OPS[:2]),
    ),
    head=Head("head"),
    widths={"w0": (8, 16), "w1": (8, 16), "w2": (16, 24), "w3": (32, 16, 24), "head": (64, 32)},
)
