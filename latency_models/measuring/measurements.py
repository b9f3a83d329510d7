"""Latency measurements as rows of an append-only JSONL file (`nas/json_lines.py`)."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from latency_models.measuring import parts
from latency_models.measuring.environment import Environment
from latency_models.measuring.parts import Kind
from nas import json_lines, reading
from nas.architecture.operations import STRICT
from nas.architecture.specs import SearchSpace
from nas.file_kinds import MEASUREMENTS, TFLITE
from nas.files import Path
from nas.schemas import Count, NotNegative, Positive, PositiveCount

SCHEMA_VERSION = 1


@dataclass(frozen=True, config=STRICT)
class Measurement:
    """The latency of one model on one device.

    Attributes:
        key: fingerprint of the part or of the `.tflite` file.
        kind: the stem, a block, the head, or a whole network.
        label: name for tables.
        recipe: the export recipe; None for a file of unknown origin.
        latency_ms: median over the rounds, in milliseconds. Outliers (`timing.outliers`) are left
            out of this and of every other statistic except `count`.
        p10_ms: 10th percentile over the rounds.
        p90_ms: 90th percentile over the rounds.
        count: number of rounds.
        coefficient_of_variation: standard deviation over mean of the relative latencies of the
            rounds.
        relative_latency: median over the rounds of the model's latency over the reference model's
            latency in the same round. It does not change when the machine's speed drifts.
        half_relative_latencies: the same from the even rounds and from the odd rounds; their
            difference shows the repeat error.
        reference: key of the reference model.
        reference_ms: median latency of the reference model, in milliseconds.
        environment: the device, its system and its runtime; see `devices.protocol`.
        spec: the part, or the child, as JSON; None for a file.
        resolution: height and width of the input, in pixels; None for a file.
        space: name of the search space it was measured for.
        provenance: command, revision and versions that made the row.
        outliers: number of rounds left out.
        noisy: whether the variation stayed above `Plan.max_variation`; the row is kept and marked.
        conditions: observations during the measurement, for example temperatures.
    """

    key: str
    kind: Kind
    label: str
    recipe: str | None
    latency_ms: Positive
    p10_ms: Positive
    p90_ms: Positive
    count: PositiveCount
    coefficient_of_variation: NotNegative
    relative_latency: Positive
    half_relative_latencies: tuple[Positive, Positive]
    reference: str
    reference_ms: Positive
    environment: Environment
    spec: dict[str, Any] | None = None
    resolution: PositiveCount | None = None
    space: str | None = None
    provenance: dict[str, Any] | None = None
    outliers: Count = 0
    noisy: bool = False
    conditions: dict[str, Any] | None = None
    schema_version: Literal[1] = 1

    def normalized_ms(self, reference_ms: float) -> float:
        """Latency in milliseconds at the speed at which the reference takes `reference_ms`."""
        return self.relative_latency * reference_ms

    def is_for(self, recipe: str | None, environment: dict[str, Any]) -> bool:
        """Whether the row was measured with this recipe in this environment."""
        return self.recipe == recipe and self.environment == environment


def file_key(path: Path) -> str:
    """The `key` of rows that timed this `.tflite` file, a fingerprint of its content.

    Raises:
        ValueError: the file cannot be read.
    """
    return content_key(reading.content(path, TFLITE))


def content_key(content: bytes) -> str:
    """The `key` of rows that timed a `.tflite` file of this content."""
    return f"file-{hashlib.sha256(content).hexdigest()[:12]}"


def read(path: Path) -> list[Measurement]:
    """Reads every row of a measurement file; returns an empty list if the file does not exist.

    Raises:
        ValueError: a row is not a measurement; the message names the line and the field.
    """
    rows = json_lines.read(path, Measurement, MEASUREMENTS, SCHEMA_VERSION)
    for i, row in enumerate(rows, 1):
        if row.spec is not None and parts.key_of(row.kind, row.resolution, row.spec) != row.key:
            source, expected = f"{os.fspath(path)}, line {i}", f"the part or network of {row.key}"
            raise reading.fault(source, "spec", expected, "another", MEASUREMENTS)
    return rows


def append(path: Path, rows: Iterable[Measurement]) -> None:
    """Appends rows and syncs each to disk before the next."""
    json_lines.append(path, map(dataclasses.asdict, rows), MEASUREMENTS)


def extremes(rows: Sequence[Measurement]) -> tuple[Measurement, Measurement]:
    """The fastest and the slowest whole network among `rows`.

    Raises:
        ValueError: `rows` have no whole network.
    """
    networks = sorted(
        (row for row in rows if row.kind == "network"), key=lambda row: row.relative_latency
    )
    if not networks:
        raise ValueError(
            "measurements: expected a whole network, received none; run tools.benchmark --space"
        )
    return networks[0], networks[-1]


def measured_space(space: SearchSpace, rows: Sequence[Measurement]) -> SearchSpace:
    """`space` with the classes, resolution and channels of its whole networks in `rows`.

    Raises:
        ValueError: `rows` have no whole network of `space`.
    """
    specs = [
        row.spec
        for row in rows
        if row.kind == "network" and row.spec is not None and row.space == space.name
    ]
    if specs:
        # If the resolution is a decision, the networks have several.
        resolution = max(spec["resolution"] for spec in specs)
        return space.with_task(specs[0]["num_classes"], resolution, specs[0]["input_channels"])
    raise ValueError(
        f"measurements: expected whole networks of {space.name}, received none; "
        "run tools.benchmark --space"
    )
