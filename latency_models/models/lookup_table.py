"""Latency as a sum over a table of blocks (ProxylessNAS, Cai, Zhu & Han, ICLR 2019, section 3.3).

The parts of a space are timed alone, and some of its networks are timed whole. From both,
`latency_models.models.in_context` computes the milliseconds that each part adds to a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from latency_models.measuring import part_selection, parts
from latency_models.measuring.measurements import Measurement
from latency_models.measuring.parts import Kind, Part
from latency_models.models import evaluation, in_context, nearest, selection
from latency_models.models.fitted import LatencyModel, Learned
from latency_models.models.in_context import Context, NonNegative
from latency_models.models.nearest import NearestWidths
from nas import reading
from nas.architecture.operations import STRICT
from nas.architecture.specs import SearchSpace
from nas.file_kinds import LATENCY_MODEL
from nas.schemas import Count, Positive, PositiveCount


@dataclass(frozen=True, config=STRICT)
class Entry:
    """One row of the table.

    Attributes:
        kind: stem, block or head.
        label: short name.
        resolution: height and width of its input, in pixels.
        num_macs: multiply-accumulates.
        latency_ms: milliseconds that it adds to a network.
        alone_ms: milliseconds that it takes alone; None if not measured.
        spec: the part as JSON.
    """

    kind: Kind
    label: str
    resolution: PositiveCount
    num_macs: Count
    latency_ms: NonNegative
    alone_ms: Positive | None
    spec: dict[str, Any]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class _Learned(Learned):
    context: Context | None
    fallback: NearestWidths | None
    networks: list[str]
    source: str | None
    entries: Annotated[dict[str, Entry], Field(min_length=1)]


class LookupTable(LatencyModel):
    """Predicts the latency of any network of a space on one device from a table of its blocks.

    It is fitted to measurements as in the example of `latency_models.Regression`. Published tables
    are loaded by name.

    Attributes:
        entries_: `Entry` by key of the part.
        context_: how networks differ from the sum of their parts; None for a published table.
        fallback_: rule for parts without an entry; None refuses such parts.
        networks_: keys of the whole networks it was fitted to.
        source_: who published the table; None if it was fitted to own measurements.
        evaluation_: `networks`, each predicted after a fit without it; `blocks`, the repeat error
            of their measurement (a table cannot predict a block that was not measured);
            `network_repeats`, the repeat error of whole networks, which limits how small a
            prediction's error can be.

    Example:
        >>> import latency_models, nas, tempfile
        >>> table = latency_models.load("pixel1")
        >>> isinstance(table, latency_models.LookupTable), len(table.entries_)
        (True, 71)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table.save(f"{folder}/model.json")
        ...     same = latency_models.load(f"{folder}/model.json")
        >>> child = nas.load_child("proxyless_mobile")
        >>> same.predict(child) == table.predict(child)
        True
    """

    kind: ClassVar[str] = "lookup_table"
    learned: ClassVar[type[Learned]] = _Learned

    entries_: dict[str, Entry]
    context_: Context | None
    fallback_: NearestWidths | None
    networks_: list[str]
    source_: str | None

    def fit(self, rows: Sequence[Measurement], space: SearchSpace) -> LookupTable:
        """Fits the table to the parts and the whole networks of `space` among `rows`.

        Raises:
            ValueError: the rows have several recipes, environments or reference models, no row
                for a part, or too few whole networks.
        """
        selection.check_alike([row for row in rows if row.spec is not None])
        by_key = {row.key: row for row in rows if row.spec is not None}
        wanted = parts.space_parts(space)
        missing = [part for part in wanted if part.key not in by_key]
        if missing and part_selection.is_designed(space):
            raise ValueError(
                f"{space.name}: a lookup table needs each of its {len(wanted)} parts, of which "
                f"{len(missing)} were not measured; use --kind=regression, which predicts them"
            )
        if missing:
            raise ValueError(
                f"measurements: expected a row for each of the {len(wanted)} parts of "
                f"{space.name}, {len(missing)} have none, for example "
                f"{nearest.described(missing[0])}; run tools.benchmark --space for it"
            )
        networks, children = selection.networks(by_key.values(), space)
        some = networks[0]
        self.space_, self.recipe_ = space.name, str(some.recipe)
        self.environment_, self.reference_ = some.environment, some.reference
        reference_ms = self.reference_ms_ = selection.reference_ms(by_key.values())
        self.fallback_ = self.source_ = None
        self.networks_ = [row.key for row in networks]

        keys = {part.key: i for i, part in enumerate(wanted)}
        counts = np.zeros((len(children), len(wanted)))
        for row, child in zip(counts, children, strict=True):
            for part in parts.child_parts(child):
                row[keys[part.key]] += 1.0
        alone = np.array([by_key[key].normalized_ms(reference_ms) for key in keys])
        measured = np.array([row.normalized_ms(reference_ms) for row in networks])
        sample = in_context.Sample(alone, counts, measured, selection.repeat_error(networks))
        self.context_, latencies = in_context.fit(sample)
        self.entries_ = {
            part.key: entry_of(part, float(latency), float(by_itself))
            for part, latency, by_itself in zip(wanted, latencies, alone, strict=True)
        }
        self.evaluation_ = {
            "networks": evaluation.held_out(
                in_context.held_out(sample), measured, "leave one network out"
            ),
            "blocks": selection.repeats([by_key[key] for key in keys], reference_ms),
            "network_repeats": selection.repeats(networks, reference_ms),
        }
        return self

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str = "input") -> Self:
        """See `LatencyModel`. The key of every entry must be that of its part."""
        table = super().from_dict(data, source)
        if table.fallback_ is not None and "blocks" not in table.evaluation_:
            raise reading.fault(source, "evaluation", "blocks", "none", LATENCY_MODEL)
        for key, entry in table.entries_.items():
            found = parts.key_of(entry.kind, entry.resolution, entry.spec)
            if found != key:
                place = f"entries.{key}"
                raise reading.fault(source, place, "the part of that key", found, LATENCY_MODEL)
        return table

    def part_ms(self, part: Part) -> float:
        """See `LatencyModel`."""
        return self._entry(part).latency_ms

    def _entry(self, part: Part) -> Entry:
        if part.key in self.entries_:
            return self.entries_[part.key]
        if self.fallback_ is not None:
            found = self.fallback_.entry(part, self.entries_.values())
            if found is not None:
                return found
        closest = nearest.nearest(part, self.entries_.values())
        raise ValueError(
            f"the latency model of {self.space_} has no entry for {nearest.described(part)}; the "
            f"nearest is {nearest.described(closest)}; benchmark the space that has the part and "
            "fit again"
        )

    def cautions(self, wanted: Sequence[Part]) -> list[str]:
        """Describes the parts for which the nearest entry is used."""
        estimated = [part for part in parts.distinct(wanted) if part.key not in self.entries_]
        if not estimated:
            return []
        pairs = [f"{nearest.described(p)} as {self._entry(p).label}" for p in estimated]
        error = self.evaluation_["blocks"]["mape"]
        return [
            f"{len(estimated)} parts are not in the table; each gets the latency of its nearest "
            f"entry (mean error {100 * error:.0f} % on blocks of the table): {'; '.join(pairs)}"
        ]


def entry_of(part: Part, latency_ms: float, alone_ms: float | None) -> Entry:
    """Makes the table row of `part`."""
    return Entry(
        part.kind, part.label, part.resolution, part.num_macs, latency_ms, alone_ms, part.spec
    )
