"""The stages of a part, from what it was made of or from its JSON values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pydantic

from latency_models.measuring.parts import Kind, Part
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import Stage

_BLOCK = pydantic.TypeAdapter(Block)


class Chain(NamedTuple):
    """What a part computes.

    Attributes:
        stages: in order, without a classifier.
        has_residual: whether its input is added to the output of the last stage.
        num_classes: of the classifier that follows the mean over all pixels; 0 for none.
    """

    stages: Sequence[Stage]
    has_residual: bool = False
    num_classes: int = 0


def of_part(part: Part) -> Chain:
    """Returns the stages of a stem, a block or a head, without reading its JSON values."""
    source = part.source
    if isinstance(source, Block):
        return Chain(source.stages, source.has_residual)
    if part.kind == "stem":
        return Chain([source.stem.stage(source.input_channels)])
    if part.kind == "head":
        width = source.layers[-1].output_width
        return Chain(source.head.stages(width), num_classes=source.num_classes)
    return of_spec(part.kind, part.spec)


def of_spec(kind: Kind, spec: dict[str, Any]) -> Chain:
    """Returns the stages of a part as measurements and tables hold it.

    Raises:
        ValueError: it is a whole network.
    """
    rest = dict(spec)
    if kind == "block":
        block = _BLOCK.validate_json(json.dumps(spec), strict=True)
        return Chain(block.stages, block.has_residual)
    if kind == "stem":
        channels = rest.pop("input_channels")
        return Chain([Stem(**rest).stage(channels)])
    if kind == "head":
        width, classes = rest.pop("input_width"), rest.pop("num_classes")
        return Chain(Head(**rest).stages(width), num_classes=classes)
    raise ValueError(f"features: expected a stem, a block or a head, received a {kind}")
