"""Spaces and children as JSON: the dataclasses of `specs`, field by field.

The error message for an invalid file names the place of the first error
(`layers[3].slot.candidates[2].mbconv.kernel_size: ...`).
"""

import dataclasses
import json
from typing import Any, TypeVar

import pydantic

from nas.architecture.specs import SearchSpace

SCHEMA_VERSION = 1

T = TypeVar("T")


# Fields with a default that have been in files, and in keys of measurements, from the beginning.
_ALWAYS_WRITTEN = {
    "MBConv": {"activation"},
    "Block": {"stride"},
    "Slot": {"stride"},
    "Stem": {"kernel_size", "stride", "activation"},
    "Head": {"activation", "dropout"},
    "Child": {"input_channels"},
    "SearchSpace": {"input_channels"},
}


def to_dict(spec: Any) -> dict[str, Any]:
    """Returns the JSON form of a spec, with its `schema_version`."""
    return {"schema_version": SCHEMA_VERSION, **plain(spec)}


def plain(spec: Any) -> Any:
    """Returns a spec, or a tuple of specs, as JSON values.

    A field that was added later is left out if it has its default. Files, keys of measurements and
    identities of runs that do not use it therefore stay as they were.
    """
    if isinstance(spec, tuple):
        return [plain(value) for value in spec]
    if isinstance(spec, dict):
        return {key: plain(value) for key, value in spec.items()}
    if not dataclasses.is_dataclass(spec):
        return spec
    kept = {"kind", "type"} | _ALWAYS_WRITTEN.get(type(spec).__name__, set())
    values = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return {
        field.name: plain(values[field.name])
        for field in dataclasses.fields(spec)
        if field.name in kept or values[field.name] != _default(field)
    }


def _default(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def from_dict(cls: type[T], data: Any, source: str = "input") -> T:
    """Reads the JSON form of `cls`, and checks every field.

    The keys `provenance` and `comment` are ignored.

    Raises:
        ValueError: the data are invalid; the message names `source`, the place of the first error,
            and what was expected there.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{source}: expected a JSON object, received {type(data).__name__}")
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ValueError(f"{source}: expected schema_version {SCHEMA_VERSION}, received {version}")
    notes = {"schema_version", "provenance", "comment"}
    fields = {key: value for key, value in data.items() if key not in notes}
    try:
        found = pydantic.TypeAdapter(cls).validate_json(json.dumps(fields), strict=True)
    except pydantic.ValidationError as error:
        raise ValueError(f"{source}: {_first_fault(error)}") from None
    if isinstance(found, SearchSpace) and not found.option_counts:
        raise ValueError(
            f"{source}: layers: expected at least one slot, width or resolution to choose, "
            "received only fixed blocks"
        )
    return found


def _first_fault(error: pydantic.ValidationError) -> str:
    fault = error.errors()[0]
    place = ""
    for step in fault["loc"]:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    message = fault["msg"].removeprefix("Value error, ")
    received = "" if isinstance(fault["input"], dict) else f", received {fault['input']!r}"
    return f"{place.lstrip('.')}: {message}{received}".lstrip(": ")
