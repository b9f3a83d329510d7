"""Reads what finished commands left, for the commands that compare their networks."""

import pathlib
from collections.abc import Mapping
from typing import Any

import pydantic
from pydantic import Field
from pydantic.dataclasses import dataclass

from nas import file_kinds, reading, schemas
from nas.file_kinds import COMPARISON, RESULT
from nas.pretrained import init_names
from nas.schemas import Count, Finite, Fraction, NotNegative, Positive
from tools.reporting.data import records

_IGNORING = pydantic.ConfigDict(extra="ignore")


@dataclass(frozen=True, config=_IGNORING)
class Result:
    """`result.json` of a training."""

    test_accuracy: Fraction
    provenance: dict[str, Any]


@dataclass(frozen=True, config=_IGNORING)
class Usage:
    """`usage.json`: time and memory of a search."""

    search_seconds: NotNegative
    search_cpu_seconds: NotNegative
    peak_mib: NotNegative


@dataclass(frozen=True, config=_IGNORING)
class Probe:
    """Time that a search takes, from two short ones."""

    seconds_an_image: Positive
    seconds_at_least: NotNegative


@dataclass(frozen=True, config=_IGNORING)
class ComparedSearch:
    """One search in `comparison.json`."""

    folder: str
    algorithm: str
    target: Finite
    seed: Count
    target_latency_ms: NotNegative
    test_accuracy: Fraction | None


@dataclass(frozen=True, config=_IGNORING)
class ComparisonSettings:
    """The settings of `tools.compare_search` that other commands read."""

    latency_model: str
    model: dict[str, Any]
    space: str
    train_epochs: Count
    max_train_examples: Count
    validation_size: Count
    train_repeats: Count = 1


@dataclass(frozen=True, config=_IGNORING)
class Comparison:
    """`comparison.json` of `tools.compare_search`."""

    settings: ComparisonSettings
    searches: tuple[ComparedSearch, ...] = Field(min_length=1)


def result(path: pathlib.Path) -> Result:
    """Reads the result of a training.

    Raises:
        ValueError: the file is missing or damaged; the message names the place.
    """
    return schemas.read(Result, path, RESULT, 1)


def comparison(path: pathlib.Path) -> dict[str, Any]:
    """Reads `comparison.json`, checked, as JSON values.

    Raises:
        ValueError: the file is missing or damaged; the message names the place.
    """
    schemas.read(Comparison, path, COMPARISON, 1)
    return reading.json_value(path, COMPARISON)


def search_notes(path: pathlib.Path) -> records.Found:
    """Reads the results of a search from the provenance of its `child.json`, which may lack them.

    Raises:
        ValueError: the file is missing or damaged.
    """
    kind = file_kinds.CHILD
    content = schemas.read(dict[str, Any], path, kind, 1)
    notes = content.get("provenance", {"command": ""})
    return schemas.parse(records.Found, notes, str(path), kind, "provenance")


def pipeline(folder: pathlib.Path) -> tuple[records.Summary, dict[str, Any]]:
    """Reads the numbers and the flags of a finished pipeline.

    Raises:
        ValueError: a file is missing or damaged, or has no pipeline.
    """
    summary = schemas.read(records.Summary, folder / "summary.json", file_kinds.SUMMARY, 1)
    for name in ("dataset", "test_accuracy"):
        if getattr(summary, name) is None:
            path = folder / "summary.json"
            raise reading.fault(path, name, "a value", "none", file_kinds.SUMMARY)
    path = folder / "config.json"
    config = records.read_config(path)
    if "pipeline" not in config:
        expected = "the flags of tools.pipeline"
        raise reading.fault(path, "pipeline", expected, "none", file_kinds.CONFIG)
    settings = config["pipeline"]
    for place, found, names in (
        ("pipeline", settings, ("preset", "seed", "max_train_examples")),
        ("pipeline.preset", settings.get("preset") or {}, ("train", "validation_size")),
    ):
        for name in names:
            if found.get(name) is None:
                place = f"{place}.{name}"
                raise reading.fault(path, place, "a value", "none", file_kinds.CONFIG)
    return summary, settings


def check_start(settings: Mapping[str, Any], path: pathlib.Path) -> None:
    """Checks that a pipeline's network can be compared with ones that begin with random weights.

    Args:
        settings: the pipeline's settings.
        path: its work dir, for the message.

    Raises:
        ValueError: its training began with the weights of another network.
    """
    init = settings["preset"].get("init", init_names.RANDOM)
    if init_names.is_pretrained(init):
        raise ValueError(
            f"{path}: expected a run that began with random weights, received one that began with "
            f"{init}; its summary.json compares it with that network"
        )
