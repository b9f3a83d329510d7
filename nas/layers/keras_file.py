"""Reads a `.keras` file of stock layers that may be damaged."""

import io
import zipfile

import keras

from nas import files, reading
from nas.file_kinds import KERAS

# Weights hardly shrink when packed; Keras does not even pack them.
_MOST_UNPACKED = 20
_ALWAYS_UNPACKED = 16 << 20


def load(path: files.Path) -> keras.Model:
    """Reads a `.keras` file.

    Raises:
        ValueError: the file is missing, no `.keras` file, or has layers that are not Keras' own.
    """
    content = reading.content(path, KERAS)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        received = f"{len(content):,} bytes of something else" if content else "an empty file"
        raise reading.fault(path, "", KERAS.what, received, KERAS)
    try:
        _check_unpacked_size(path, content)
        return keras.saving.load_model(path, compile=False)
    except reading.FileFault:
        raise
    # On a damaged file zipfile, zlib, json, h5py and Keras each raise errors of their own.
    except Exception as error:
        # Keras' messages hold whole configurations before the actual error, and advice after it.
        point = str(error).rpartition("Exception encountered: ")[2].strip()
        reason = point.partition("\n")[0].partition(". ")[0].rstrip(".") or type(error).__name__
        received = f"one that cannot be read ({reason})"
        raise reading.fault(path, "", KERAS.what, received, KERAS) from error


def _check_unpacked_size(path: files.Path, content: bytes) -> None:
    """Refuses an archive that unpacks to far more than it holds, before it fills the memory."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    most = _MOST_UNPACKED * len(content) + _ALWAYS_UNPACKED
    if unpacked > most:
        expected = f"an archive of {len(content):,} bytes to unpack to at most {most:,}"
        raise reading.fault(path, "", expected, f"{unpacked:,}", KERAS)
