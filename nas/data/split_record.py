"""Records which split each file of an image folder belongs to, and what changed since last time."""

import pathlib
from typing import Any

from nas import files, reading, schemas
from nas.data.folder import naming
from nas.data.splits.dataset import Dataset
from nas.file_kinds import SPLITS

FILE_NAME = "splits.json"
SCHEMA_VERSION = 1

_PARTS = ("train", "validation", "test")


def record(dataset: Dataset) -> dict[str, Any]:
    """Returns the files of every split with the digests of their contents, as JSON values."""
    parts = {
        name: {file.name: file.digest for file in dataset.files_of(split)}
        for name, split in zip(
            _PARTS, (dataset.train, dataset.validation, dataset.test), strict=True
        )
    }
    unreadable = [file.name for file in dataset.files if file.digest is None]
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": dataset.name,
        "class_names": list(dataset.class_names),
        "input_shape": list(dataset.input_shape),
        **({"levels": [*dataset.levels]} if dataset.levels else {}),
        **parts,
        "unreadable": unreadable,
    }


def update(dataset: Dataset, workdir: pathlib.Path) -> str | None:
    """Writes `splits.json` if it is missing or lists other files.

    Args:
        dataset: a folder of images; any other data set is ignored.
        workdir: the folder to write the file into.

    Returns:
        The differences from the previous file, in one line; None if there are none.
    """
    if not dataset.files:
        return None
    path = workdir / FILE_NAME
    now = record(dataset)
    before = None
    if reading.exists(path):
        before = schemas.read(dict[str, Any], path, SPLITS, SCHEMA_VERSION)
    if before is not None and {k: v for k, v in before.items() if k != "provenance"} == now:
        return None
    files.write_json(path, {**now, "provenance": files.provenance()})
    return None if before is None else differences(before, now)


def differences(before: Any, now: dict[str, Any]) -> str:
    """Describes in one line how the files changed since the record `before`."""
    try:
        old, new = _placed(before), _placed(now)
    except (AttributeError, KeyError, TypeError):
        return f"{FILE_NAME} was not readable and has been rewritten"
    changes = {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(n for n in new.keys() & old.keys() if new[n][1] != old[n][1]),
        "in another split": sorted(n for n in new.keys() & old.keys() if new[n][0] != old[n][0]),
    }
    told = [
        f"{len(names):,} {what} ({naming.shortened(names)})"
        for what, names in changes.items()
        if names
    ]
    shape = [str(r.get("input_shape")) for r in (before, now)]
    levels = [r.get("levels") for r in (before, now)]
    if levels[0] != levels[1]:
        told.append(f"16-bit values are scaled from {levels[1]}, were from {levels[0]}")
    if shape[0] != shape[1]:
        told.append(f"images are {shape[1]}, were {shape[0]}")
    return "the images differ from the last run: " + "; ".join(told or ["other classes"])


def _placed(record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Returns the split and the digest of every file."""
    return {name: (part, digest) for part in _PARTS for name, digest in record[part].items()}
