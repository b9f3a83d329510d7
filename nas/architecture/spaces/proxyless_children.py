"""The networks published with the paper (Cai et al. 2019, figure 4 and the authors' release).

Each row is a sequence of blocks of one width: their kernel sizes and expansions (`Z` if the search
chose the zero operation), the width, and the stride of the first block.
"""

from nas.architecture.blocks import Head, Stem, Stride
from nas.architecture.operations import AnyOperation, MBConv, Skip
from nas.architecture.spaces.rows import Row, imagenet_child, stage_rows
from nas.architecture.specs import Child

# Blocks, width, stride of the first.
StageRow = tuple[str, int, Stride]


def _child(name: str, stem: int, head: int, dropout: float, stages: list[StageRow]) -> Child:
    rows: list[Row] = []
    for blocks, width, stride in stages:
        rows += stage_rows([_operation(block) for block in blocks.split()], width, stride)
    return imagenet_child(name, Stem(stem), rows, Head(head, dropout=dropout))


def _operation(block: str) -> AnyOperation:
    return Skip() if block == "Z" else MBConv(int(block[0]), int(block[2]))


PROXYLESS_CHILDREN = (
    _child(
        "proxyless_mobile",
        32,
        1280,
        0.1,
        [
            ("3/1", 16, 1),
            ("5/3 3/3 Z Z", 32, 2),
            ("7/3 3/3 5/3 5/3", 40, 2),
            ("7/6 5/3 5/3 5/3", 80, 2),
            ("5/6 5/3 5/3 5/3", 96, 1),
            ("7/6 7/6 7/3 7/3", 192, 2),
            ("7/6", 320, 1),
        ],
    ),
    _child(
        "proxyless_gpu",
        40,
        1728,
        0.3,
        [
            ("3/1", 24, 1),
            ("5/3 Z Z Z", 32, 2),
            ("7/3 Z Z 3/3", 56, 2),
            ("7/6 Z Z 5/3", 112, 2),
            ("5/6 Z 3/3 5/3", 128, 1),
            ("7/6 7/6 7/6 5/6", 256, 2),
            ("7/6", 432, 1),
        ],
    ),
    _child(
        "proxyless_cpu",
        40,
        1432,
        0.2,
        [
            ("3/1", 24, 1),
            ("3/6 3/3 3/3 3/3", 32, 2),
            ("3/6 3/3 3/3 5/3", 48, 2),
            ("3/6 Z Z 3/3", 88, 2),
            ("5/6 3/3 3/3 3/3", 104, 1),
            ("5/6 5/3 5/3 3/3", 216, 2),
            ("5/6", 360, 1),
        ],
    ),
    _child(
        "proxyless_mobile_14",
        48,
        1792,
        0.1,
        [
            ("3/1", 24, 1),
            ("5/3 3/3 Z Z", 40, 2),
            ("7/3 3/3 5/3 5/3", 56, 2),
            ("7/6 5/3 5/3 5/3", 112, 2),
            ("5/6 5/3 5/3 5/3", 136, 1),
            ("7/6 7/6 7/3 7/3", 256, 2),
            ("7/6", 448, 1),
        ],
    ),
)
