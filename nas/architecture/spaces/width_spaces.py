"""Spaces whose widths are decisions, beside those of the same depths and fixed widths."""

from nas.architecture.blocks import Block, Head, Stem, Stride
from nas.architecture.operations import UIB, AnyOperation, FusedMBConv, MBConv
from nas.architecture.spaces.mobilenets import MOBILENET_V2_STAGES
from nas.architecture.spaces.stages import StageRow, mbconvs, multiples, stage_slots
from nas.architecture.specs import SearchSpace

# As in the enlarged space of TuNAS (Bender et al. 2020).
_MULTIPLIERS = (1 / 2, 5 / 8, 3 / 4, 1, 5 / 4, 3 / 2, 2)
# Those for which MobileNetV2 was published, without the smallest.
_V2_MULTIPLIERS = (0.5, 0.75, 1.0, 1.3, 1.4)


def proxyless_widths() -> SearchSpace:
    """Returns `proxyless_imagenet` with the widths of stem, stages and head as decisions.

    A width is one of seven multiples of that in `proxyless_imagenet`, or one that MobileNetV2 has
    with one of its multipliers. Proxyless-Mobile, and MobileNetV2 with multipliers from 0.5 to 1.4,
    are networks of this space.
    """
    stages = (16, 24, 40, 80, 96, 192, 320)
    v2_stages = [width for _, width, *_ in MOBILENET_V2_STAGES]
    widths = {"w0": multiples(32, _MULTIPLIERS, multiples(32, _V2_MULTIPLIERS))}
    for i, (width, v2_width) in enumerate(zip(stages, v2_stages, strict=True), start=1):
        widths[f"w{i}"] = multiples(width, _MULTIPLIERS, multiples(v2_width, _V2_MULTIPLIERS))
    # MobileNetV2 has a wider head only above 1.
    v2_heads = multiples(1280, [max(1.0, m) for m in _V2_MULTIPLIERS])
    widths["head"] = multiples(1280, _MULTIPLIERS, v2_heads)
    depths = (4, 4, 4, 4, 4, 1)
    strides: tuple[Stride, ...] = (2, 2, 2, 1, 2, 1)
    rows: list[StageRow] = [
        (f"w{i}", *row) for i, row in enumerate(zip(depths, strides, strict=True), start=2)
    ]
    slots = stage_slots("w1", rows, mbconvs((3, 5, 7), (3, 6)))
    return SearchSpace(
        name="proxyless_widths",
        resolution=224,
        num_classes=1000,
        stem=Stem("w0"),
        layers=(Block(MBConv(3, 1), "w0", "w1"), *slots),
        head=Head("head", dropout=0.1),
        widths=widths,
    )


# The shape of `cifar`. Stem and first stage have one width, so that a residual connection and an
# identity are possible between them.
_CIFAR_ROWS: list[StageRow] = [("w1", 1, 1), ("w2", 3, 2), ("w3", 3, 2)]
# Every multiple of 8 from half to twice the width in `cifar`; a narrow network has the same head.
_CIFAR_WIDTHS = {
    "w1": tuple(range(8, 33, 8)),
    "w2": tuple(range(16, 65, 8)),
    "w3": tuple(range(32, 129, 8)),
    "head": tuple(range(128, 257, 8)),
}


def cifar_widths() -> SearchSpace:
    """Returns `cifar` with its widths as decisions.

    `width_multiplied.fixed_width` of `cifar` is a network of this space for multipliers from 0.5
    to 2.
    """
    return SearchSpace(
        name="cifar_widths",
        resolution=32,
        num_classes=10,
        stem=Stem("w1"),
        layers=tuple(stage_slots("w1", _CIFAR_ROWS, mbconvs((3, 5), (3, 6)))),
        head=Head("head"),
        widths=_CIFAR_WIDTHS,
    )


def cifar_mobile() -> SearchSpace:
    """Returns the shape of `cifar` with all kinds of operations, widths and two resolutions.

    At most nine candidates a slot: inverted bottlenecks with and without squeeze-and-excitation, a
    fused one, MobileNetV4's with two depthwise convolutions, and skip where the shape is kept. All
    have ReLU6, so every recipe can write every network: in int8, hard-swish takes several times as
    long on a CPU, and five recipes refuse it. Every network of `cifar_widths` is one of this space.
    """
    candidates: tuple[AnyOperation, ...] = (
        *mbconvs((3, 5), (3, 6)),
        MBConv(3, 6, se_ratio=0.25),
        MBConv(5, 6, se_ratio=0.25),
        FusedMBConv(3, 3),
        UIB(3, 3, 4),
    )
    return SearchSpace(
        name="cifar_mobile",
        resolution=(24, 32),
        num_classes=10,
        stem=Stem("w1"),
        layers=tuple(stage_slots("w1", _CIFAR_ROWS, candidates)),
        head=Head("head"),
        widths=_CIFAR_WIDTHS,
    )
