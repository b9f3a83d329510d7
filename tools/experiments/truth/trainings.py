"""What networks of a space are worth: drawn near a target, each trained several times.

A file of JSON lines, one for each training. A search can be judged by where the network that it
found stands among these.
"""

import dataclasses
import random
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from nas import json_lines
from nas.architecture.operations import STRICT
from nas.architecture.spaces import width_multiplied
from nas.architecture.specs import SearchSpace
from nas.choices.chain_costs import ChainCosts
from nas.choices.derive import TARGET_BAND
from nas.choices.uniform_children import UniformChildren
from nas.file_kinds import TRUTH
from nas.files import Path

FILE_NAME = "truth.jsonl"

# Draws for one network in the band around a target, of networks below its upper end.
_MOST_DRAWS = 10_000

Group = Literal["drawn", "width"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


@dataclass(frozen=True, config=STRICT)
class Training:
    """One training of a network.

    Attributes:
        group: `drawn` uniformly, or the one of multiplied `width` nearest to the target.
        number: number of the network in its group and target, from 0.
        target_ms: the target latency, in milliseconds.
        predicted_ms: the network's predicted latency, in milliseconds.
        choices: its choices in its space.
        seed: seed of the training.
        test_accuracy: after the training.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
        settings: what all trainings of a file share: space, data set, epochs, seed of the draws.
        provenance: command, revision and versions.
    """

    group: Group
    number: Annotated[int, Field(ge=0)]
    target_ms: Annotated[float, Field(gt=0.0)]
    predicted_ms: Annotated[float, Field(gt=0.0)]
    choices: tuple[int, ...]
    seed: int
    test_accuracy: Fraction
    params: int
    macs: int
    settings: dict[str, Any]
    provenance: dict[str, Any]
    schema_version: Literal[1] = 1


def read(path: Path) -> list[Training]:
    """Reads every training; none if the file does not exist.

    Raises:
        ValueError: a row is not a training.
    """
    return json_lines.read(path, Training, TRUTH, 1)


def append(path: Path, training: Training) -> None:
    """Appends one training."""
    json_lines.append(path, [dataclasses.asdict(training)])


def draw(costs: ChainCosts, target_ms: float, seed: int) -> Iterator[tuple[int, ...]]:
    """Draws different networks uniformly from those within `TARGET_BAND` of the target.

    Raises:
        ValueError: no further one was found in many draws.
    """
    rng = random.Random(f"truth {target_ms} {seed}")
    children = UniformChildren(costs, target_ms * (1.0 + TARGET_BAND))
    found: set[tuple[int, ...]] = set()
    while True:
        for _ in range(_MOST_DRAWS):
            choices = children.draw(rng)
            if choices not in found and costs.of(choices) >= target_ms * (1.0 - TARGET_BAND):
                break
        else:
            raise ValueError(
                f"networks: expected at most {len(found)} within {TARGET_BAND:.0%} of "
                f"{target_ms:g} ms, no other was found in {_MOST_DRAWS:,} draws"
            )
        found.add(choices)
        yield choices


def nearest_width(space: SearchSpace, costs: ChainCosts, target_ms: float) -> tuple[int, ...]:
    """Returns the network of one multiplied width whose predicted latency is nearest."""
    networks = width_multiplied.all_multiplied(space)
    return min(networks, key=lambda choices: abs(costs.of(choices) - target_ms))
