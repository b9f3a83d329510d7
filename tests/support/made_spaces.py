"""Spaces with width and resolution decisions, like those that come with the package but made up."""

from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from nas.architecture.specs import SearchSpace


def _slots(before, rows, candidates):
    """Slots row by row, each row (width, depth, stride of its first slot)."""
    layers = []
    for width, depth, stride in rows:
        for _ in range(depth):
            keeps = stride == 1 and before == width
            layers.append(
                Slot(before, width, (*candidates, Skip()) if keeps else candidates, stride)
            )
            before, stride = width, 1
    return tuple(layers)


def mobile(name="mobile_like"):
    """Every kind of operation, widths of stages and two resolutions, for 32x32 pixels."""
    mbconvs = [
        MBConv(kernel_size=k, expansion=e, se_ratio=s)
        for s in (0.0, 0.25)
        for e in (3, 6)
        for k in (3, 5)
    ]
    candidates = (*mbconvs, FusedMBConv(kernel_size=3, expansion=3), UIB(3, 5, 4))
    return SearchSpace(
        name=name,
        resolution=(24, 32),
        num_classes=10,
        stem=Stem("w1"),
        layers=_slots("w1", [("w1", 1, 1), ("w2", 3, 2), ("w3", 3, 2)], candidates),
        head=Head("w4"),
        widths={
            "w1": (8, 16, 24, 32),
            "w2": (16, 24, 32, 40, 48, 56, 64),
            "w3": (32, 48, 64, 80, 96, 112, 128),
            "w4": (128, 160, 192, 224, 256),
        },
    )


def small(name="small_like"):
    """Two slots with two widths and two resolutions, of few parts."""
    candidates = (MBConv(3, 3), MBConv(5, 3, se_ratio=0.25))
    return SearchSpace(
        name=name,
        resolution=(12, 16),
        num_classes=3,
        stem=Stem(8),
        layers=_slots(8, [("w", 2, 2)], candidates),
        head=Head(32),
        widths={"w": (8, 16)},
    )


def large(name="large_like"):
    """`proxyless_imagenet` with seven to nine widths a stage and three resolutions."""
    factors = (0.5, 0.625, 0.75, 1.0, 1.25, 1.5, 2.0)
    widths = {"stem": (16, 24, 32, 40, 48, 56, 64), "first": (8, 16, 24, 32)}
    rows, depths = [], [(24, 4, 2), (40, 4, 2), (80, 4, 2), (96, 4, 1), (192, 4, 2), (320, 1, 1)]
    for i, (width, depth, stride) in enumerate(depths):
        numbers = [max(8, round(width * f / 8) * 8) for f in (*factors, 1.75, 0.875)]
        widths[f"w{i}"] = tuple(sorted(set(numbers)))
        rows.append((f"w{i}", depth, stride))
    widths["head"] = tuple(round(1280 * f) for f in factors)
    candidates = tuple(MBConv(k, e) for e in (3, 6) for k in (3, 5, 7))
    return SearchSpace(
        name=name,
        resolution=(160, 192, 224),
        num_classes=1000,
        stem=Stem("stem"),
        layers=(Block(MBConv(3, 1), "stem", "first"), *_slots("first", rows, candidates)),
        head=Head("head"),
        widths=widths,
    )
