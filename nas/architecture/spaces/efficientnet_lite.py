"""EfficientNet-Lite0, and the space around it that a search with pretrained weights uses."""

from nas.architecture.blocks import Block, Head, Stem, Stride
from nas.architecture.operations import MBConv
from nas.architecture.operations.bottlenecks import KernelSize
from nas.architecture.spaces.rows import Row, imagenet_child, stage_rows
from nas.architecture.spaces.stages import StageRow, mbconvs, multiples, stage_slots
from nas.architecture.specs import Child, SearchSpace

_STEM = Stem(32)
_HEAD = Head(1280, dropout=0.2)
_FIRST_WIDTH = 16
# Kernel size, output width, number of blocks, stride of the first block; all with expansion 6. They
# follow a block without expansion (Tan & Le 2019, table 1).
_STAGES: list[tuple[KernelSize, int, int, Stride]] = [
    (3, 24, 2, 2),
    (5, 40, 2, 2),
    (3, 80, 3, 2),
    (5, 112, 3, 1),
    (5, 192, 4, 2),
    (3, 320, 1, 1),
]
_MULTIPLIERS = (1 / 2, 3 / 4, 1)


def efficientnet_lite0() -> Child:
    """Returns EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019) made for phones.

    It has ReLU6 in place of swish and no squeeze-and-excitation. Its published weights are those of
    `nas.pretrained`.
    """
    rows: list[Row] = [(MBConv(3, 1), _FIRST_WIDTH, 1)]
    for kernel_size, width, depth, stride in _STAGES:
        rows += stage_rows([MBConv(kernel_size, 6)] * depth, width, stride)
    return imagenet_child("efficientnet_lite0", _STEM, rows, _HEAD)


def efficientnet_lite() -> SearchSpace:
    """Returns a space of which EfficientNet-Lite0 is the network of the largest widths.

    Each of its blocks but the first is a slot: kernel sizes 3, 5 and 7, expansions 3 and 6, and
    skip where the shape is kept. Widths are 1/2, 3/4 or all of its own; stem and head are fixed, as
    in the family of EfficientNet-Lite. The resolution is a decision too.
    """
    widths = {
        f"w{i}": multiples(width, _MULTIPLIERS) for i, (_, width, _, _) in enumerate(_STAGES, 1)
    }
    rows: list[StageRow] = [
        (name, depth, stride) for name, (_, _, depth, stride) in zip(widths, _STAGES, strict=True)
    ]
    slots = stage_slots(_FIRST_WIDTH, rows, mbconvs((3, 5, 7), (3, 6)))
    return SearchSpace(
        name="efficientnet_lite",
        resolution=(64, 80, 96, 112, 128, 160, 192, 224),
        num_classes=1000,
        stem=_STEM,
        layers=(Block(MBConv(3, 1), _STEM.width, _FIRST_WIDTH), *slots),
        head=_HEAD,
        widths=widths,
    )
