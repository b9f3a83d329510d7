"""The metrics of a training or a search, `metrics.jsonl`: one row of numbers per epoch."""

import json
import os
from typing import Any

import pydantic

from nas import reading, schemas
from nas.file_kinds import METRICS

_ROW = dict[str, pydantic.FiniteFloat]
# Fractions of images, in [0, 1]; every other number may have any size.
_FRACTION = "accuracy"


def read(path: reading.Path) -> list[dict[str, Any]]:
    """Reads the rows of a `metrics.jsonl`; none if the file does not exist.

    Raises:
        FileFault: a line is not a row of finite numbers with its epoch, an accuracy is not in
            [0, 1], or the epochs do not increase; the message names the line.
    """
    if not reading.exists(path):
        return []
    rows: list[dict[str, Any]] = []
    before = 0
    for i, line in enumerate(reading.content(path, METRICS).splitlines(), start=1):
        source = f"{os.fspath(path)}, line {i}"
        row = reading.parsed(line, source, METRICS)
        schemas.parse(_ROW, row, source, METRICS)
        epoch = row.get("epoch")
        if not isinstance(epoch, int) or epoch <= before:
            expected = f"a whole number above {before}"
            raise reading.fault(source, "epoch", expected, json.dumps(epoch), METRICS)
        for name, value in row.items():
            if name.endswith(_FRACTION) and not 0.0 <= value <= 1.0:
                expected = "a fraction from 0 to 1"
                raise reading.fault(source, name, expected, json.dumps(value), METRICS)
        rows.append(row)
        before = epoch
    return rows
