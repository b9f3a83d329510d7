"""The MobileNets of versions 2, 3 and 4, as published: networks without a search of ours.

Parameters and multiply-accumulates are those of the published networks, with two differences in
MobileNetV4-Conv-Small: its second convolution has a residual connection here, and the dense layer
after its pooling has biases in place of a batch normalization (1,280 parameters fewer).
"""

from nas.architecture.blocks import Head, Stem, Stride
from nas.architecture.operations import UIB, Activation, FusedMBConv, MBConv
from nas.architecture.spaces.rows import Row, imagenet_child, stage_rows
from nas.architecture.specs import Child


def mobilenet_v2() -> Child:
    """Returns MobileNetV2 with width 1.0 (Sandler et al. 2018, table 2)."""
    # Expansion, output width, number of blocks, stride of the first.
    stages: list[tuple[int, int, int, Stride]] = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]
    rows: list[Row] = []
    for expansion, width, depth, stride in stages:
        rows += stage_rows([MBConv(3, expansion)] * depth, width, stride)
    return imagenet_child("mobilenet_v2", Stem(32), rows, Head(1280, dropout=0.2))


# Kernel size, expansion, output width, squeeze-and-excitation, activation, stride.
_V3Row = tuple[int, int | float, int, bool, Activation, Stride]


def _v3(name: str, stages: list[_V3Row], head: Head) -> Child:
    rows: list[Row] = [
        (MBConv(kernel, expansion, activation, 0.25 if squeeze else 0.0), width, stride)
        for kernel, expansion, width, squeeze, activation, stride in stages
    ]
    return imagenet_child(name, Stem(16, activation="hard_swish"), rows, head)


def mobilenet_v3_large() -> Child:
    """Returns MobileNetV3-Large (Howard et al. 2019, table 1)."""
    stages: list[_V3Row] = [
        (3, 1, 16, False, "relu", 1),
        (3, 4, 24, False, "relu", 2),
        (3, 3, 24, False, "relu", 1),
        (5, 3, 40, True, "relu", 2),
        (5, 3, 40, True, "relu", 1),
        (5, 3, 40, True, "relu", 1),
        (3, 6, 80, False, "hard_swish", 2),
        (3, 2.5, 80, False, "hard_swish", 1),
        (3, 2.3, 80, False, "hard_swish", 1),
        (3, 2.3, 80, False, "hard_swish", 1),
        (3, 6, 112, True, "hard_swish", 1),
        (3, 6, 112, True, "hard_swish", 1),
        (5, 6, 160, True, "hard_swish", 2),
        (5, 6, 160, True, "hard_swish", 1),
        (5, 6, 160, True, "hard_swish", 1),
    ]
    return _v3("mobilenet_v3_large", stages, Head(960, "hard_swish", 0.2, pooled_width=1280))


def mobilenet_v3_small() -> Child:
    """Returns MobileNetV3-Small (Howard et al. 2019, table 2)."""
    stages: list[_V3Row] = [
        (3, 1, 16, True, "relu", 2),
        (3, 4.5, 24, False, "relu", 2),
        (3, 3.67, 24, False, "relu", 1),
        (5, 4, 40, True, "hard_swish", 2),
        (5, 6, 40, True, "hard_swish", 1),
        (5, 6, 40, True, "hard_swish", 1),
        (5, 3, 48, True, "hard_swish", 1),
        (5, 3, 48, True, "hard_swish", 1),
        (5, 6, 96, True, "hard_swish", 2),
        (5, 6, 96, True, "hard_swish", 1),
        (5, 6, 96, True, "hard_swish", 1),
    ]
    return _v3("mobilenet_v3_small", stages, Head(576, "hard_swish", 0.2, pooled_width=1024))


def mobilenet_v4_conv_small() -> Child:
    """Returns MobileNetV4-Conv-Small (Qin et al. 2024)."""

    def uib(start: int, middle: int, expansion: int) -> UIB:
        return UIB(start, middle, expansion, "relu")  # type: ignore[arg-type]

    rows: list[Row] = [
        (FusedMBConv(3, 1, "relu"), 32, 2),
        (FusedMBConv(1, 1, "relu"), 32, 1),
        (FusedMBConv(3, 3, "relu"), 64, 2),
        *stage_rows([uib(5, 5, 3), *[uib(0, 3, 2)] * 4, uib(3, 0, 4)], 96, 2),
        *stage_rows([uib(3, 3, 6), uib(5, 5, 4), uib(0, 5, 4), uib(0, 5, 3)], 128, 2),
        *stage_rows([uib(0, 3, 4)] * 2, 128, 1),
    ]
    head = Head(960, "relu", 0.2, pooled_width=1280)
    return imagenet_child("mobilenet_v4_conv_small", Stem(32, activation="relu"), rows, head)
