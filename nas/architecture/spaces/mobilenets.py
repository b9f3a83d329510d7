"""The MobileNets of versions 2, 3 and 4, as published: networks without a search of ours.

Parameters and multiply-accumulates are those of the published networks, with two differences in
MobileNetV4-Conv-Small: its second convolution has a residual connection here, and the dense layer
after its pooling has biases in place of a batch normalization (1,280 parameters fewer).

The networks are children of `proxyless_widths`, `mobilenet_v3` and `mobilenet_v4`. Where such a
space has more slots than the network has layers, the network has an identity.
"""

from nas.architecture.blocks import Head, Stem, Stride
from nas.architecture.operations import UIB, Activation, AnyOperation, FusedMBConv, MBConv, Skip
from nas.architecture.operations.bottlenecks import scaled_width
from nas.architecture.spaces.rows import Row, imagenet_child, stage_rows
from nas.architecture.specs import Child

# Expansion, output width, number of blocks, number of identities, stride of the first block.
MOBILENET_V2_STAGES: list[tuple[int, int, int, int, Stride]] = [
    (1, 16, 1, 0, 1),
    (6, 24, 2, 2, 2),
    (6, 32, 3, 1, 2),
    (6, 64, 4, 0, 2),
    (6, 96, 3, 1, 1),
    (6, 160, 3, 1, 2),
    (6, 320, 1, 0, 1),
]


def mobilenet_v2(multiplier: float = 1.0) -> Child:
    """Returns MobileNetV2 (Sandler et al. 2018, table 2).

    Args:
        multiplier: of all widths; that of the head is multiplied only if it is above 1.
    """
    rows: list[Row] = []
    for expansion, width, depth, identities, stride in MOBILENET_V2_STAGES:
        operations = [MBConv(3, expansion)] * depth + [Skip()] * identities
        rows += stage_rows(operations, scaled_width(width, multiplier), stride)
    return imagenet_child(
        "mobilenet_v2" if multiplier == 1.0 else f"mobilenet_v2_x{multiplier:g}",
        Stem(scaled_width(32, multiplier)),
        rows,
        Head(scaled_width(1280, max(1.0, multiplier)), dropout=0.2),
    )


# Blocks, output width, activation, stride of the first block. A block is its kernel size, its
# expansion, and `s` if it has squeeze-and-excitation; `Z` is an identity.
_V3Stage = tuple[str, int, Activation, Stride]


def _v3(name: str, stages: list[_V3Stage], head: Head) -> Child:
    rows: list[Row] = []
    for blocks, width, activation, stride in stages:
        operations = [_v3_operation(block, activation) for block in blocks.split()]
        rows += stage_rows(operations, width, stride)
    return imagenet_child(name, Stem(16, activation="hard_swish"), rows, head)


def _v3_operation(block: str, activation: Activation) -> AnyOperation:
    if block == "Z":
        return Skip()
    kernel_size, expansion = block.removesuffix("s").split("/")
    se_ratio = 0.25 if block.endswith("s") else 0.0
    return MBConv(int(kernel_size), float(expansion), activation, se_ratio)


def mobilenet_v3_large() -> Child:
    """Returns MobileNetV3-Large (Howard et al. 2019, table 1)."""
    stages: list[_V3Stage] = [
        ("3/1", 16, "relu", 1),
        ("3/4 3/3", 24, "relu", 2),
        ("5/3s 5/3s 5/3s", 40, "relu", 2),
        ("3/6 3/2.5 3/2.3 3/2.3", 80, "hard_swish", 2),
        ("3/6s 3/6s", 112, "hard_swish", 1),
        ("5/6s 5/6s 5/6s", 160, "hard_swish", 2),
    ]
    return _v3("mobilenet_v3_large", stages, Head(960, "hard_swish", 0.2, pooled_width=1280))


def mobilenet_v3_small() -> Child:
    """Returns MobileNetV3-Small (Howard et al. 2019, table 2)."""
    stages: list[_V3Stage] = [
        ("Z", 16, "relu", 1),
        ("3/1s Z", 16, "relu", 2),
        ("3/4.5 3/3.67 Z", 24, "relu", 2),
        ("5/4s 5/6s 5/6s Z", 40, "hard_swish", 2),
        ("5/3s 5/3s", 48, "hard_swish", 1),
        ("5/6s 5/6s 5/6s", 96, "hard_swish", 2),
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
