"""The alphas of a search, `alphas.npz`: one array `alphas` `[epochs, rows, most options]`."""

import io
import os
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np

from nas import files, reading
from nas.file_kinds import ALPHAS

_MOST_BYTES = 1 << 30


def write(path: files.Path, alphas: np.ndarray) -> None:
    """Writes the file atomically."""
    files.write_with(path, lambda temporary: np.savez(temporary, alphas=alphas))


def read(path: files.Path, counts: Sequence[int] | None = None) -> np.ndarray:
    """Reads the alphas.

    Args:
        path: the file.
        counts: number of options of every row, which are finite; the padding after them is NaN.
            None if they are not known.

    Raises:
        FileFault: the file cannot be read, has no such array, or has other rows.
    """
    content = reading.content(path, ALPHAS)
    name = os.fspath(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _MOST_BYTES:
            raise reading.fault(path, "", f"at most {_MOST_BYTES:,} bytes", f"{size:,}", ALPHAS)
        with np.load(io.BytesIO(content)) as stored:
            alphas = stored["alphas"]
    except KeyError:
        raise reading.fault(name, "", "an array alphas", "none", ALPHAS) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        if isinstance(error, reading.FileFault):
            raise
        # A flipped byte may ask for another way of packing, or for a password.
        received = f"something else ({reading.shortened(str(error)) or type(error).__name__})"
        raise reading.fault(name, "", "an .npz file", received, ALPHAS) from None
    except (SyntaxError, MemoryError) as error:
        received = f"something else ({type(error).__name__})"
        raise reading.fault(name, "alphas", "an array", received, ALPHAS) from None
    if alphas.ndim != 3 or alphas.dtype.kind != "f":
        received = f"{alphas.dtype} {list(alphas.shape)}"
        raise reading.fault(name, "alphas", "floats [epochs, rows, options]", received, ALPHAS)
    if counts is not None:
        _check_rows(alphas, counts, name)
    return alphas


def _check_rows(alphas: np.ndarray, counts: Sequence[int], name: str) -> None:
    if alphas.shape[1:] != (len(counts), max(counts)):
        expected = f"[epochs, {len(counts)}, {max(counts)}], the decisions of space.json"
        raise reading.fault(name, "alphas", expected, str(list(alphas.shape)), ALPHAS)
    is_option = np.arange(max(counts)) < np.asarray(counts)[:, None]
    finite = np.isfinite(alphas)
    for epoch, row in zip(*np.nonzero((finite != is_option).any(axis=2)), strict=True):
        place = f"alphas[{epoch}, {row}]"
        expected = f"{counts[row]} finite numbers, then NaN"
        received = f"{finite[epoch, row].sum()} finite numbers or in other places"
        raise reading.fault(name, place, expected, received, ALPHAS)
    if np.isposinf(alphas).any() or np.isneginf(alphas).any():
        raise reading.fault(name, "alphas", "finite numbers", "infinity", ALPHAS)
