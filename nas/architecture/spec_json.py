"""Spaces and children as JSON: the dataclasses of `specs`, field by field.

The error message for an invalid file names the place of the first error
(`layers[3].slot.candidates[2].mbconv.kernel_size: ...`).
"""

import dataclasses
from typing import Any, TypeVar

from nas import reading, schemas
from nas.architecture.specs import Child, SearchSpace
from nas.file_kinds import ANY, CHILD, SPACE

SCHEMA_VERSION = 1

T = TypeVar("T")

_KINDS = {SearchSpace: SPACE, Child: CHILD}

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
    kind = _KINDS.get(cls, ANY)
    if not isinstance(data, dict):
        raise reading.fault(source, "", f"{kind.what} (an object)", reading.shown(data), kind)
    schemas.check_version(data.get("schema_version"), SCHEMA_VERSION, source, kind)
    notes = {"schema_version", "provenance", "comment"}
    fields = {key: value for key, value in data.items() if key not in notes}
    found = schemas.parse(cls, fields, source, kind)
    if isinstance(found, SearchSpace) and not found.option_counts:
        expected = "at least one slot, width or resolution to choose"
        raise reading.fault(source, "layers", expected, "only fixed blocks", kind)
    return found
