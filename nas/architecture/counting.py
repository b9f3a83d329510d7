"""Parameters and multiply-accumulates of blocks and networks, counted from their specs."""

from collections.abc import Callable, Iterator

import numpy as np

from nas.architecture.operations.stage import Stage, with_resolutions
from nas.architecture.specs import Block, Child, SearchSpace, Slot


def block_macs(block: Block, resolution: int) -> int:
    """Multiply-accumulates of a block on a square input of `resolution` pixels."""
    return sum(stage.macs(size) for stage, size in with_resolutions(block.stages, resolution))


def block_params(block: Block) -> int:
    """Trainable parameters of a block, batch normalization included."""
    return sum(stage.num_weights for stage in block.stages)


def child_stages(child: Child) -> Iterator[tuple[Stage, int]]:
    """Every stage of a network in order, each with the resolution of its input."""
    yield child.stem.stage(child.input_channels), child.resolution
    for block, resolution in child.places:
        yield from with_resolutions(block.stages, resolution)
    yield child.head.stage(child.layers[-1].output_width), child.input_resolutions[-1]


def num_params(child: Child) -> int:
    """Trainable parameters of a network: convolutions, batch normalization, classifier.

    Example:
        >>> import nas
        >>> nas.num_params(nas.load_child("proxyless_mobile"))
        4080512
    """
    classifier = (child.head.width + 1) * child.num_classes
    return classifier + sum(stage.num_weights for stage, _ in child_stages(child))


def num_macs(child: Child) -> int:
    """Multiply-accumulates of convolutions and classifier for one image.

    Example:
        >>> import nas
        >>> child = nas.load_child("proxyless_mobile")
        >>> nas.num_macs(child) // 10**6
        320
        >>> nas.num_macs(child.with_task(1000, resolution=112)) // 10**6
        89
    """
    classifier = child.head.width * child.num_classes
    return classifier + sum(stage.macs(size) for stage, size in child_stages(child))


def supernet_params(space: SearchSpace) -> int:
    """Trainable weights of a supernet over `space`, architecture parameters apart.

    Example:
        >>> import nas
        >>> space = nas.load_space("cifar")
        >>> nas.supernet_params(space), nas.num_params(space.first_child)
        (556378, 95290)
    """
    shared = space.first_child
    chosen = sum(block_params(slot.block(0)) for slot in space.slots)
    candidates = sum(block_params(block) for slot in space.slots for block in slot.blocks)
    return num_params(shared) - chosen + candidates


def block_bytes(block: Block, weight_bytes: int, channel_bytes: int) -> int:
    """Bytes of a block's weights in a file, its batch normalizations folded into convolutions.

    Args:
        block: the block.
        weight_bytes: of one value of a kernel.
        channel_bytes: of what belongs to one output channel: bias, and scales if quantized.
    """
    return sum(_stage_bytes(stage, weight_bytes, channel_bytes) for stage in block.stages)


def _stage_bytes(stage: Stage, weight_bytes: int, channel_bytes: int) -> int:
    return sum(
        kernel.size * weight_bytes + kernel.channels * channel_bytes for kernel in stage.kernels
    )


def num_bytes(child: Child, weight_bytes: int, channel_bytes: int) -> int:
    """Bytes of a network's weights in a file; the file's own structure comes on top."""
    classes = child.num_classes
    classifier = child.head.width * classes * weight_bytes + classes * channel_bytes
    return classifier + sum(
        _stage_bytes(stage, weight_bytes, channel_bytes) for stage, _ in child_stages(child)
    )


def by_candidate(
    space: SearchSpace,
    of_block: Callable[[Block, int], int],
    of_child: Callable[[Child], int],
) -> tuple[list[np.ndarray], float]:
    """A cost of every candidate of every slot, and of all that is not chosen.

    Args:
        space: the space.
        of_block: the cost of a block on a square input of so many pixels.
        of_child: the cost of a network, which is the sum of its blocks' and fixed parts'.
    """
    slots = [
        np.array([float(of_block(block, resolution)) for block in layer.blocks])
        for layer, resolution in space.places
        if isinstance(layer, Slot)
    ]
    first = of_child(space.first_child)
    return slots, first - sum(float(slot[0]) for slot in slots)
