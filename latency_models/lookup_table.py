"""Latency as a sum over a table of blocks (ProxylessNAS, Cai, Zhu & Han, ICLR 2019, section 3.3).

The parts of a space are timed alone; `latency_models.correction` makes their sum the latency of a
whole network.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import pydantic
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from latency_models import correction, evaluation, parts
from latency_models.correction import Correction
from latency_models.measurements import Measurement, Positive
from latency_models.parts import Kind, Part
from nas import files
from nas.specs import Child, SearchSpace

SCHEMA_VERSION = 1
MIN_NETWORKS = 4

# What of the environment a file also holds at its top level.
_USE = ("device", "runtime", "num_threads", "delegate")
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class Entry:
    """One row of the table: a part alone, before the correction."""

    kind: Kind
    label: str
    resolution: int
    num_macs: int
    latency_ms: Positive


@dataclass(frozen=True, config=_STRICT)
class _Learned:
    """What the file of a fitted table must hold, besides what is derived from it."""

    space: str
    recipe: str
    environment: dict[str, Any]
    reference: str
    reference_ms: Positive
    evaluation: dict[str, dict[str, Any]]
    correction: Correction
    entries: dict[str, Entry]


class LookupTable:
    """The latency of any network of a space on one device, from its blocks.

    Attributes:
        space_: name of the search space.
        environment_: device, system and runtime of the measurements.
        recipe_: how the measured models were exported.
        reference_: key of the reference model.
        reference_ms_: its milliseconds when the table was measured; a later measurement compares
            with the table after `Measurement.normalized_ms(reference_ms_)`.
        entries_: `Entry` by key of the part.
        correction_: `Correction`.
        evaluation_: `networks`, each predicted without itself; `blocks`, the repeat error of their
            measurement (a table cannot predict a block it has not seen); `network_repeats`, the
            repeat error of whole networks, below which no prediction can be told apart.

    Example:
        rows = measurements.read("measurements.jsonl")
        table = LookupTable().fit(rows, spaces.load_space("cifar"))
        table.predict(child)
    """

    kind: ClassVar[str] = "lookup_table"

    space_: str
    environment_: dict[str, Any]
    recipe_: str
    reference_: str
    reference_ms_: float
    entries_: dict[str, Entry]
    correction_: Correction
    evaluation_: dict[str, dict[str, Any]]

    def fit(self, rows: Sequence[Measurement], space: SearchSpace) -> LookupTable:
        """Learns from the parts and the whole networks of `space` among `rows`.

        Raises:
            ValueError: rows of several recipes, environments or reference models, a part without
                a row, or too few whole networks.
        """
        by_key = {row.key: row for row in rows if row.spec is not None}
        _check_alike(list(by_key.values()))
        wanted = parts.space_parts(space)
        missing = [part for part in wanted if part.key not in by_key]
        if missing:
            raise ValueError(
                f"measurements: expected a row for each of the {len(wanted)} parts of "
                f"{space.name}, {len(missing)} have none, for example {_place(missing[0])}; "
                "run tools.benchmark --space for it"
            )
        networks, children = _networks_of(by_key.values(), space)
        if len(networks) < MIN_NETWORKS:
            raise ValueError(
                f"measurements: expected at least {MIN_NETWORKS} whole networks of {space.name}, "
                f"received {len(networks)}; run tools.benchmark --space with more --networks"
            )
        some = networks[0]
        self.space_, self.recipe_ = space.name, str(some.recipe)
        self.environment_, self.reference_ = some.environment, some.reference
        self.reference_ms_ = float(np.median([row.reference_ms for row in by_key.values()]))
        self.entries_ = {part.key: self._new_entry(part, by_key[part.key]) for part in wanted}
        in_parts = [parts.child_parts(child) for child in children]
        alone = [[self._entry(part).latency_ms for part in of_child] for of_child in in_parts]
        sums = np.array([math.fsum(latencies) for latencies in alone])
        counts = np.array([len(latencies) for latencies in alone])
        measured = np.array([row.normalized_ms(self.reference_ms_) for row in networks])
        self.correction_ = correction.fit(sums, counts, measured)
        held_out = correction.held_out(sums, counts, measured)
        self.evaluation_ = {
            "networks": {
                **evaluation.scores(held_out, measured),
                "method": "leave one network out",
            },
            "blocks": self._repeats([by_key[key] for key in self.entries_]),
            "network_repeats": self._repeats(networks),
        }
        return self

    def _new_entry(self, part: Part, row: Measurement) -> Entry:
        latency_ms = row.normalized_ms(self.reference_ms_)
        return Entry(part.kind, part.label, part.resolution, part.num_macs, latency_ms)

    def _repeats(self, rows: Sequence[Measurement]) -> dict[str, Any]:
        halves = np.array([row.half_relative_latencies for row in rows]) * self.reference_ms_
        scores = evaluation.scores(halves[:, 0], halves[:, 1])
        return {**scores, "method": "even rounds of the measurement against odd ones"}

    def _entry(self, part: Part) -> Entry:
        if part.key in self.entries_:
            return self.entries_[part.key]
        nearest = min(
            (entry for entry in self.entries_.values() if entry.kind == part.kind),
            key=lambda entry: abs(math.log(entry.num_macs / part.num_macs)),
        )
        raise ValueError(
            f"the latency model of {self.space_} has no entry for {_place(part)}; the nearest is "
            f"{_place(nearest)}; benchmark the space that holds it and fit again"
        )

    def _part_ms(self, part: Part) -> float:
        return self.correction_.part_ms(self._entry(part).latency_ms)

    def predict(self, child: Child) -> float:
        """Latency of `child` in milliseconds.

        Raises:
            ValueError: the table lacks one of its parts; names it and the nearest it has.
        """
        return math.fsum(self._part_ms(part) for part in parts.child_parts(child))

    def slot_latencies(self, space: SearchSpace) -> tuple[list[np.ndarray], float]:
        """What a search needs to know.

        Returns:
            For each slot a float64 vector, milliseconds by candidate (0 for an identity); and the
            milliseconds of everything else. A child's `predict` is their sum.

        Raises:
            ValueError: the table lacks a part of `space`; names it and the nearest it has.
        """
        some_child = space.child([0] * len(space.slots))
        fixed = [parts.stem_part(some_child), parts.head_part(some_child)]
        slots = []
        for layer, resolution in zip(space.layers, space.input_resolutions, strict=False):
            if layer.type == "block":
                fixed += [] if layer.is_identity else [parts.block_part(layer, resolution)]
                continue
            latencies = [
                0.0 if block.is_identity else self._part_ms(parts.block_part(block, resolution))
                for block in layer.blocks
            ]
            slots.append(np.array(latencies))
        return slots, math.fsum(self._part_ms(part) for part in fixed)

    def check(self, *, device: str, recipe: str, num_threads: int) -> None:
        """Refuses a use that the measurements do not cover.

        Raises:
            ValueError: another device, recipe or number of threads.
        """
        received = {"device": device, "recipe": recipe, "num_threads": num_threads}
        for name, value in received.items():
            expected = self.to_dict()[name]
            if value != expected:
                raise ValueError(
                    f"the latency model of {self.space_} was measured with {name} {expected}, "
                    f"received {name} {value}; use --{name}={expected}, or benchmark and fit again"
                )

    def to_dict(self) -> dict[str, Any]:
        """The fitted model as JSON values, without provenance."""
        learned = _Learned(
            **{
                field.name: getattr(self, f"{field.name}_")
                for field in dataclasses.fields(_Learned)
            }
        )
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind,
            **{name: self.environment_[name] for name in _USE},
            **dataclasses.asdict(learned),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str = "input") -> LookupTable:
        """The inverse of `to_dict`.

        Raises:
            ValueError: names `source` and the first field that is not as expected.
        """
        if data.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(
                f"{source}: expected schema_version {SCHEMA_VERSION}, received "
                f"{data.get('schema_version')}; fit the latency model again"
            )
        names = [field.name for field in dataclasses.fields(_Learned)]
        fields = {name: data[name] for name in names if name in data}
        try:
            learned = pydantic.TypeAdapter(_Learned).validate_json(json.dumps(fields), strict=True)
        except pydantic.ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(str(step) for step in fault["loc"])
            raise ValueError(
                f"{source}: {place}: {fault['msg']}; expected a file of tools.fit_latency"
            ) from None
        missing = [name for name in _USE if name not in learned.environment]
        if missing:
            raise ValueError(f"{source}: environment: expected {', '.join(missing)}, found none")
        table = cls()
        for name in names:
            setattr(table, f"{name}_", getattr(learned, name))
        return table

    def save(self, path: files.Path) -> None:
        """Writes the fitted model as JSON, atomically."""
        files.write_json(path, {**self.to_dict(), "provenance": files.provenance()})


def _check_alike(rows: Sequence[Measurement]) -> None:
    for name in ("recipe", "reference", "environment"):
        values = [getattr(row, name) for row in rows]
        different = [value for i, value in enumerate(values) if value not in values[:i]]
        if len(different) > 1:
            raise ValueError(
                f"measurements: expected rows of one {name}, received {different[0]} and "
                f"{different[1]}; fit one latency model for each"
            )


def _networks_of(
    rows: Iterable[Measurement], space: SearchSpace
) -> tuple[list[Measurement], list[Child]]:
    """The rows of whole networks of `space`, and the networks."""
    networks, children = [], []
    for row in rows:
        if row.kind != "network":
            continue
        spec = json.dumps(row.spec)
        child = pydantic.TypeAdapter(Child).validate_json(spec, strict=True)
        try:
            space.choices(child)
        except ValueError:
            continue
        networks.append(row)
        children.append(child)
    return networks, children


def _place(part: Part | Entry) -> str:
    return f"{part.kind} {part.label} at {part.resolution}x{part.resolution}"
