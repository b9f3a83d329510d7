"""Opens and parses files that may be damaged: each fault is one line that names file and place.

A message has one form: `path: place: expected ..., received ...; what to do`. What to do stands in
`nas/file_kinds.py`, and what a file may contain in the schema of its kind (`nas/schemas.py`).
"""

import contextlib
import json
import math
import os
import stat
from collections.abc import Iterator
from typing import Any

from nas.file_kinds import ANY, Kind

Path = str | os.PathLike[str]

_MOST_BYTES = 2 << 30
_BLOCK_BYTES = 8 << 20
_DEEPEST = 100
_LARGEST = 2**63
_SHOWN = 60


class FileFault(ValueError):
    """A file cannot be used. The message says where, what was expected, and what to do."""


class Missing(FileFault):
    """There is no such file."""


class Unreadable(FileFault):
    """The file is there but cannot be read, so nothing is known about its content."""


def fault(path: Path, place: str, expected: str, received: str, kind: Kind) -> FileFault:
    """Makes the error for a file whose content is not as expected."""
    where = f"{os.fspath(path)}: {place}" if place else os.fspath(path)
    return FileFault(f"{where}: expected {expected}, received {received}; {kind.advice}")


def content(path: Path, kind: Kind = ANY) -> bytes:
    """Reads a regular file.

    Raises:
        Missing: there is no such file.
        Unreadable: the file is not regular, not permitted, too large, or the system cannot read it.
    """
    return b"".join(_blocks(path, kind))


def check_readable(path: Path, kind: Kind = ANY) -> None:
    """Reads a regular file to its end and keeps nothing.

    Raises:
        FileFault: as for `content`.
    """
    for _ in _blocks(path, kind, math.inf):
        pass


def _blocks(path: Path, kind: Kind, most_bytes: float = _MOST_BYTES) -> Iterator[bytes]:
    name = os.fspath(path)
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            received = None
            if not stat.S_ISREG(found.st_mode):
                received = _sort(found.st_mode)
            elif found.st_size > most_bytes:
                received = f"one of {found.st_size:,} bytes"
            if received:
                expected = f"{kind.what}, a regular file of at most {_MOST_BYTES:,} bytes"
                raise Unreadable(f"{name}: expected {expected}, received {received}; {kind.advice}")
            while block := os.read(descriptor, _BLOCK_BYTES):
                yield block
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        raise Missing(
            f"{name}: expected {kind.what}, found none; check the path, or {kind.advice}"
        ) from None
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "not enough memory"
        raise Unreadable(
            f"{name}: expected {kind.what} that can be read, received the error {reason!r}; "
            "nothing was changed: mend that and run the same command again"
        ) from error
    except ValueError as error:
        if isinstance(error, FileFault):
            raise
        raise Missing(f"{name!r}: expected a path, received {error}; {kind.advice}") from None


@contextlib.contextmanager
def named(*paths: Path) -> Iterator[None]:
    """Puts the names of files before the message of a ValueError about what they hold."""
    try:
        yield
    except FileFault:
        raise
    except ValueError as error:
        raise FileFault(f"{' and '.join(str(path) for path in paths)}: {error}") from error


def exists(path: Path) -> bool:
    """Whether there is anything at `path`. A link whose target is missing counts as nothing.

    Raises:
        Unreadable: a folder above it cannot be entered, or is no folder.
    """
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        raise Unreadable(
            f"{os.fspath(path)}: expected a file or nothing, received something else than a folder "
            "in the place of a folder above it; nothing was changed: move that away and run the "
            "same command again"
        ) from error
    except OSError as error:
        raise Unreadable(
            f"{os.fspath(path)}: expected a file or nothing, received the error "
            f"{error.strerror!r}; nothing was changed: mend that and run the same command again"
        ) from error
    return True


def json_value(path: Path, kind: Kind = ANY) -> Any:
    """Reads a JSON file; its numbers are finite and have at most 19 digits before the point.

    Raises:
        FileFault: it cannot be read, or is not JSON.
    """
    return parsed(content(path, kind), os.fspath(path), kind)


def parsed(text: bytes, source: str, kind: Kind = ANY) -> Any:
    """Parses JSON.

    Args:
        text: UTF-8 text.
        source: path, and line if there are several, for the message of an error.
        kind: what the file is.

    Raises:
        FileFault: the text is empty, not UTF-8, not JSON, nested too deeply, or has a number that
            is not finite or too large.
    """
    if not text.strip():
        raise fault(source, "", f"{kind.what} (JSON)", "an empty file", kind)
    try:
        value = json.loads(
            text.decode("utf-8"), parse_int=_integer, parse_float=_float, parse_constant=_Refused
        )
    except UnicodeDecodeError as error:
        place = f"byte {error.start}"
        raise fault(source, place, f"{kind.what} in UTF-8", "another encoding", kind) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        is_cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated")
        received = "a text that ends too early" if is_cut else repr(error.doc[error.pos])
        raise fault(source, place, f"{kind.what} (JSON)", received, kind) from None
    except RecursionError:
        raise fault(source, "", f"at most {_DEEPEST} levels", "more", kind) from None
    _check_values(value, source, kind)
    return value


def _check_values(value: Any, source: str, kind: Kind) -> None:
    """Refuses what JSON can say and no file of ours does."""
    open_places: list[tuple[Any, tuple]] = [(value, ())]
    while open_places:
        one, place = open_places.pop()
        if isinstance(one, _Refused):
            expected = "a finite number of at most 19 digits"
            raise fault(source, place_text(place), expected, one.text, kind)
        if len(place) > _DEEPEST:
            raise fault(source, place_text(place[:3]), f"at most {_DEEPEST} levels", "more", kind)
        if isinstance(one, dict):
            open_places += [(child, (*place, key)) for key, child in one.items()]
        elif isinstance(one, list):
            open_places += [(child, (*place, i)) for i, child in enumerate(one)]


class _Refused:
    """A number that no file of ours has, to be reported with its place."""

    def __init__(self, text: str) -> None:
        digits = f" of {len(text):,} digits" if len(text) > _SHOWN else ""
        self.text = f"{text[:20]}...{digits}" if digits else text


def _integer(text: str) -> Any:
    return int(text) if len(text) <= 20 and abs(int(text)) < _LARGEST else _Refused(text)


def _float(text: str) -> Any:
    value = float(text) if len(text) < 1000 else math.inf
    return value if math.isfinite(value) else _Refused(text)


def place_text(steps: tuple[str | int, ...]) -> str:
    """A place in a JSON file as text, such as `layers[3].slot`; empty for the file itself."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{shortened(step)}"
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A JSON value in a few words, for the message of an error."""
    if isinstance(value, dict):
        return f"an object with {len(value)} keys" if value else "an empty object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return shortened(repr(value))


def shortened(text: str) -> str:
    """`text` without line breaks, and its middle left out if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 20]}...{line[-15:]}"


def _sort(mode: int) -> str:
    tests = {
        "a folder": stat.S_ISDIR,
        "a named pipe": stat.S_ISFIFO,
        "a socket": stat.S_ISSOCK,
        "a device": lambda m: stat.S_ISCHR(m) or stat.S_ISBLK(m),
    }
    return next((name for name, test in tests.items() if test(mode)), "something else")
