"""What is timed: the parts of a network, and whole networks, each with a key that names it.

Two parts with the same key are the same computation on the same shape, so one measurement serves
every place, space and child where it occurs.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from nas.architecture import counting
from nas.architecture.specs import Block, Child, SearchSpace, Slot

if TYPE_CHECKING:
    import keras

Kind = Literal["stem", "block", "head", "network"]


@dataclasses.dataclass(frozen=True)
class Part:
    """One thing to time.

    Attributes:
        kind: the stem, a block, the head, or a whole network.
        label: short name for tables.
        resolution: height and width of its input, in pixels.
        spec: what the key is made from, as JSON values.
        num_macs: multiply-accumulates for one image.
        source: the block, or the child whose stem, head or whole network this is.
    """

    kind: Kind
    label: str
    resolution: int
    spec: dict[str, Any] = dataclasses.field(hash=False)
    num_macs: int
    source: Block | Child = dataclasses.field(compare=False, repr=False)

    @functools.cached_property
    def key(self) -> str:
        """Fingerprint, for example `block-3f2a90c1d07e`."""
        text = json.dumps([self.kind, self.resolution, self.spec], sort_keys=True)
        return f"{self.kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def build(self) -> keras.Model:
        """The part as a freshly initialised Keras model."""
        # Reading measurements and predicting need no framework, which takes seconds to import.
        from nas.layers import keras_network

        if isinstance(self.source, Block):
            return keras_network.build_block(self.source, self.resolution)
        builders = {
            "stem": keras_network.build_stem,
            "head": keras_network.build_head,
            "network": keras_network.build_child,
        }
        return builders[self.kind](self.source)


def _plain(spec: Any) -> dict[str, Any]:
    """The spec as JSON gives it back: lists for tuples."""
    return json.loads(json.dumps(dataclasses.asdict(spec)))


def block_part(block: Block, resolution: int) -> Part:
    """A block on a square input of `resolution` pixels."""
    macs = counting.block_macs(block, resolution)
    return Part("block", block.label, resolution, _plain(block), macs, block)


def stem_part(child: Child) -> Part:
    """The first convolution of `child`."""
    stage = child.stem.stage(child.input_channels)
    spec = {**_plain(child.stem), "input_channels": child.input_channels}
    macs = counting.stage_macs(stage, child.resolution)
    label = f"stem, {child.input_channels} -> {child.stem.width} / {child.stem.stride}"
    return Part("stem", label, child.resolution, spec, macs, child)


def head_part(child: Child) -> Part:
    """The last convolution of `child`, its pooling and its classifier."""
    width, resolution = child.layers[-1].output_width, child.input_resolutions[-1]
    spec = {
        "width": child.head.width,
        "activation": child.head.activation,
        "input_width": width,
        "num_classes": child.num_classes,
    }
    macs = counting.stage_macs(child.head.stage(width), resolution)
    macs += child.head.width * child.num_classes
    label = f"head, {width} -> {child.head.width} -> {child.num_classes}"
    return Part("head", label, resolution, spec, macs, child)


def network_part(child: Child) -> Part:
    """The whole of `child`; its name and its dropout rate do not count."""
    anonymous = dataclasses.replace(
        child, name="network", head=dataclasses.replace(child.head, dropout=0.0)
    )
    macs = counting.num_macs(child)
    return Part("network", child.name, child.resolution, _plain(anonymous), macs, child)


def child_parts(child: Child) -> list[Part]:
    """Stem, blocks and head in order; identities cost nothing and are left out."""
    blocks = [
        block_part(block, resolution)
        for block, resolution in zip(child.layers, child.input_resolutions, strict=False)
        if not block.is_identity
    ]
    return [stem_part(child), *blocks, head_part(child)]


def space_parts(space: SearchSpace) -> list[Part]:
    """Every distinct part of the networks of `space`, each once."""
    some_child = space.child([0] * len(space.slots))
    parts = [stem_part(some_child), head_part(some_child)]
    for layer, resolution in zip(space.layers, space.input_resolutions, strict=False):
        blocks = layer.blocks if isinstance(layer, Slot) else (layer,)
        parts += [block_part(block, resolution) for block in blocks if not block.is_identity]
    return distinct(parts)


def distinct(parts: Iterable[Part]) -> list[Part]:
    """`parts` in their order, the first of each key only."""
    return list({part.key: part for part in reversed(list(parts))}.values())[::-1]
