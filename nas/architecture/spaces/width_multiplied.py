"""Networks of one operation with a width multiplier: the baseline for a search.

As in MobileNetV2 (Sandler et al. 2018, section 5), every slot has the same operation, MBConv with
kernel size 3 and expansion 6, and all widths are multiplied by one number.
"""

import dataclasses

from nas.architecture.blocks import Block
from nas.architecture.operations import MBConv
from nas.architecture.operations.bottlenecks import scaled_width
from nas.architecture.sizes import number
from nas.architecture.specs import Child, SearchSpace


def fixed_width(space: SearchSpace, multiplier: float) -> Child:
    """Returns the network of `space` with MBConv 3x3 of expansion 6 in every slot.

    Args:
        space: determines depths, strides, stem, head, activation and task.
        multiplier: multiplies all widths; above 0. The head is scaled only if it is above 1.

    Raises:
        ValueError: the multiplier is not above 0, or a width of the space is a decision.
    """
    if not multiplier > 0.0:
        raise ValueError(f"multiplier: expected a number above 0, received {multiplier}")
    stem = dataclasses.replace(space.stem, width=scaled_width(number(space.stem.width), multiplier))
    layers: list[Block] = []
    width = stem.width
    for layer in space.layers:
        kept = layer.op if layer.type == "block" else None
        op = kept or MBConv(3, 6, space.stem.activation)
        output_width = scaled_width(number(layer.output_width), multiplier)
        layers.append(Block(op, width, output_width, layer.stride))
        width = output_width
    head_width = scaled_width(number(space.head.width), max(1.0, multiplier))
    return Child(
        name=f"{space.name}_x{multiplier:g}",
        resolution=space.largest_resolution,
        num_classes=space.num_classes,
        stem=stem,
        layers=tuple(layers),
        head=dataclasses.replace(space.head, width=head_width),
        input_channels=space.input_channels,
    )
