"""Parameters and multiply-accumulates of blocks and networks, counted from their specs."""

from collections.abc import Iterator

from nas.candidates import Stage
from nas.specs import Block, Child, SearchSpace, downsampled


def stage_macs(stage: Stage, resolution: int) -> int:
    """Multiply-accumulates of one stage on a square input of `resolution` pixels.

    Convolutions only, as papers count them: batch normalization, activations and additions are
    left out.
    """
    pixels = downsampled(resolution, stage.stride) ** 2
    height, width, inputs, filters = stage.kernel_shape
    return pixels * height * width * inputs * filters


def block_macs(block: Block, resolution: int) -> int:
    """Multiply-accumulates of a block on a square input of `resolution` pixels."""
    macs = 0
    for stage in block.stages:
        macs += stage_macs(stage, resolution)
        resolution = downsampled(resolution, stage.stride)
    return macs


def block_params(block: Block) -> int:
    """Trainable parameters of a block, batch normalization included."""
    return sum(stage.num_weights for stage in block.stages)


def child_stages(child: Child) -> Iterator[tuple[Stage, int]]:
    """Every stage of a network in order, each with the resolution of its input."""
    yield child.stem.stage(child.input_channels), child.resolution
    resolutions = child.input_resolutions
    for block, resolution in zip(child.layers, resolutions, strict=False):
        for stage in block.stages:
            yield stage, resolution
            resolution = downsampled(resolution, stage.stride)
    yield child.head.stage(child.layers[-1].output_width), resolutions[-1]


def num_params(child: Child) -> int:
    """Trainable parameters of a network: convolutions, batch normalization, classifier."""
    classifier = (child.head.width + 1) * child.num_classes
    return classifier + sum(stage.num_weights for stage, _ in child_stages(child))


def num_macs(child: Child) -> int:
    """Multiply-accumulates of convolutions and classifier for one image."""
    classifier = child.head.width * child.num_classes
    return classifier + sum(stage_macs(stage, size) for stage, size in child_stages(child))


def supernet_params(space: SearchSpace) -> int:
    """Trainable weights of a supernet over `space`, architecture parameters apart."""
    shared = space.child([0] * len(space.slots))
    chosen = sum(block_params(slot.block(0)) for slot in space.slots)
    candidates = sum(block_params(block) for slot in space.slots for block in slot.blocks)
    return num_params(shared) - chosen + candidates
