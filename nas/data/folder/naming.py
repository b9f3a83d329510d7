"""Names of files and folders in messages."""

import pathlib
from collections.abc import Iterable, Sequence


def counted(count: int, noun: str) -> str:
    """Writes a number with its noun, such as `1 file` or `2,000 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shortened(names: Iterable[str], limit: int = 3) -> str:
    """Lists the first names, and says how many more there are."""
    names = [printable(name) for name in names]
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def printable(name: str) -> str:
    r"""Returns a file name that any terminal can print; other characters are escaped.

    Example:
        >>> print(printable("a\nb"))
        a\nb
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in name)


def nearly_equal(names: Sequence[str]) -> list[list[str]]:
    """Returns groups of names that differ only in capitals or in spaces."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault("".join(name.casefold().split()), []).append(printable(name))
    return [group for group in groups.values() if len(group) > 1]


def _escaped(character: str) -> str:
    # A byte that is no text comes from the file system as one of these characters.
    if 0xDC80 <= ord(character) <= 0xDCFF:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def shown(path: pathlib.Path) -> str:
    """Returns a path that any terminal can print."""
    return printable(str(path))
