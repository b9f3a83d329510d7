"""Published networks from rows, as papers print them: one row a block."""

from collections.abc import Iterable

from nas.architecture.blocks import Block, Head, Stem, Stride
from nas.architecture.operations import AnyOperation
from nas.architecture.specs import Child

# Operation, output width, stride.
Row = tuple[AnyOperation, int, Stride]


def stage_rows(operations: Iterable[AnyOperation], width: int, stride: Stride) -> list[Row]:
    """Returns the rows of blocks of one width, of which the first has the stride."""
    return [(op, width, 1 if i else stride) for i, op in enumerate(operations)]


def imagenet_child(name: str, stem: Stem, rows: Iterable[Row], head: Head) -> Child:
    """Returns a network for 1,000 classes and images of 224x224 pixels."""
    layers: list[Block] = []
    width = stem.width
    for op, output_width, stride in rows:
        layers.append(Block(op, width, output_width, stride))
        width = output_width
    return Child(name, 224, 1000, stem, tuple(layers), head)
