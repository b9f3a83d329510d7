"""Parts of networks and whole networks to be timed, each with a key that identifies it.

Two parts with the same key do the same computation on the same shape. One measurement therefore
serves every place, space and child in which the part occurs.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable
from typing import Any, Literal

from export.direct import networks
from export.recipes import Recipe
from nas.architecture import counting, spec_json
from nas.architecture.blocks import Block
from nas.architecture.part_grids import Parts, part_grids
from nas.architecture.specs import Child, SearchSpace

Kind = Literal["stem", "block", "head", "network"]


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a network, or a whole network, to be timed.

    Attributes:
        kind: the stem, a block, the head, or a whole network.
        label: short name for tables.
        resolution: height and width of its input, in pixels.
        spec: the JSON values from which the key is computed.
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
        """Identifies the part, for example `block-3f2a90c1d07e`."""
        return key_of(self.kind, self.resolution, self.spec)

    def write(self, recipe: Recipe, seed: int = 0) -> bytes:
        """Returns the part as a `.tflite` file with random weights.

        Args:
            recipe: the types of the file; it is not fine-tuned.
            seed: seed of the weights; the same arguments give the same bytes.

        Raises:
            ValueError: the recipe cannot write an operation of the part.
        """
        if isinstance(self.source, Block):
            return networks.write_block(self.source, self.resolution, recipe, seed)
        writers = {
            "stem": networks.write_stem,
            "head": networks.write_head,
            "network": networks.write_child,
        }
        return writers[self.kind](self.source, recipe, seed)


def key_of(kind: str, resolution: int | None, spec: dict[str, Any]) -> str:
    """The key of a part with these JSON values."""
    text = json.dumps([kind, resolution, spec], sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def block_part(block: Block, resolution: int) -> Part:
    """Returns a block on a square input of `resolution` pixels."""
    macs = counting.block_macs(block, resolution)
    return Part("block", block.label, resolution, spec_json.plain(block), macs, block)


def stem_part(child: Child) -> Part:
    """Returns the first convolution of `child`."""
    stage = child.stem.stage(child.input_channels)
    spec = {**spec_json.plain(child.stem), "input_channels": child.input_channels}
    macs = stage.macs(child.resolution)
    label = f"stem, {child.input_channels} -> {child.stem.width} / {child.stem.stride}"
    return Part("stem", label, child.resolution, spec, macs, child)


def head_part(child: Child) -> Part:
    """Returns the last convolution of `child`, its pooling and its classifier."""
    width, resolution = child.layers[-1].output_width, child.input_resolutions[-1]
    spec = spec_json.plain(child.head) | {"input_width": width, "num_classes": child.num_classes}
    # Inference uses no dropout.
    del spec["dropout"]
    stages = child.head.stages(width)
    macs = counting.chain_macs(stages, resolution) + child.head.output_width * child.num_classes
    widths = [width, *(stage.output_width for stage in stages), child.num_classes]
    label = f"head, {' -> '.join(map(str, widths))}"
    return Part("head", label, resolution, spec, macs, child)


def network_part(child: Child) -> Part:
    """Returns the whole of `child`; its key does not depend on its name and its dropout rate."""
    anonymous = dataclasses.replace(
        child, name="network", head=dataclasses.replace(child.head, dropout=0.0)
    )
    macs = counting.num_macs(child)
    return Part("network", child.name, child.resolution, spec_json.plain(anonymous), macs, child)


def child_parts(child: Child) -> list[Part]:
    """Returns stem, blocks and head in order, without identities, which cost nothing."""
    blocks = [
        block_part(block, resolution) for block, resolution in child.places if not block.is_identity
    ]
    return [stem_part(child), *blocks, head_part(child)]


def space_parts(space: SearchSpace) -> list[Part]:
    """Returns every distinct part of the networks of `space` once."""
    stem, *layers, head = part_grids(space, Parts(stem_part, block_part, head_part))
    # Widths and resolutions in the outer loops, as the parts of one block belong together.
    flat = [grid.transpose(0, 2, 3, 1).ravel() for grid in (stem, head, *layers)]
    return distinct(part for parts in flat for part in parts if part is not None)


def distinct(parts: Iterable[Part]) -> list[Part]:
    """Returns `parts` in their order, only the first of each key."""
    return list({part.key: part for part in reversed(list(parts))}.values())[::-1]
