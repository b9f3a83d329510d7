"""Latency measurements as rows of a JSONL file that only grows.

A row is written whole and synced before the next one; a last line cut short by a killed process
is dropped when the file is read or appended to.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field
from pydantic.dataclasses import dataclass

from latency_models.measuring.parts import Kind
from nas.architecture.operations import STRICT
from nas.architecture.specs import SearchSpace
from nas.files import Path

SCHEMA_VERSION = 1

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


@dataclass(frozen=True, config=STRICT)
class Measurement:
    """How long one model took on one device.

    Attributes:
        key: fingerprint of the part or of the `.tflite` file.
        kind: the stem, a block, the head, or a whole network.
        label: name for tables.
        recipe: how the model was exported; None for a file of unknown origin.
        latency_ms: median over the rounds, in milliseconds. Outliers (`timing.outliers`) are left
            out of this and of every other statistic but `count`.
        p10_ms: 10th percentile over the rounds.
        p90_ms: 90th percentile over the rounds.
        count: number of rounds.
        coefficient_of_variation: standard deviation over mean, of the latencies over the reference
            model's in the same round.
        relative_latency: median over the rounds of latency over the reference model's in the same
            round: what stays when the machine's speed drifts.
        half_relative_latencies: the same from the even and from the odd rounds alone; their
            difference is the error of a repeat.
        reference: key of the reference model.
        reference_ms: median of the reference model, in milliseconds.
        environment: the device, its system and its runtime: see `devices.protocol`.
        spec: the part, or the child, as JSON; None for a file.
        resolution: height and width of the input, in pixels; None for a file.
        space: name of the search space it was measured for.
        provenance: what made the row.
        outliers: how many of the rounds were left out.
        noisy: whether the variation stayed above the gate of the plan; the row is kept and marked.
        conditions: what was observed while measuring, for example temperatures.
    """

    key: str
    kind: Kind
    label: str
    recipe: str | None
    latency_ms: Positive
    p10_ms: Positive
    p90_ms: Positive
    count: Annotated[int, Field(ge=1)]
    coefficient_of_variation: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    relative_latency: Positive
    half_relative_latencies: tuple[Positive, Positive]
    reference: str
    reference_ms: Positive
    environment: dict[str, Any]
    spec: dict[str, Any] | None = None
    resolution: int | None = None
    space: str | None = None
    provenance: dict[str, Any] | None = None
    outliers: Annotated[int, Field(ge=0)] = 0
    noisy: bool = False
    conditions: dict[str, Any] | None = None
    schema_version: Literal[1] = 1

    def normalized_ms(self, reference_ms: float) -> float:
        """The latency in milliseconds of a machine on which the reference takes `reference_ms`."""
        return self.relative_latency * reference_ms

    def is_for(self, recipe: str | None, environment: dict[str, Any]) -> bool:
        """Whether the row was taken with this recipe in this environment."""
        return self.recipe == recipe and self.environment == environment


_ROW = pydantic.TypeAdapter(Measurement)


def read(path: Path) -> list[Measurement]:
    """Every row of a measurement file; an empty list where there is no file yet.

    Raises:
        ValueError: a row is not a measurement; the message names the line and the field.
    """
    try:
        content = pathlib.Path(path).read_bytes()
    except FileNotFoundError:
        return []
    lines = content[: _whole(content)].splitlines()
    return [_parse(line, f"{path}, line {i}") for i, line in enumerate(lines, start=1)]


def append(path: Path, rows: Iterable[Measurement]) -> None:
    """Adds rows, each synced to disk before the next is begun."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        file.seek(0)
        content = file.read()
        file.truncate(_whole(content))
        for row in rows:
            file.write(json.dumps(dataclasses.asdict(row), allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _whole(content: bytes) -> int:
    """Length of the part that ends with a whole line."""
    return content.rfind(b"\n") + 1


def _parse(line: bytes, source: str) -> Measurement:
    try:
        return _ROW.validate_json(line)
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"]) or "row"
        raise ValueError(
            f"{source}: {place}: {fault['msg']}; expected a row written by tools.benchmark"
        ) from None


def extremes(rows: Sequence[Measurement]) -> tuple[Measurement, Measurement]:
    """The fastest and the slowest whole network among `rows`.

    Raises:
        ValueError: there is no whole network.
    """
    networks = sorted(
        (row for row in rows if row.kind == "network"), key=lambda row: row.relative_latency
    )
    if not networks:
        raise ValueError("expected a measured whole network, received none")
    return networks[0], networks[-1]


def measured_space(space: SearchSpace, rows: Sequence[Measurement]) -> SearchSpace:
    """`space` with the classes, resolution and channels of its first whole network in `rows`.

    Raises:
        ValueError: there is no whole network of it.
    """
    for row in rows:
        if row.kind == "network" and row.spec is not None and row.space == space.name:
            spec = row.spec
            return space.with_task(spec["num_classes"], spec["resolution"], spec["input_channels"])
    raise ValueError(
        f"measurements: expected whole networks of {space.name}, received none; "
        "run tools.benchmark --space"
    )
