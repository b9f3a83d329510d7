"""The fields of a `parity_<recipe>.json` that are read again; other fields are ignored."""

import pathlib
from typing import Any

import pydantic
from pydantic import Field
from pydantic.dataclasses import dataclass

from nas import files, schemas
from nas.file_kinds import PARITY
from nas.schemas import Count, Fraction, NotNegative, Positive

SCHEMA_VERSION = 1

_IGNORING = pydantic.ConfigDict(extra="ignore")


@dataclass(frozen=True, config=_IGNORING)
class FineTuning:
    """Fine-tuning for a recipe; the parent was trained as long in float."""

    accuracy_parent: Fraction


@dataclass(frozen=True, config=_IGNORING)
class ByClass:
    """Accuracy where classes are of different sizes; a class without images has None."""

    balanced_accuracy: Fraction
    accuracy_by_class: dict[str, Fraction | None]
    majority_class: str
    majority_accuracy: Fraction


@dataclass(frozen=True, config=_IGNORING)
class InApp:
    """Accuracy on test photos as an app prepares them, and on the same ones as the test does."""

    accuracy: Fraction
    num_images: Count
    accuracy_in_test: Fraction


@dataclass(frozen=True, config=_IGNORING)
class Record:
    """A file compared with its Keras network; see `export.checks.parity.Parity`."""

    recipe: str
    num_images: Count
    top1_agreement: Fraction
    accuracy_keras: Fraction
    accuracy_tflite: Fraction
    size_bytes: Count
    oldest_runtime: str | None
    runtime: str
    provenance: dict[str, Any]
    fine_tuning: FineTuning | None = None
    max_abs_difference: NotNegative = 0.0
    mean_abs_difference: NotNegative = 0.0
    max_abs_logit: NotNegative = 0.0
    compressed_size_bytes: Count = 0
    operators: dict[str, Count] = Field(default_factory=dict)
    latency_ms: Positive | None = None
    by_class: ByClass | None = None
    in_app: InApp | None = None


def read(path: files.Path) -> Record:
    """Reads a comparison.

    Raises:
        ValueError: the file is missing or damaged; the message names the file and the place.
    """
    return schemas.read(Record, path, PARITY, SCHEMA_VERSION)


def read_all(path: files.Path) -> dict[str, Any]:
    """Reads a comparison with the fields that `Record` leaves out, as JSON values.

    Raises:
        ValueError: as for `read`.
    """
    read(path)
    return files.read_json(pathlib.Path(path), PARITY)
