"""Compares JSON values with a schema, and says in one line what does not fit.

A schema is a pydantic type. The schema of each kind of file stands beside the code that writes it.
"""

import json
import os
import re
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import Field

from nas import reading
from nas.file_kinds import Kind

T = TypeVar("T")

# Words of pydantic, with ours.
_SHORTER = {
    "greater than or equal to": "a number of at least",
    "less than or equal to": "a number of at most",
    "greater than": "a number above",
    "less than": "a number below",
    "dictionary": "object",
}

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
PositiveCount = Annotated[int, Field(ge=1)]


def read(schema: type[T], path: reading.Path, kind: Kind, version: int | None = None) -> T:
    """Reads the JSON file `path`.

    Args:
        schema: what it contains.
        path: the file.
        kind: what the file is.
        version: the `schema_version` it has if it names one; None if it is not compared.

    Raises:
        FileFault: it cannot be read, or does not fit.
    """
    data = reading.json_value(path, kind)
    if version is not None and isinstance(data, dict) and "schema_version" in data:
        check_version(data["schema_version"], version, os.fspath(path), kind)
    return parse(schema, data, os.fspath(path), kind)


def check_version(found: object, expected: int, source: str, kind: Kind) -> None:
    """Refuses another `schema_version`.

    Raises:
        FileFault: it is another one.
    """
    if found != expected or isinstance(found, bool):
        raise reading.FileFault(
            f"{source}: schema_version: expected {expected}, received {reading.shown(found)}; "
            f"read it with the version of this project that wrote it, or {kind.advice}"
        )


def parse(schema: Any, data: Any, source: str, kind: Kind, place: str = "") -> Any:
    """Converts JSON values to a schema.

    Args:
        schema: the pydantic type.
        data: values as JSON has them.
        source: the file, for the message of an error.
        kind: what the file is.
        place: where in the file the values are.

    Raises:
        FileFault: a value does not fit; the message names the first one.
    """
    try:
        return pydantic.TypeAdapter(schema).validate_json(json.dumps(data), strict=True)
    except pydantic.ValidationError as error:
        where, what = _first_fault(error)
        joined = ".".join(filter(None, [place, where])).replace(".[", "[")
        message = ": ".join(filter(None, [source, joined, what]))
        raise reading.FileFault(f"{message}; {kind.advice}") from None
    except RecursionError:
        raise reading.fault(source, place, "less depth", "more", kind) from None


def _first_fault(error: pydantic.ValidationError) -> tuple[str, str]:
    """Returns the place of the first fault, and what was expected and received there."""
    fault = error.errors()[0]
    place, received = reading.place_text(fault["loc"]), reading.shown(fault["input"])
    if fault["type"] == "missing":
        return place, "expected a value, received none"
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return place, f"expected no such field, received {received}"
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if fault["type"] == "value_error" and "expected" in message:
        # The input of a check of several fields is the whole object.
        whole = isinstance(fault["input"], dict) and fault["input"]
        told = "" if whole or "received" in message else received
        return place, message + (f", received {told}" if told else "")
    for long, short in _SHORTER.items():
        message = message.replace(long, short)
    message = re.sub(r"^(\w+) should have", r"a \1 of", message)
    message = re.sub(r" after validation, not \d+$", "", message).replace("a Tuple", "a list")
    if fault["type"].startswith("dataclass_"):
        message = "an object"
    return place, f"expected {message}, received {received}"
