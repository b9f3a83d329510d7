"""The nearest part a table holds: named in a refusal, or used as a declared fallback."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from latency_models.measuring.parts import Kind, Part
from nas.architecture.operations import STRICT

_WIDTHS = ("input_width", "output_width", "width")
# The classifier is a small part of a head; how small, its multiply-accumulates say.
_FREE = (*_WIDTHS, "num_classes")


class _Place(Protocol):
    """What a `Part` and an entry of a table have in common."""

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
    """A declared fallback: a part that is not in the table counts as its nearest entry.

    The entry must be the same operation at the same stride and resolution; widths may differ by
    `max_ratio`, and so may the multiply-accumulates by its square. Nothing is scaled, and whether
    the input is added, which takes little time, does not matter.

    Attributes:
        max_ratio: of the larger width to the smaller.
        rule: the rule's name.
    """

    max_ratio: Annotated[float, Field(gt=1.0, allow_inf_nan=False)]
    rule: Literal["nearest_widths"] = "nearest_widths"

    def entry(self, part: _Place, entries: Iterable[T]) -> T | None:
        """The entry that stands in for `part`; None where there is none near enough."""
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
    """A part in words, for example `block k3 e6, 16 -> 24 / 2 at 56x56`."""
    kind = "block " if place.kind == "block" else ""  # The others' labels begin with it.
    return f"{kind}{place.label} at {place.resolution}x{place.resolution}"


def nearest(part: Part, entries: Iterable[T]) -> T:
    """The entry of the same kind that differs least from `part`, widths counting last."""
    alike = [entry for entry in entries if entry.kind == part.kind]
    own = _operation(part)
    return min(
        alike,
        key=lambda entry: (len(own.items() ^ _operation(entry).items()), _distance(part, entry)),
    )


def _operation(place: _Place) -> dict[str, Any]:
    """All but the widths, without nesting."""
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
