"""The fields of a work dir's files that a report needs; other fields are ignored."""

import json
import pathlib
from typing import Any, TypeVar

import pydantic
from pydantic.dataclasses import dataclass

from nas import files

T = TypeVar("T")

_IGNORING = pydantic.ConfigDict(extra="ignore")


@dataclass(frozen=True, config=_IGNORING)
class Provenance:
    """Command, revision and versions that made a file; see `nas.files.provenance`."""

    command: str
    git_revision: str | None = None
    python: str | None = None
    platform: str | None = None
    libraries: dict[str, str | None] = pydantic.Field(default_factory=dict)


@dataclass(frozen=True, config=_IGNORING)
class Found(Provenance):
    """Provenance of `child.json`, with the results of the search; all None without a search."""

    choices: tuple[int, ...] | None = None
    most_probable: tuple[int, ...] | None = None
    entropy: float | None = None
    validation_accuracy: float | None = None
    predicted_latency_ms: float | None = None
    predicted_macs: float | None = None
    predicted_params: float | None = None
    predicted_bytes: float | None = None
    search: dict[str, Any] | None = None


@dataclass(frozen=True, config=_IGNORING)
class Baseline:
    """The widest network of one width multiplier whose predicted latency meets the target."""

    multiplier: float
    predicted_latency_ms: float
    params: int
    macs: int


@dataclass(frozen=True, config=_IGNORING)
class Summary:
    """`summary.json`, with latencies in milliseconds and times in seconds."""

    recipe: str
    num_threads: int
    target_latency_ms: float
    predicted_latency_ms: float | None
    params: int
    macs: int
    latency_ms_by_recipe: dict[str, float]
    stage_seconds: dict[str, float]
    provenance: Provenance
    baseline: Baseline | None = None


@dataclass(frozen=True, config=_IGNORING)
class FineTuning:
    """Fine-tuning for a recipe; the parent was trained as long in float."""

    accuracy_parent: float


@dataclass(frozen=True, config=_IGNORING)
class ByClass:
    """Accuracy where classes are of different sizes; a class without images has None."""

    balanced_accuracy: float
    accuracy_by_class: dict[str, float | None]
    majority_class: str
    majority_accuracy: float


@dataclass(frozen=True, config=_IGNORING)
class InApp:
    """Accuracy on test photos as an app prepares them, and on the same ones as the test does."""

    accuracy: float
    num_images: int
    accuracy_in_test: float


@dataclass(frozen=True, config=_IGNORING)
class Parity:
    """`parity_<recipe>.json`, a file compared with its Keras network; accuracies are fractions."""

    recipe: str
    num_images: int
    top1_agreement: float
    accuracy_keras: float
    accuracy_tflite: float
    size_bytes: int
    oldest_runtime: str | None
    runtime: str
    provenance: Provenance
    fine_tuning: FineTuning | None = None
    by_class: ByClass | None = None
    in_app: InApp | None = None


@dataclass(frozen=True, config=_IGNORING)
class Judged:
    """An evaluated network in `search/networks.json`; `cost` is in the unit of the search."""

    choices: tuple[int, ...]
    validation_accuracy: float
    cost: float
    round: int


@dataclass(frozen=True, config=_IGNORING)
class _JudgedNetworks:
    networks: tuple[Judged, ...]


@dataclass(frozen=True, config=_IGNORING)
class Scores:
    """Scores of predicted latencies; `points` are pairs of milliseconds, errors are fractions."""

    count: int
    mape: float
    within_5: float
    within_10: float
    bias: float
    kendall_tau: float | None = None
    method: str = ""
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, config=_IGNORING)
class _Row:
    epoch: int


def parse(cls: type[T], data: Any, source: str) -> T:
    """Converts the JSON values `data` to `cls`.

    Raises:
        ValueError: a field is not as expected; the message names `source` and the first one.
    """
    try:
        return pydantic.TypeAdapter(cls).validate_python(data)
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"]) or "file"
        raise ValueError(
            f"{source}: {place}: {fault['msg']}; expected a file written by the tools: "
            "make it again, or delete it"
        ) from None


def read(cls: type[T], path: pathlib.Path) -> T | None:
    """Reads the JSON file `path` as `cls`; returns None if the file does not exist.

    Raises:
        ValueError: the file is damaged; the message names the file and the place.
    """
    return parse(cls, files.read_json(path), str(path)) if path.exists() else None


def read_judged(path: pathlib.Path) -> tuple[Judged, ...]:
    """Reads the networks that a search evaluated, in order; empty if the file does not exist."""
    found = read(_JudgedNetworks, path)
    return found.networks if found else ()


def read_metrics(path: pathlib.Path) -> tuple[dict[str, float], ...]:
    """Reads the rows of a `metrics.jsonl`, one per epoch; empty if the file does not exist.

    Raises:
        ValueError: a line is not a row of numbers; the message names the line.
    """
    if not path.exists():
        return ()
    rows = []
    for i, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{path}, line {i}: not JSON ({error}); expected one row per epoch: run the stage "
                "again, or delete the file"
            ) from None
        source = f"{path}, line {i}"
        parse(_Row, row, source)
        rows.append(parse(dict[str, pydantic.FiniteFloat], row, source))
    return tuple(rows)
