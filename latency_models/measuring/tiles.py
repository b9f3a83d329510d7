"""What runtimes compute at once: whole tiles of matrix products and whole vectors of channels."""

from __future__ import annotations

from typing import Annotated

import pydantic
from pydantic import Field

from nas.architecture.operations import STRICT


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Tile:
    """What a runtime computes at once on one processor.

    Attributes:
        pixels: rows of a matrix product.
        channels: its columns, of the output.
        pass_channels: output channels of one pass over its inputs, one or more tiles.
        vector: channels that all other loops compute at once, such as those of a depthwise
            convolution or a mean.
    """

    pixels: Annotated[int, Field(gt=0)]
    channels: Annotated[int, Field(gt=0)]
    pass_channels: Annotated[int, Field(gt=0)] = 1
    vector: Annotated[int, Field(gt=0)] = 1


SMALLEST_TILE = Tile(1, 1)
"""Counts multiply-accumulates as papers do."""

TILES = (
    SMALLEST_TILE,
    Tile(6, 8, 8, 4),
    Tile(4, 16, 16, 16),
    Tile(7, 16, 16, 16),
    Tile(7, 32, 32, 16),
    Tile(7, 16, 32, 16),
)
"""None, and XNNPACK's: of float32 and int8 with NEON, of int8 with AVX-512, and two of float32 with
AVX-512, which computes one or two tiles of 16 channels in a pass."""


def whole(count: int, tile: int) -> int:
    """`count` rounded up to whole tiles."""
    return -(-count // tile) * tile
