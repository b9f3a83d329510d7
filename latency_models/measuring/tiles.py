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
        narrow_channels: columns of another program, for matrix products with fewer output channels
            than `channels`; None if there is no such program.
    """

    pixels: Annotated[int, Field(gt=0)]
    channels: Annotated[int, Field(gt=0)]
    pass_channels: Annotated[int, Field(gt=0)] = 1
    vector: Annotated[int, Field(gt=0)] = 1
    narrow_channels: Annotated[int, Field(gt=0)] | None = None

    def is_narrow(self, outputs: int) -> bool:
        """Whether a matrix product of `outputs` channels has the narrow program."""
        return self.narrow_channels is not None and outputs < self.channels

    def columns(self, outputs: int) -> int:
        """Output channels that are computed for `outputs` of them."""
        narrow = self.narrow_channels
        return whole(outputs, narrow if narrow and self.is_narrow(outputs) else self.channels)


SMALLEST_TILE = Tile(1, 1)
"""Counts multiply-accumulates as papers do."""

TILES = (
    SMALLEST_TILE,
    Tile(6, 8, 8, 4),
    Tile(4, 16, 16, 16),
    Tile(7, 16, 16, 16),
    Tile(7, 32, 32, 16),
    Tile(7, 16, 32, 16),
    Tile(7, 32, 1, 16, 16),
)
"""None, and XNNPACK's: of float32 and int8 with NEON, of int8 with AVX-512, and three of float32
with AVX-512. The last has a program of 32 columns, and one of 16 for fewer than 32 output channels;
LiteRT 2.3 contains just these two."""


def whole(count: int, tile: int) -> int:
    """`count` rounded up to whole tiles."""
    return -(-count // tile) * tile
