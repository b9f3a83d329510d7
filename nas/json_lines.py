"""Files to which rows of JSON are appended, one a line.

Each row is written and synced before the next one. If a killed process left an incomplete last
line, reading and appending drop it.
"""

import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import pydantic

from nas.files import Path

Row = TypeVar("Row")


def read(path: Path, schema: pydantic.TypeAdapter[Row], expected: str) -> list[Row]:
    """Reads every row of a file; returns an empty list if the file does not exist.

    Args:
        path: the file.
        schema: what a row is.
        expected: what a row is, for the message of an error.

    Raises:
        ValueError: a row does not fit the schema; the message names the line and the field.
    """
    try:
        content = pathlib.Path(path).read_bytes()
    except FileNotFoundError:
        return []
    lines = content[: _whole(content)].splitlines()
    return [_parse(line, schema, f"{path}, line {i}", expected) for i, line in enumerate(lines, 1)]


def append(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Appends rows and syncs each to disk before the next."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        file.seek(0)
        content = file.read()
        file.truncate(_whole(content))
        for row in rows:
            file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _whole(content: bytes) -> int:
    """Length of `content` up to the end of its last complete line."""
    return content.rfind(b"\n") + 1


def _parse(line: bytes, schema: pydantic.TypeAdapter[Row], source: str, expected: str) -> Row:
    try:
        return schema.validate_json(line)
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"]) or "row"
        raise ValueError(f"{source}: {place}: {fault['msg']}; expected {expected}") from None
