"""The fields of a work dir's files that are read again; other fields are ignored."""

import pathlib
from typing import Any, TypeVar

import pydantic
from pydantic.dataclasses import dataclass

from nas import file_kinds, reading, schemas
from nas.file_kinds import Kind
from nas.schemas import Count, Finite, Fraction, NotNegative, Positive, PositiveCount

T = TypeVar("T")

SCHEMA_VERSION = 1

_IGNORING = pydantic.ConfigDict(extra="ignore")


@dataclass(frozen=True, config=_IGNORING)
class Provenance:
    """Command, revision and versions that made a file; see `nas.files.provenance`.

    `extends` are the commands whose runs that of `config.json` extends.
    """

    command: str
    git_revision: str | None = None
    python: str | None = None
    platform: str | None = None
    libraries: dict[str, str | None] = pydantic.Field(default_factory=dict)
    extends: tuple[str, ...] = ()


@dataclass(frozen=True, config=_IGNORING)
class SearchSettings:
    """Settings of a search, in `config.json` and in the provenance of `child.json`."""

    algorithm: str | None = None
    dataset: str | None = None
    latency_model: str | None = None
    epochs: Count | None = None
    earlier_epochs: tuple[PositiveCount, ...] = ()
    warmup_epochs: Count | None = None
    seed: int | None = None
    target: NotNegative | None = None
    target_latency_ms: NotNegative | None = None
    target_macs: NotNegative | None = None
    target_params: NotNegative | None = None
    target_bytes: NotNegative | None = None
    is_limit: bool | None = None


@dataclass(frozen=True, config=_IGNORING)
class TrainSettings:
    """Settings of a training, in `config.json`."""

    dataset: str | None = None
    epochs: Count | None = None
    earlier_epochs: tuple[PositiveCount, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, config=_IGNORING)
class PresetSettings:
    """The preset of a pipeline, in `config.json`."""

    dataset: str | None = None
    space: str | None = None
    child: str | None = None
    recipe: str | None = None
    recipes: tuple[str, ...] = ()
    target_latency: Finite | None = None
    validation_size: Count | None = None
    init: str | None = None
    search: SearchSettings | None = None
    train: TrainSettings | None = None


@dataclass(frozen=True, config=_IGNORING)
class PipelineSettings:
    """The flags of a pipeline, in `config.json`."""

    preset: PresetSettings | None = None
    seed: Count = 0
    target_latency_ms: NotNegative | None = None
    max_train_examples: Count = 0
    images: dict[str, Any] = pydantic.Field(default_factory=dict)


@dataclass(frozen=True, config=_IGNORING)
class Config:
    """`config.json`: the flags by command; those of other commands are not read again here."""

    pipeline: PipelineSettings | None = None
    search: SearchSettings | None = None
    train: TrainSettings | None = None


@dataclass(frozen=True, config=_IGNORING)
class Stage:
    """One stage in `stages.json`."""

    finished: bool
    seconds: NotNegative = 0.0
    outputs: tuple[str, ...] = ()
    inputs: dict[str, str | None] = pydantic.Field(default_factory=dict)


@dataclass(frozen=True, config=_IGNORING)
class Found(Provenance):
    """Provenance of `child.json`, with the results of the search; all None without a search."""

    choices: tuple[Count, ...] | None = None
    most_probable: tuple[Count, ...] | None = None
    entropy: NotNegative | None = None
    validation_accuracy: Fraction | None = None
    predicted_latency_ms: NotNegative | None = None
    predicted_macs: NotNegative | None = None
    predicted_params: NotNegative | None = None
    predicted_bytes: NotNegative | None = None
    search: dict[str, Any] | None = None


@dataclass(frozen=True, config=_IGNORING)
class Baseline:
    """The widest network of one width multiplier whose predicted latency meets the target."""

    multiplier: Positive
    predicted_latency_ms: NotNegative
    params: Count
    macs: Count


@dataclass(frozen=True, config=_IGNORING)
class FixedNetwork:
    """The pretrained network at the largest resolution that meets the target, trained alike."""

    name: str
    resolution: PositiveCount
    predicted_latency_ms: NotNegative
    params: Count
    macs: Count
    measured_latency_ms: NotNegative | None = None
    test_accuracy: Fraction | None = None
    test_accuracy_tflite: Fraction | None = None


@dataclass(frozen=True, config=_IGNORING)
class Summary:
    """`summary.json`, with latencies in milliseconds and times in seconds."""

    recipe: str
    num_threads: PositiveCount
    target_latency_ms: NotNegative
    predicted_latency_ms: NotNegative | None
    params: Count
    macs: Count
    latency_ms_by_recipe: dict[str, NotNegative]
    stage_seconds: dict[str, NotNegative]
    provenance: Provenance
    baseline: Baseline | None = None
    fixed_network: FixedNetwork | None = None
    dataset: str | None = None
    measured_latency_ms: NotNegative | None = None
    test_accuracy: Fraction | None = None
    test_accuracy_by_recipe: dict[str, Fraction] = pydantic.Field(default_factory=dict)
    size_bytes_by_recipe: dict[str, Count] = pydantic.Field(default_factory=dict)
    failed_recipes: dict[str, str] = pydantic.Field(default_factory=dict)
    search_seconds: NotNegative = 0.0
    train_seconds: NotNegative = 0.0


def read(cls: type[T], path: pathlib.Path, kind: Kind) -> T | None:
    """Reads the JSON file `path` as `cls`; returns None if the file does not exist.

    Raises:
        ValueError: the file is damaged; the message names the file and the place.
    """
    if not reading.exists(path):
        return None
    return schemas.read(cls, path, kind, SCHEMA_VERSION)


def read_config(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Reads the flags by command from `config.json`; empty if it does not exist.

    Raises:
        ValueError: the file is damaged; the message names the file and the place.
    """
    read(Config, path, file_kinds.CONFIG)
    return _by_command(path, file_kinds.CONFIG)


def read_stages(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Reads the stages by command from `stages.json`; empty if it does not exist.

    Raises:
        ValueError: the file is damaged; the message names the file and the place.
    """
    found = _by_command(path, file_kinds.STAGES)
    schemas.parse(dict[str, dict[str, Stage]], found, str(path), file_kinds.STAGES)
    return found


def _by_command(path: pathlib.Path, kind: Kind) -> dict[str, dict[str, Any]]:
    content = read(dict[str, Any], path, kind) or {}
    notes = ("schema_version", "provenance")
    commands = {name: value for name, value in content.items() if name not in notes}
    return schemas.parse(dict[str, dict[str, Any]], commands, str(path), kind)
