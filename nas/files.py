"""Writes files atomically, and JSON files with their provenance."""

import contextlib
import fcntl
import json
import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from typing import Any

from nas import reading
from nas.file_kinds import ANY, Kind

Path = reading.Path

# Part of the name of a temporary file. Earlier versions had none; of theirs only those of networks,
# which are large, are recognized.
_MARK = ".tmp-"
_LEFTOVER = re.compile(
    r"\..+\.tmp-[a-z0-9_]{8}(\.\w+)?|\.(child\w*|round_\d+)\.[a-z0-9_]{8}\.(keras|tflite)"
)

_REPORTED_LIBRARIES = (
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "tensorflow-datasets",
    "numpy",
    "scipy",
)


def write_with(path: Path, write: Callable[[str], None]) -> None:
    """Lets `write` fill a temporary file beside `path`, then renames it to `path`.

    The temporary name has the suffix of `path`, since some writers depend on it. If `write` fails
    or the process dies, `path` is unchanged.
    """
    path = pathlib.Path(path)
    _make_folder(path)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}{_MARK}", suffix=path.suffix
    )
    try:
        # Says that the file is being written, until this process ends; see `remove_leftovers`.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        pathlib.Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            # The error of a full disk names no file.
            error.filename = os.fspath(path)
        raise
    finally:
        os.close(handle)


def _make_folder(path: pathlib.Path) -> None:
    """Makes the folder of a file that will be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OSError(
            f"{path}: expected a folder to write it into, received something else in the folder's "
            f"place ({error.filename}); move that away and run the same command again"
        ) from error


def _umask() -> int:
    """The bits that new files of this process lack; the system only tells them by changing them."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def remove_leftovers(folder: Path) -> None:
    """Deletes the temporary files of `write_with` under `folder` whose process was killed."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if _LEFTOVER.fullmatch(name):
                _remove_if_unused(os.path.join(parent, name))


def _remove_if_unused(path: str) -> None:
    # Another process may finish or remove it meanwhile, or own it.
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(handle)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path` atomically."""
    write_with(path, lambda temporary: _fill(temporary, content))


def _fill(path: str, content: bytes) -> None:
    pathlib.Path(path).write_bytes(content)


def write_together(contents: dict[Path, bytes]) -> None:
    """Writes several files: either all of them, or none if one cannot be written.

    If the process dies between the renames at the end, only some of the files are new.
    """
    if not contents:
        return
    (path, content), *rest = contents.items()

    def write(temporary: str) -> None:
        _fill(temporary, content)
        write_together(dict(rest))

    write_with(path, write)


def json_bytes(data: Any) -> bytes:
    """Returns `data` as indented JSON. NaN and infinities are refused."""
    return (json.dumps(data, indent=2, allow_nan=False) + "\n").encode()


def write_json(path: Path, data: Any) -> None:
    """Writes `data` as indented JSON, atomically. NaN and infinities are refused."""
    write_bytes(path, json_bytes(data))


def as_json(data: Any) -> Any:
    """Returns `data` as it would be read back from JSON, for example tuples as lists."""
    return json.loads(json.dumps(data, allow_nan=False))


def check_writable(folder: Path) -> None:
    """Makes a folder if it is missing, and checks that it can be written to.

    Raises:
        OSError: the folder cannot be made or written; the message says what to do.
    """
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"{folder}: expected a writable folder ({error.strerror}); choose another --workdir"
        ) from error


def read_json(path: Path, kind: Kind = ANY) -> Any:
    """Reads a JSON file.

    Raises:
        ValueError: the file is missing or not JSON; the message names the file and the place.
    """
    return reading.json_value(path, kind)


def provenance(**extra: Any) -> dict[str, Any]:
    """Returns how a file was made: command line, git revision, library versions, machine.

    Args:
        **extra: further entries, for example the seed or the device.
    """
    return {
        "command": _printable(shlex.join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]])),
        "git_revision": _git_revision(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "libraries": {name: _version(name) for name in _REPORTED_LIBRARIES},
        **extra,
    }


def _printable(text: str) -> str:
    """`text` without the bytes of a path that are not UTF-8, which JSON cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    """Returns the commit of the source tree, plus `+changes` if modified; None outside git."""
    here = pathlib.Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        revision = git("rev-parse", "--short=12", "HEAD")
        return revision + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None
