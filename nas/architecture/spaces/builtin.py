"""The built-in spaces of fixed widths."""

from nas.architecture.blocks import Block, Head, Stem, Stride
from nas.architecture.operations import MBConv
from nas.architecture.spaces.stages import StageRow, mbconvs, stage_slots
from nas.architecture.specs import SearchSpace


def _proxyless(
    name: str, resolution: int, num_classes: int, stem_stride: Stride, first_stride: Stride
) -> SearchSpace:
    """Returns 21 slots of MBConv with expansion {3,6} and kernel size {3,5,7}, and skip."""
    rows: list[StageRow] = [
        (24, 4, first_stride),
        (40, 4, 2),
        (80, 4, 2),
        (96, 4, 1),
        (192, 4, 2),
        (320, 1, 1),
    ]
    return SearchSpace(
        name=name,
        resolution=resolution,
        num_classes=num_classes,
        stem=Stem(32, stride=stem_stride),
        layers=(Block(MBConv(3, 1), 32, 16), *stage_slots(16, rows, mbconvs((3, 5, 7), (3, 6)))),
        head=Head(1280, dropout=0.1),
    )


def proxyless_imagenet() -> SearchSpace:
    """Returns the space of the paper."""
    return _proxyless("proxyless_imagenet", 224, 1000, stem_stride=2, first_stride=2)


def proxyless_cifar() -> SearchSpace:
    """Returns the space of the paper for 32x32 pixels: stem and first row have stride 1."""
    return _proxyless("proxyless_cifar", 32, 10, stem_stride=1, first_stride=1)


def cifar() -> SearchSpace:
    """Returns a space for 32x32 pixels that two CPU cores search and train in minutes.

    The stem has stride 2, because on a CPU large activations take most of the time.
    """
    rows: list[StageRow] = [(16, 1, 1), (32, 3, 2), (64, 3, 2)]
    return SearchSpace(
        name="cifar",
        resolution=32,
        num_classes=10,
        stem=Stem(16),
        layers=tuple(stage_slots(16, rows, mbconvs((3, 5), (3, 6)))),
        head=Head(128),
    )


def tiny() -> SearchSpace:
    """Returns a space of three slots with two or three candidates, for tests."""
    rows: list[StageRow] = [(8, 1, 2), (16, 2, 2)]
    return SearchSpace(
        name="tiny",
        resolution=32,
        num_classes=10,
        stem=Stem(8),
        layers=tuple(stage_slots(8, rows, (MBConv(3, 1), MBConv(5, 3)))),
        head=Head(32),
    )
