"""Files to which rows of JSON are appended, one a line.

Each row is written and synced before the next one. If a killed process left an incomplete last
line, reading and appending drop it.
"""

import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from nas import reading, schemas
from nas.file_kinds import ANY, Kind
from nas.files import Path

Row = TypeVar("Row")


def read(path: Path, schema: type[Row], kind: Kind, version: int | None = None) -> list[Row]:
    """Reads every row of a file; returns an empty list if the file does not exist.

    Args:
        path: the file.
        schema: what a row is.
        kind: what the file is.
        version: the `schema_version` of a row that names one; None if it is not compared.

    Raises:
        ValueError: the file cannot be read, or a row does not fit the schema; the message names the
            line and the field.
    """
    if not reading.exists(path):
        return []
    content = reading.content(path, kind)
    rows = []
    for i, line in enumerate(content[: _whole(content)].splitlines(), 1):
        source = f"{os.fspath(path)}, line {i}"
        data = reading.parsed(line, source, kind)
        if version is not None and isinstance(data, dict) and "schema_version" in data:
            schemas.check_version(data["schema_version"], version, source, kind)
        rows.append(schemas.parse(schema, data, source, kind))
    return rows


def append(path: Path, rows: Iterable[Mapping[str, Any]], kind: Kind = ANY) -> None:
    """Appends rows and syncs each to disk before the next."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = reading.content(path, kind) if reading.exists(path) else b""
    whole = _whole(content)
    with open(path, "ab") as file:
        file.truncate(whole)
        if whole and content[whole - 1 : whole] != b"\n":
            file.write(b"\n")
        for row in rows:
            file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _whole(content: bytes) -> int:
    """Length of `content` up to the end of its last complete line.

    A last line without its end, as editors leave one, is complete if it is JSON.
    """
    end = content.rfind(b"\n") + 1
    try:
        json.loads(content[end:])
    except (ValueError, RecursionError):
        return end
    return len(content)
