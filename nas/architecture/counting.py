"""Counts parameters, multiply-accumulates and bytes of blocks and networks from their specs."""

from collections.abc import Iterable, Iterator

from nas.architecture.blocks import Block
from nas.architecture.operations.stage import Stage, with_resolutions
from nas.architecture.specs import Child, SearchSpace


def chain_macs(stages: Iterable[Stage], resolution: int) -> int:
    """Returns the multiply-accumulates of stages on a square input of `resolution` pixels."""
    return sum(stage.macs(size) for stage, size in with_resolutions(stages, resolution))


def block_macs(block: Block, resolution: int) -> int:
    """Returns the multiply-accumulates of a block on a square input of `resolution` pixels."""
    return chain_macs(block.stages, resolution)


def block_params(block: Block) -> int:
    """Returns the number of trainable parameters of a block, batch normalization included."""
    return sum(stage.num_weights for stage in block.stages)


def child_stages(child: Child) -> Iterator[tuple[Stage, int]]:
    """Yields every stage of a network in order, with the resolution of its input."""
    yield child.stem.stage(child.input_channels), child.resolution
    for block, resolution in child.places:
        yield from with_resolutions(block.stages, resolution)
    yield from with_resolutions(head_stages(child), child.input_resolutions[-1])


def head_stages(child: Child) -> tuple[Stage, ...]:
    """Returns the stages of the head of a network."""
    return child.head.stages(child.layers[-1].output_width)


def num_params(child: Child) -> int:
    """Returns the trainable parameters of convolutions, batch normalization and classifier.

    Example:
        >>> import nas
        >>> nas.num_params(nas.load_child("proxyless_mobile"))
        4080512
    """
    classifier = (child.head.output_width + 1) * child.num_classes
    return classifier + sum(stage.num_weights for stage, _ in child_stages(child))


def num_macs(child: Child) -> int:
    """Returns the multiply-accumulates of convolutions and classifier for one image.

    Example:
        >>> import nas
        >>> child = nas.load_child("proxyless_mobile")
        >>> nas.num_macs(child) // 10**6
        320
        >>> nas.num_macs(child.with_task(1000, resolution=112)) // 10**6
        89
    """
    classifier = child.head.output_width * child.num_classes
    return classifier + sum(stage.macs(size) for stage, size in child_stages(child))


def supernet_params(space: SearchSpace) -> int:
    """Returns the trainable weights of a supernet of `space`, without architecture parameters.

    Example:
        >>> import nas
        >>> from nas.architecture import counting
        >>> space = nas.load_space("cifar")
        >>> counting.supernet_params(space), nas.num_params(space.first_child)
        (556378, 95290)
    """
    space = space.largest
    shared = space.first_child
    chosen = sum(block_params(slot.block(0)) for slot in space.slots)
    candidates = sum(block_params(block) for slot in space.slots for block in slot.blocks)
    return num_params(shared) - chosen + candidates


def block_bytes(block: Block, weight_bytes: int, channel_bytes: int) -> int:
    """Returns the bytes of a block's weights in a file, where batch normalization is folded.

    Args:
        block: the block.
        weight_bytes: bytes of one value of a kernel.
        channel_bytes: bytes per output channel: its bias, and its scales if quantized.
    """
    return sum(stage_bytes(stage, weight_bytes, channel_bytes) for stage in block.stages)


def stage_bytes(stage: Stage, weight_bytes: int, channel_bytes: int) -> int:
    """Returns the bytes of a stage's weights in a file; see `block_bytes`."""
    return sum(
        kernel.size * weight_bytes + kernel.channels * channel_bytes for kernel in stage.kernels
    )


def num_bytes(child: Child, weight_bytes: int, channel_bytes: int) -> int:
    """Returns the bytes of a network's weights in a file, without the structure of the file."""
    sizes = weight_bytes, channel_bytes
    stem = stage_bytes(child.stem.stage(child.input_channels), *sizes)
    blocks = sum(block_bytes(block, *sizes) for block in child.layers)
    return stem + blocks + head_bytes(child, *sizes)


def head_bytes(child: Child, weight_bytes: int, channel_bytes: int) -> int:
    """Returns the bytes of the head's weights in a file, classifier included."""
    classes = child.num_classes
    classifier = child.head.output_width * classes * weight_bytes + classes * channel_bytes
    stages = head_stages(child)
    return classifier + sum(stage_bytes(stage, weight_bytes, channel_bytes) for stage in stages)
