"""Whether a network's strides suit the size of its images."""

import math

from nas.architecture.specs import Child, SearchSpace

# A head averages over the last map; more places than this are work without an end.
_LARGEST_LAST_MAP = 32


def total_stride(network: Child | SearchSpace) -> int:
    """How many pixels of the image lie under one place of the last map, along each side."""
    return network.stem.stride * math.prod(layer.stride for layer in network.layers)


def check(network: Child | SearchSpace) -> None:
    """Refuses images that are smaller than the network's stride, or absurdly large for it.

    Raises:
        ValueError: the message says which sizes make sense.
    """
    stride = total_stride(network)
    largest = stride * _LARGEST_LAST_MAP
    if not stride <= network.resolution <= largest:
        raise ValueError(
            f"{network.name} shrinks images {stride}-fold: expected {stride} to {largest} pixels, "
            f"received {network.resolution}; choose another --resolution or --space"
        )


def caution(designed: Child | SearchSpace, fitted: Child | SearchSpace) -> str | None:
    """What to know about images far larger than those a network was designed for.

    Args:
        designed: the network as it came.
        fitted: the same for a data set.
    """
    growth = (fitted.resolution / designed.resolution) ** 2
    if growth < 4:
        return None
    return (
        f"{designed.name} is made for {designed.resolution} pixels: at {fitted.resolution} "
        f"everything takes about {growth:.0f} times as long; --resolution asks for less"
    )
