"""Which rows of a measurement file belong together: one recipe, one environment, one reference.

A benchmark appends, so that a file may hold rows of the CPU and of the GPU, or of two phones. A
latency model of both together would predict neither.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from latency_models.measuring.measurements import Measurement

# Flags of the commands that choose among rows, and what they are compared with.
CHOOSERS = ("device", "delegate", "num_threads", "recipe", "benchmark_args")
_LONGEST = 36


@dataclasses.dataclass(frozen=True)
class RowSet:
    """Rows that were measured alike.

    Attributes:
        recipe: their export recipe.
        reference: key of their reference model.
        environment: the device, its system and its runtime.
        rows: the rows, in the order of the file.
    """

    recipe: str | None
    reference: str
    environment: dict[str, Any]
    rows: tuple[Measurement, ...]

    def value(self, name: str) -> Any:
        """The recipe, the reference, or a value of the environment; None if there is none."""
        own = {"recipe": self.recipe, "reference": self.reference}
        return own[name] if name in own else self.environment.get(name)

    def fits(self, name: str, wanted: Any) -> bool:
        """Whether the value called `name` is the wanted one; `adb` is any phone."""
        found = self.value(name)
        if name == "device" and wanted == "adb":
            return str(found).startswith("adb:")
        return (found or None) == (wanted or None)


def of(rows: Sequence[Measurement]) -> list[RowSet]:
    """The sets of rows measured alike, each where its first row stands."""
    found: list[tuple[Measurement, list[Measurement]]] = []
    for row in rows:
        alike = (
            members
            for first, members in found
            if row.reference == first.reference and row.is_for(first.recipe, first.environment)
        )
        members = next(alike, None)
        if members is None:
            found.append((row, [row]))
        else:
            members.append(row)
    return [RowSet(a.recipe, a.reference, a.environment, tuple(rows)) for a, rows in found]


def chosen(sets: Sequence[RowSet], wanted: dict[str, Any]) -> list[RowSet]:
    """The sets that have the wanted values, those of `CHOOSERS`; None is any value."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return [one for one in sets if all(one.fits(name, given[name]) for name in given)]


def differences(sets: Sequence[RowSet]) -> list[str]:
    """Names of the values in which the sets differ, those that flags choose by first."""
    names = [*CHOOSERS, "reference"]
    names += [name for one in sets for name in one.environment]
    unique = dict.fromkeys(names)
    return [name for name in unique if any(one.value(name) != sets[0].value(name) for one in sets)]


def table(sets: Sequence[RowSet]) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of a table of what differs, with a number and a count for each set."""
    names = differences(sets)
    cells = [
        [str(i), str(len(one.rows)), *(_cell(one.value(name)) for name in names)]
        for i, one in enumerate(sets, 1)
    ]
    return ["number", "rows", *names], cells


def _cell(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"...{text[-_LONGEST + 3 :]}"


def described(sets: Sequence[RowSet]) -> str:
    """The first two of several sets by what differs between them, for an error message."""
    first, second = sets[:2]
    names = differences([first, second])[:3]
    return " and ".join(
        ", ".join(f"{name} {_cell(one.value(name))}" for name in names) for one in (first, second)
    )
