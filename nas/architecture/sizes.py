"""The sizes in a space: a number, or the name of a width decision, or several resolutions."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

# What can be built here. Beyond, memory or hours would end before the network is made.
MOST_WIDTH = 16_384
MOST_LAYERS = 500
MOST_CANDIDATES = 64
MOST_CLASSES = 100_000
# Decimal digits of the number of networks, which must fit into a float.
MOST_DIGITS = 300

Width = Annotated[int, Field(ge=1, le=MOST_WIDTH)]
NumClasses = Annotated[int, Field(ge=2, le=MOST_CLASSES)]


def _no_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


# To Python, `True` is one of 1 and 3.
Channels = Annotated[Literal[1, 3], BeforeValidator(_no_truth)]
Stride = Annotated[Literal[1, 2], BeforeValidator(_no_truth)]

_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")


def check_name(name: Any) -> str:
    """Returns the name of a width decision.

    Raises:
        ValueError: it is not a name.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "expected the name of a width: a letter, then letters, digits and underscores"
        )
    return name


def _number_or_name(width: Any) -> int | str:
    if isinstance(width, str) and _NAME.fullmatch(width):
        return width
    return _whole(width, "the name of a width or ")


def _whole(value: Any, otherwise: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"expected {otherwise}a valid integer")
    if value < 1:
        raise ValueError(f"expected {otherwise}an integer greater than or equal to 1")
    if value > MOST_WIDTH:
        raise ValueError(f"expected {otherwise}an integer of at most {MOST_WIDTH:,}")
    return value


def _one_or_several(resolution: Any) -> int | tuple[int, ...]:
    if not isinstance(resolution, list | tuple):
        return _whole(resolution, "several numbers or ")
    numbers = tuple(_whole(value, "") for value in resolution)
    if len(set(numbers)) < max(2, len(numbers)):
        raise ValueError("expected one number, or two or more different ones")
    return numbers


# `SearchSpace.widths` has the numbers that a name may stand for.
NamedWidth = Annotated[int | str, BeforeValidator(_number_or_name)]
# Height and width in pixels; several if the resolution is a decision.
Resolutions = Annotated[int | tuple[int, ...], BeforeValidator(_one_or_several)]
WidthName = Annotated[str, BeforeValidator(check_name)]


def number(width: int | str) -> int:
    """Returns a width that is a number.

    Raises:
        ValueError: it is the name of a width decision.
    """
    if isinstance(width, str):
        raise ValueError(
            f"expected a number for the width {width!r}, which is a decision of its space; use "
            "a child, or SearchSpace.at"
        )
    return width


def resolved(width: int | str, widths: Mapping[str, int]) -> int:
    """Returns a width as a number, given those of the names."""
    return widths[width] if isinstance(width, str) else width
