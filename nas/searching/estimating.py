"""Chooses the child by an estimate from the losses of all weight steps, and keeps the estimate."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import tensorflow as tf
from pydantic import Field
from pydantic.dataclasses import dataclass

from nas import files, reading, schemas
from nas.architecture.operations import STRICT
from nas.architecture.specs import SearchSpace
from nas.choices import additive_estimate, space_costs
from nas.choices.additive_estimate import AdditiveEstimate
from nas.file_kinds import ESTIMATE
from nas.schemas import Finite, NotNegative, PositiveCount
from nas.searching.algorithms.task import Task
from nas.supernet import pretrained_start
from nas.supernet.supernet import Supernet

FILE_NAME = "estimate.json"


@dataclass(frozen=True, config=STRICT)
class Row:
    """The effects of one row's options on the loss.

    Attributes:
        name: the row, as in `SearchSpace.option_labels`.
        options: its options, likewise.
        effects: their effects in nats; their mean is zero.
        deviations: the standard deviations of the effects, in nats.
    """

    name: str
    options: tuple[str, ...]
    effects: tuple[Finite, ...]
    deviations: tuple[NotNegative, ...]

    def __post_init__(self) -> None:
        for name in ("effects", "deviations"):
            if len(getattr(self, name)) != len(self.options):
                count = len(getattr(self, name))
                raise ValueError(f"expected {len(self.options)} {name}, received {count}")


@dataclass(frozen=True, config=STRICT)
class Record:
    """The content of `estimate.json`.

    Attributes:
        steps: number of observations that were used.
        noise: standard deviation of the loss of one batch around the model, in nats.
        rows: the effects, one entry a row of the space.
        provenance: command, revision and versions.
    """

    steps: PositiveCount
    noise: NotNegative
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    provenance: dict[str, Any]
    schema_version: Literal[1] = 1

    def of(self, choices: Sequence[int]) -> float:
        """Returns the loss of a network beside that of the mean network, in nats."""
        return sum(row.effects[c] for row, c in zip(self.rows, choices, strict=True))


def read(directory: files.Path, space: SearchSpace) -> Record | None:
    """Reads `estimate.json` of a search in `space`; None if it has none.

    Raises:
        ValueError: the file has another form, or is of another space; the message names the place.
    """
    path = pathlib.Path(directory) / FILE_NAME
    if not reading.exists(path):
        return None
    found = schemas.read(Record, path, ESTIMATE, 1)
    if tuple((row.name, row.options) for row in found.rows) != space.option_labels:
        expected = f"the rows and options of space {space.name}"
        raise reading.fault(path, "rows", expected, "others", ESTIMATE)
    return found


def estimate(task: Task, supernet: Supernet) -> AdditiveEstimate:
    """Estimates what every option is worth, and writes it to `estimate.json`.

    Raises:
        ValueError: there are too few weight steps.
    """
    if supernet.observations is None:
        raise ValueError("estimate: expected a supernet that keeps observations, received none")
    choices, losses = supernet.observations.read()
    macs = space_costs.macs_of(task.space)
    uniform = macs.mask / np.array(macs.counts)[:, None]
    given = macs.gradient(tf.constant(uniform)).numpy()
    mean = float(macs.expected(tf.constant(uniform)))
    # Of a network with this option, the other decisions being random.
    work = [
        mean + row[:count] - row[:count].mean()
        for row, count in zip(given, macs.counts, strict=True)
    ]
    found = additive_estimate.fit(choices, losses, work, _options_of_seed(task))
    _write(task, found)
    return found


def _options_of_seed(task: Task) -> list[int | None] | None:
    """Returns the pretrained network's option in every row; None for the resolution, a free one."""
    if task.pretrained is None:
        return None
    found: list[int | None] = [*pretrained_start.choices_of(task.space, task.pretrained)]
    if task.space.resolution_row is not None:
        found[task.space.resolution_row] = None
    return found


def _write(task: Task, found: AdditiveEstimate) -> None:
    labels = task.space.option_labels
    rows = [
        Row(name, options, tuple(effects.tolist()), tuple(deviations.tolist()))
        for (name, options), effects, deviations in zip(
            labels, found.effects, found.deviations, strict=True
        )
    ]
    record = Record(found.steps, found.noise, tuple(rows), files.provenance())
    files.write_json(task.directory / FILE_NAME, dataclasses.asdict(record))
