"""Arrays on disk that say what they were made from."""

import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from nas import files


def load(path: pathlib.Path, identity: str) -> dict[str, Any] | None:
    """Reads stored arrays; None if the file is missing, incomplete or out of date.

    Args:
        path: file that `keep` wrote.
        identity: identifies the images and the version of the format; the file must have the same.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = dict(content)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):  # Incomplete, as on a full disk.
        return None
    return arrays if str(arrays.pop("identity", "")) == identity else None


def keep(path: pathlib.Path, identity: str, arrays: Mapping[str, Any]) -> None:
    """Stores arrays for later runs; for the arguments see `load`.

    Raises:
        OSError: the file cannot be written.
    """

    def save(to: files.Path) -> None:
        with open(to, "wb") as file:
            np.savez(file, identity=np.array(identity), **arrays)

    files.write_with(path, save)
