"""Checks whether the strides of a network suit the size of its images."""

import math

from nas.architecture.specs import Child, SearchSpace

# The head averages over the last feature map. A larger map than this takes far too long.
_LARGEST_LAST_MAP = 32


def total_stride(network: Child | SearchSpace) -> int:
    """Returns the size of the image divided by the size of the last feature map."""
    return network.stem.stride * math.prod(layer.stride for layer in network.layers)


def check(network: Child | SearchSpace) -> None:
    """Checks that images are neither smaller than the network's stride nor far too large for it.

    Raises:
        ValueError: they are; the message says which sizes are allowed.
    """
    stride = total_stride(network)
    largest = stride * _LARGEST_LAST_MAP
    for resolution in network.resolutions:
        if not stride <= resolution <= largest:
            raise ValueError(
                f"{network.name} shrinks images {stride}-fold: expected {stride} to {largest} "
                f"pixels, received {resolution}; choose another --resolution or --space"
            )


def caution(designed: Child | SearchSpace, fitted: Child | SearchSpace) -> str | None:
    """Returns a warning if images are far larger than those a network was designed for.

    Args:
        designed: the network as it was designed.
        fitted: the same network for the images of a data set.
    """
    growth = (fitted.largest_resolution / designed.largest_resolution) ** 2
    if growth < 4:
        return None
    made_for, now = designed.largest_resolution, fitted.largest_resolution
    return (
        f"{designed.name} is made for {made_for} pixels: at {now} everything "
        f"takes about {growth:.0f} times as long; --resolution sets a smaller size"
    )
