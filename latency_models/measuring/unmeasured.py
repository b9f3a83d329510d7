"""Models that a device cannot run, as rows of a file beside the measurements.

A delegate may lack an operation. The blocks that have it are marked here, and the others are
measured.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from latency_models import devices
from latency_models.devices import cautions
from latency_models.measuring.environment import Environment
from latency_models.measuring.parts import Kind, Part
from nas import json_lines
from nas.architecture.operations import STRICT
from nas.file_kinds import UNMEASURED
from nas.files import Path

SCHEMA_VERSION = 1


class NothingRuns(devices.DeviceError):
    """A device can run none of the models."""


@dataclass(frozen=True, config=STRICT)
class Unmeasured:
    """A model that a device cannot run.

    Attributes:
        key: as in `measurements.Measurement`.
        kind: the same.
        label: the same.
        recipe: the same.
        environment: the same.
        reason: what the device says, in one line.
        space: as in `measurements.Measurement`.
        provenance: the same.
    """

    key: str
    kind: Kind
    label: str
    recipe: str | None
    environment: Environment
    reason: str
    space: str | None = None
    provenance: dict[str, Any] | None = None
    schema_version: Literal[1] = 1

    def is_for(self, recipe: str | None, environment: dict[str, Any]) -> bool:
        """Whether the model was tried with this recipe in this environment."""
        return self.recipe == recipe and self.environment == environment


def path_beside(measurements: Path) -> pathlib.Path:
    """The file of a measurement file: `rows_failed.jsonl` for `rows.jsonl`."""
    path = pathlib.Path(measurements)
    return path.with_name(f"{path.stem}_failed{path.suffix}")


def read(measurements: Path) -> list[Unmeasured]:
    """Reads what is beside a measurement file; returns an empty list if there is nothing.

    Raises:
        ValueError: the file is damaged; the message names the line and the field.
    """
    return json_lines.read(path_beside(measurements), Unmeasured, UNMEASURED, SCHEMA_VERSION)


def append(measurements: Path, rows: Iterable[Unmeasured]) -> None:
    """Appends rows to the file beside a measurement file, if there are any."""
    content = list(map(dataclasses.asdict, rows))
    if content:
        json_lines.append(path_beside(measurements), content, UNMEASURED)


def keys(measurements: Path, recipe: str | None, environment: dict[str, Any]) -> set[str]:
    """Keys of the models that were tried with this recipe in this environment."""
    return {row.key for row in read(measurements) if row.is_for(recipe, environment)}


@contextlib.contextmanager
def labels(of_keys: Mapping[str, str]) -> Iterator[None]:
    """Names the model of a `ModelError` by its label, given the labels by key."""
    try:
        yield
    except devices.ModelError as error:
        label = of_keys.get(error.key, error.key)
        raise devices.DeviceError(f"{error.device}: {label}: {error.reason}") from None


def mark(
    measurements: Path,
    device: str,
    tried: Iterable[Part],
    failed: Mapping[str, str],
    common: Mapping[str, Any],
    is_any_measured: bool,
) -> None:
    """Marks the parts that a device cannot run, and logs them.

    Args:
        measurements: the measurement file.
        device: name of the device.
        tried: the parts that were timed together.
        failed: the reasons by key.
        common: fields of their rows: recipe, environment, space and provenance.
        is_any_measured: whether the device could run anything so far.

    Raises:
        NothingRuns: it could not.
    """
    left = [part for part in tried if part.key in failed]
    if not is_any_measured:
        raise NothingRuns(
            f"{device}: expected to run blocks and networks, but none of {len(left)} could run, "
            f"for example {left[0].label}: {failed[left[0].key]}"
        )
    fields = {name: common[name] for name in ("recipe", "environment", "space", "provenance")}
    append(
        measurements,
        [
            Unmeasured(part.key, part.kind, part.label, reason=failed[part.key], **fields)
            for part in left
        ],
    )
    for part in left:
        cautions.LOGGER.warning(
            "%s: %s cannot run and is left out: %s", device, part.label, failed[part.key]
        )
