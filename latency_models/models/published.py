"""Latency tables that others measured and published, bundled as package data.

A file under `latency_models/data/` has the published figures in readable form, with their source.
This module turns it into a lookup table. Nothing is corrected: a network's latency is the sum of
its blocks. For parts missing from the table, the file's `fallback` decides.
"""

from __future__ import annotations

import pathlib
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from latency_models.measuring import parts
from latency_models.measuring.parts import Part
from latency_models.models import evaluation
from latency_models.models.lookup_table import Entry, LookupTable, entry_of
from latency_models.models.nearest import NearestWidths
from nas import known_names, schemas
from nas.architecture import spaces
from nas.architecture.blocks import Block, Stride
from nas.architecture.operations import STRICT, MBConv
from nas.file_kinds import LATENCY_MODEL
from nas.schemas import Positive

_DIRECTORY = pathlib.Path(__file__).parents[1] / "data"

TABLES = {"pixel1": _DIRECTORY / "pixel1.json"}


@dataclass(frozen=True, config=STRICT)
class _Operation:
    """An inverted bottleneck and its published latency."""

    kernel_size: int
    expansion: int
    latency_ms: Positive


@dataclass(frozen=True, config=STRICT)
class _Blocks:
    """Blocks of one shape, with a latency for each operation."""

    resolution: int
    input_width: int
    output_width: int
    stride: Stride
    operations: list[_Operation]

    def parts(self) -> dict[Part, float]:
        found = {}
        for row in self.operations:
            op = MBConv(row.kernel_size, row.expansion)
            block = Block(op, self.input_width, self.output_width, self.stride)
            found[parts.block_part(block, self.resolution)] = row.latency_ms
        return found


@dataclass(frozen=True, config=STRICT)
class _Stem:
    latency_ms: Positive


@dataclass(frozen=True, config=STRICT)
class _Head:
    convolution_ms: Positive
    classifier_ms: Positive


@dataclass(frozen=True, config=STRICT)
class _Network:
    child: str
    latency_ms: Positive


@dataclass(frozen=True, config=STRICT)
class _Published:
    """Content of a file. Stem and head are those of `space`."""

    kind: Literal["lookup_table"]
    space: str
    device: str
    recipe: str
    runtime: str
    num_threads: int
    delegate: str
    source: str
    licence: str
    fallback: NearestWidths
    stem: _Stem
    head: _Head
    blocks: list[_Blocks]
    networks: list[_Network]
    schema_version: Literal[1]


def load(name: str) -> LookupTable:
    """Loads the published table called `name`.

    Raises:
        ValueError: no such table; the message lists the known ones.
    """
    known_names.check("latency table", name, TABLES)
    data = schemas.read(_Published, TABLES[name], LATENCY_MODEL)
    table = LookupTable()
    table.space_, table.recipe_, table.fallback_ = data.space, data.recipe, data.fallback
    table.environment_ = {
        name: getattr(data, name) for name in ("device", "runtime", "num_threads", "delegate")
    }
    table.source_ = f"{data.source} {data.licence}"
    table.reference_ = table.reference_ms_ = table.context_ = None
    table.networks_ = []
    table.entries_ = _entries(data)
    table.evaluation_ = {"networks": _network_scores(table, data), "blocks": _block_scores(table)}
    return table


def _entries(data: _Published) -> dict[str, Entry]:
    space = spaces.load_space(data.space)
    child = space.first_child
    head_ms = data.head.convolution_ms + data.head.classifier_ms
    latencies = {parts.stem_part(child): data.stem.latency_ms, parts.head_part(child): head_ms}
    for blocks in data.blocks:
        latencies |= blocks.parts()
    return {part.key: entry_of(part, latency_ms, None) for part, latency_ms in latencies.items()}


def _network_scores(table: LookupTable, data: _Published) -> dict[str, Any]:
    """Scores of predictions for the published latencies of whole networks."""
    predicted = [table.predict(spaces.load_child(network.child)) for network in data.networks]
    names = ", ".join(network.child for network in data.networks)
    method = f"published latency of {names}, which the table does not use"
    measured = [network.latency_ms for network in data.networks]
    return evaluation.held_out(predicted, measured, method)


def _block_scores(table: LookupTable) -> dict[str, Any]:
    """Scores of the fallback on blocks of the table, each predicted from the other blocks."""
    predicted, published = [], []
    for entry in table.entries_.values():
        others = [other for other in table.entries_.values() if other is not entry]
        found = table.fallback_.entry(entry, others) if table.fallback_ else None
        if entry.kind == "block" and found is not None:
            predicted.append(found.latency_ms)
            published.append(entry.latency_ms)
    method = "each block predicted by the fallback from the other blocks, if one is near enough"
    return evaluation.held_out(predicted, published, method)
