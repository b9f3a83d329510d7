"""Damages of files, generated: what disks, editors, other versions and people do to them."""

import copy
import json
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np


class Damage(NamedTuple):
    """One way to damage a file.

    Attributes:
        name: in words.
        apply: damages the file at a path.
        must_refuse: whether no reader may accept the file afterwards.
    """

    name: str
    apply: Callable[[pathlib.Path], None]
    must_refuse: bool = True


def of_bytes() -> list[Damage]:
    """Damages that any kind of file may suffer."""

    def change(function: Callable[[bytes], bytes]) -> Callable[[pathlib.Path], None]:
        return lambda path: _write(path, function(path.read_bytes()))

    return [
        Damage("empty", change(lambda content: b"")),
        Damage("blank", change(lambda content: b"\n \n")),
        Damage("cut after a quarter", change(lambda content: content[: len(content) // 4])),
        Damage("cut in the middle", change(lambda content: content[: len(content) // 2])),
        Damage("zeros", change(lambda content: bytes(len(content)))),
        Damage("other content", change(lambda content: b"PK\x03\x04 no such thing")),
        Damage("a line of text", change(lambda content: b"nothing of the kind\n")),
        Damage("UTF-16", change(lambda content: "{}".encode("utf-16") + content)),
        Damage("a folder", _folder),
        Damage("a named pipe", _pipe),
        Damage("a link to itself", _loop),
    ]


def of_json(content: Any, free: str = r"(?!)") -> Iterator[Damage]:
    """Damages of a JSON file with this content, at every place of a different form.

    Args:
        content: the whole content.
        free: pattern of places (`a.b[].c`) where any value may stand.
    """
    for name, text in (
        ("deep nesting", "[" * 100_000 + "]" * 100_000),
        ("deep objects", '{"a":' * 5_000 + "1" + "}" * 5_000),
        ("a list", "[]"),
        ("a text", '"x"'),
        ("a number", "3"),
        ("null", "null"),
        ("a number of 5,000 digits", "1" * 5_000),
        ("NaN", "NaN"),
    ):
        yield Damage(name, lambda path, text=text: _write(path, text.encode() + b"\n"))
    if isinstance(content, dict) and "schema_version" in content:
        yield Damage("another schema_version", _replaced(content, ("schema_version",), 999))
    for place, value in _places(content):
        form = _form(place)
        is_free = re.fullmatch(free, form) is not None
        for name, wrong in _wrong(value):
            yield Damage(f"{form}: {name}", _replaced(content, place, wrong), not is_free)
        if isinstance(place[-1], str):
            yield Damage(f"{form}: left out", _replaced(content, place, _LEFT_OUT), False)
    if isinstance(content, dict):
        yield Damage("a key too many", _replaced(content, ("unheard_of",), 1), False)


_LEFT_OUT = object()


_TEXTS = {"@inf": "1e999", "@digits": "1" * 5_000, "@nan": "NaN"}


def _wrong(value: Any) -> list[tuple[str, Any]]:
    """Values that cannot stand in the place of `value`."""
    found: list[tuple[str, Any]] = []
    if isinstance(value, bool):
        found += [("text", "yes"), ("list", [])]
    elif isinstance(value, int | float):
        found += [("text", "x"), ("list", []), ("object", {}), ("infinity", "@inf")]
        found += [("NaN", "@nan"), ("5,000 digits", "@digits"), ("true", True)]
    elif isinstance(value, str):
        found += [("number", 3), ("list", ["x"]), ("object", {})]
    elif isinstance(value, list):
        found += [("text", "x"), ("object", {}), ("number", 3)]
    elif isinstance(value, dict):
        found += [("text", "x"), ("list", []), ("number", 3)]
    return found


def _places(content: Any, place: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """Places in a JSON value with their values; of equal forms only the first."""
    seen: set[str] = set()
    waiting = [(place, content)]
    while waiting:
        at, value = waiting.pop(0)
        if at:
            form = _form(at)
            if form in seen:
                continue
            seen.add(form)
            yield at, value
        if isinstance(value, dict):
            waiting += [((*at, key), one) for key, one in value.items()]
        elif isinstance(value, list):
            waiting += [((*at, i), one) for i, one in enumerate(value)]


def _form(place: tuple) -> str:
    """A place without the numbers of its lists and the hashes of its keys."""
    text = ""
    for step in place:
        name = step if isinstance(step, str) else ""
        text += "[]" if isinstance(step, int) else f".{re.sub(r'-[0-9a-f]{12}', '-KEY', name)}"
    return text.removeprefix(".")


def _replaced(content: Any, place: tuple, wrong: Any) -> Callable[[pathlib.Path], None]:
    def apply(path: pathlib.Path) -> None:
        changed = copy.deepcopy(content)
        inner = changed
        for step in place[:-1]:
            inner = inner[step]
        if wrong is _LEFT_OUT:
            del inner[place[-1]]
        else:
            inner[place[-1]] = wrong
        text = json.dumps(changed)
        for mark, raw in _TEXTS.items():
            text = text.replace(json.dumps(mark), raw)
        _write(path, text.encode() + b"\n")

    return apply


def of_arrays(name: str, array: np.ndarray) -> list[Damage]:
    """Damages of an `.npz` file with one array."""

    def saved(**arrays: Any) -> Callable[[pathlib.Path], None]:
        def apply(path: pathlib.Path) -> None:
            with open(path, "wb") as file:
                np.savez(file, **arrays)

        return apply

    def bad_byte(path: pathlib.Path) -> None:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        _write(path, bytes(content))

    return [
        Damage("another name", saved(other=array)),
        Damage("objects", saved(**{name: np.array([{}, None], dtype=object)})),
        Damage("texts", saved(**{name: np.full(array.shape, "x")})),
        Damage("whole numbers", saved(**{name: np.zeros(array.shape, int)})),
        Damage("fewer axes", saved(**{name: array[0]})),
        Damage("fewer rows", saved(**{name: array[:, 1:]})),
        Damage("all NaN", saved(**{name: np.full(array.shape, np.nan)})),
        Damage("infinity", saved(**{name: np.where(np.isnan(array), array, np.inf)})),
        Damage("one NaN", saved(**{name: np.where(array == array.flat[0], np.nan, array)})),
        Damage("no padding", saved(**{name: np.nan_to_num(array)})),
        Damage("a flipped byte", bad_byte),
    ]


def _write(path: pathlib.Path, content: bytes) -> None:
    path.write_bytes(content)


def _folder(path: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: pathlib.Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _loop(path: pathlib.Path) -> None:
    path.unlink()
    path.symlink_to(path.name)
