"""Finds the nearest part in a table, for error messages or as a declared fallback."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from latency_models.measuring.parts import Kind, Part
from nas.architecture.operations import STRICT

_WIDTHS = ("input_width", "output_width", "width")
# The number of classes may differ: the classifier is a small part of a head, and the limit on
# multiply-accumulates covers it.
_FREE = (*_WIDTHS, "num_classes")


class _Place(Protocol):
    """The attributes that a `Part` and a table entry share."""

    @property
    def kind(self) -> Kind: ...
    @property
    def label(self) -> str: ...
    @property
    def resolution(self) -> int: ...
    @property
    def num_macs(self) -> int: ...
    @property
    def spec(self) -> dict[str, Any]: ...


T = TypeVar("T", bound=_Place)


@dataclass(frozen=True, config=STRICT)
class NearestWidths:
    """A declared fallback: a part that is not in the table gets the latency of its nearest entry.

    The entry must be the same operation at the same stride and resolution. Widths may differ by
    a factor of `max_ratio`, and multiply-accumulates by its square. The latency is not scaled. The
    rule ignores whether the input is added, since that takes little time.

    Attributes:
        max_ratio: largest ratio of the larger width to the smaller.
        rule: the rule's name.
    """

    max_ratio: Annotated[float, Field(gt=1.0, allow_inf_nan=False)]
    rule: Literal["nearest_widths"] = "nearest_widths"

    def entry(self, part: _Place, entries: Iterable[T]) -> T | None:
        """The entry that replaces `part`; None if none is near enough."""
        alike = [entry for entry in entries if self._stands_in(part, entry)]
        return min(alike, key=lambda entry: _distance(part, entry), default=None)

    def _stands_in(self, part: _Place, entry: _Place) -> bool:
        limit = math.log(self.max_ratio) + 1e-9
        return (
            part.kind == entry.kind
            and _operation(part) == _operation(entry)
            and max(_width_ratios(part, entry), default=0.0) <= limit
            and _macs_ratio(part, entry) <= 2.0 * limit
        )


def described(place: _Place) -> str:
    """Describes a part in words, for example `block k3 e6, 16 -> 24 / 2 at 56x56`."""
    kind = "block " if place.kind == "block" else ""  # Labels of stem and head start with the kind.
    return f"{kind}{place.label} at {place.resolution}x{place.resolution}"


def nearest(part: Part, entries: Iterable[T]) -> T:
    """The entry of the same kind that differs least from `part`; widths only break ties."""
    alike = [entry for entry in entries if entry.kind == part.kind]
    own = _operation(part)
    return min(
        alike,
        key=lambda entry: (len(own.items() ^ _operation(entry).items()), _distance(part, entry)),
    )


def _operation(place: _Place) -> dict[str, Any]:
    """All fields of the spec except the widths and classes, as one flat dict."""
    rest = {name: value for name, value in place.spec.items() if name not in _FREE}
    return {"resolution": place.resolution, **rest.pop("op", {}), **rest}


def _width_ratios(one: _Place, other: _Place) -> list[float]:
    return [
        abs(math.log(one.spec[name] / other.spec[name])) for name in _WIDTHS if name in one.spec
    ]


def _macs_ratio(one: _Place, other: _Place) -> float:
    return abs(math.log(one.num_macs / other.num_macs))


def _distance(one: _Place, other: _Place) -> float:
    return sum(_width_ratios(one, other)) + _macs_ratio(one, other)
