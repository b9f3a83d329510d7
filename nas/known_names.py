"""Refusing a name that is not among the known ones, with one message for all kinds of names."""

from collections.abc import Iterable


def check(kind: str, name: object, known: Iterable[str], also: str = "") -> None:
    """Refuses a name that is not known.

    Args:
        kind: what the name is of, for example `recipe`.
        name: as received.
        known: the known names.
        also: what else would be accepted, appended to the known names.

    Raises:
        ValueError: the name is not known; the message lists the known ones.
    """
    names = list(known)
    if name not in names:
        raise ValueError(f"{kind}: expected one of {', '.join(names)}{also}; received {name!r}")
