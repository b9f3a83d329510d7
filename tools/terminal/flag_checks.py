"""Checks of flags that all commands share, made before any work and before slow imports.

What a flag means is checked by its command. Here stands what holds for every flag of a type or of a
name: numbers are finite and of a size that the frameworks take, lists are not empty and name
nothing twice, texts are not blank, and what is to be written can be written.
"""

import errno
import math
import os
import pathlib
import stat
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

from absl import flags

# NumPy and Keras take seeds below 2**32, and commands derive further seeds by adding to them.
MOST_SEED = 4_000_000_000
_MOST = 2**31 - 1
_MOST_BY_NAME = {"num_threads": 1024, "seed": MOST_SEED}
_SEEDS = ("seed", "seeds")
# Lists of numbers, with the least and the most.
_NUMBERS = {"target_latency": (0.0, 1.0), "target_latency_ms": (1e-9, 1e9)}
_SHOWN = 60
# Characters of a message about a flag; a shell passes any number.
_LONGEST = 500
_FOLDER_PREFIX = "folder:"


def fail(message: str) -> int:
    """Prints an error as one line on stderr; returns the exit code."""
    # The message of a library may have several lines.
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return 1


def parse_or_exit(arguments: list[str]) -> list[str]:
    """Parses the flags as `parse`, but ends the process with one line if one is refused."""
    try:
        return parse(arguments)
    except ValueError as error:
        sys.exit(fail(str(error)))


def parse(arguments: list[str]) -> list[str]:
    """Parses the flags of a command line; returns what is left.

    Raises:
        ValueError: a flag is unknown, missing or of another type; the message is one line.
    """
    try:
        return flags.FLAGS(arguments)
    except flags.Error as error:
        line = " ".join(str(error).split())
        shown = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
        raise ValueError(f"{shown.rstrip('.')}; --helpshort lists the flags") from None


def check(values: flags.FlagValues, tool: str = "") -> None:
    """Checks every flag that was given.

    Args:
        values: the parsed flags.
        tool: name of the command; `report` only reads its work dir.

    Raises:
        ValueError: a flag is refused; the message names it.
        OSError: the folder or file to be written cannot be.
    """
    given = [values[name] for name in sorted(values) if values[name].present]
    for flag in given:
        _check_value(flag)
    by_name = {flag.name: flag.value for flag in given}
    if isinstance(by_name.get("dataset"), str):
        check_dataset(by_name["dataset"])
    if not by_name.get("dry_run"):
        if "output" in by_name:
            check_output(by_name["output"])
        if "workdir" in by_name and tool != "report":
            check_workdir(by_name["workdir"])


def _check_value(flag: flags.Flag) -> None:
    name, value = flag.name, flag.value
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, received {value}")
    if isinstance(value, int):
        most = _MOST_BY_NAME.get(name, _MOST)
        if value > most:
            raise ValueError(f"{name}: expected at most {most:,}, received {_shown(value)}")
    if isinstance(value, str) and not value.strip():
        raise ValueError(f"{name}: expected a value, received an empty text; give one")
    if isinstance(value, list):
        _check_list(name, value)


def _check_list(name: str, values: list[Any]) -> None:
    if not values:
        raise ValueError(f"{name}: expected one value or more, received none; name some")
    if not all(str(value).strip() for value in values):
        raise ValueError(
            f"{name}: expected values separated by commas, received an empty one among "
            f"{_shown(','.join(map(str, values)))}"
        )
    twice = _repeated(values)
    if twice is not None:
        raise ValueError(f"{name}: expected every value once, received {_shown(twice)} twice")
    if name in _SEEDS:
        for value in values:
            check_seed(name, value)
    if name in _NUMBERS:
        numbers = [_number(name, value) for value in values]
        twice = _repeated(numbers)
        if twice is not None:
            raise ValueError(f"{name}: expected every number once, received {twice:g} twice")


def _number(name: str, text: str) -> float:
    least, most = _NUMBERS[name]
    try:
        number = float(text) if len(text) < 100 else math.nan
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise ValueError(
            f"{name}: expected numbers from {least:g} to {most:g}, received {_shown(text)}"
        )
    return number


def _repeated(values: Iterable[Any]) -> Any:
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None


def check_seed(name: str, text: str) -> None:
    """Refuses a seed in a list that is no whole number or that frameworks do not take.

    Raises:
        ValueError: it is none.
    """
    number = int(text) if text.isdecimal() and len(text) < 20 else -1
    if not 0 <= number <= MOST_SEED:
        raise ValueError(
            f"{name}: expected whole numbers from 0 to {MOST_SEED:,}, received {_shown(text)}"
        )


def check_dataset(name: str) -> None:
    """Refuses a path where the name of a data set was meant.

    Raises:
        ValueError: it is a path.
    """
    if name.startswith(_FOLDER_PREFIX):
        if not name.removeprefix(_FOLDER_PREFIX).strip():
            raise ValueError(f"dataset: expected {_FOLDER_PREFIX}DIR, received {name!r}")
        return
    looks_like = name.startswith((".", "/", "~")) or os.sep * 2 in name or "\\" in name
    if looks_like or os.path.isdir(name):
        raise ValueError(
            "dataset: expected a name of TensorFlow Datasets or folder:DIR, received the path "
            f"{_shown(name)}; did you mean --dataset={_FOLDER_PREFIX}{name}?"
        )


def check_workdir(path: str) -> None:
    """Checks that a work dir is, or can become, a writable folder. Makes nothing.

    Raises:
        OSError: it cannot; the message says why.
    """
    _check_folder(path, pathlib.Path(path).expanduser(), "--workdir")


def check_output(path: str) -> None:
    """Checks that a file can be written, and that it is none of another kind. Makes nothing.

    Raises:
        OSError: it cannot; the message says why.
    """
    target = pathlib.Path(path)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        if path.endswith(os.sep):
            raise OSError(
                f"output: expected a file to write, received the folder {_shown(path)}"
            ) from None
    except OSError as error:
        raise _unwritable(path, error, "--output") from error
    else:
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"
            raise OSError(
                f"output: expected a file to write, received {what} ({_shown(path)}); choose "
                "another --output"
            )
    _check_folder(path, target.parent, "--output")


def _check_folder(given: str, folder: pathlib.Path, flag: str) -> None:
    """Checks that the nearest folder above, or the folder itself, can be written to."""
    try:
        existing = folder
        while not os.path.lexists(existing) and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        with tempfile.TemporaryFile(dir=existing):
            pass
    except (OSError, ValueError) as error:
        raise _unwritable(given, error, flag) from error


def _unwritable(given: str, error: Exception, flag: str) -> OSError:
    reason = getattr(error, "strerror", None) or str(error)
    what = "a writable folder" if flag == "--workdir" else "a file in a writable folder"
    return OSError(f"{_shown(given)}: expected {what} ({reason}); choose another {flag}")


def _shown(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN * 2 else f"{text[:_SHOWN]}... ({len(text):,} characters)"
