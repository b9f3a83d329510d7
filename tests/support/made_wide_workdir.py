"""Writes a finished work dir of a space with widths, resolutions and long labels."""

import math
import pathlib

import made_workdir
import numpy as np

from latency_models.measuring.parts import space_parts
from latency_models.models import lookup_table
from latency_models.models.lookup_table import LookupTable
from nas import files
from nas.architecture import spec_json
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from nas.architecture.specs import SearchSpace

STAGES = {"w1": (16, 24, 32), "w2": (24, 32, 40, 48), "w3": (48, 64, 96, 128, 160)}


def space(depth: int = 2) -> SearchSpace:
    """Three stages of `depth` slots each, of which every stage has a width of its own."""
    candidates = (
        MBConv(3, 3, "relu"),
        MBConv(5, 6, "hard_swish", 0.25),
        MBConv(7, 2.5, "hard_swish", 0.25),
        FusedMBConv(3, 4, "hard_swish", 0.25),
        UIB(3, 5, 4, "hard_swish"),
    )
    layers: list[Block | Slot] = [Block(MBConv(3, 1), 16, 8)]
    width: int | str = 8
    for name in STAGES:
        for i in range(depth):
            both = (*candidates, Skip()) if i else candidates
            layers.append(Slot(width, name, both, 1 if i else 2))
            width = name
    stem, head = Stem(16), Head("w4", "hard_swish", pooled_width=256)
    return SearchSpace(
        "wide", (48, 64), 10, stem, tuple(layers), head, widths={**STAGES, "w4": (128, 192)}
    )


def choices(made: SearchSpace) -> tuple[int, ...]:
    """One option of every row; the last slot has a skip."""
    found = [(3 * i + 1) % n for i, n in enumerate(made.option_counts)]
    found[len(made.slots) - 1] = len(made.slots[-1].candidates) - 1
    return tuple(found)


def latency_model(made: SearchSpace) -> LookupTable:
    """One microsecond per 1000 MACs."""
    table = LookupTable()
    table.space_, table.recipe_, table.reference_, table.reference_ms_ = made.name, "int8", "r", 1.0
    table.environment_ = {"device": "local", "runtime": "x", "num_threads": 1, "delegate": None}
    table.context_ = table.fallback_ = table.source_ = None
    table.networks_ = []
    table.evaluation_ = {}
    table.entries_ = {
        part.key: lookup_table.entry_of(part, part.num_macs * 1e-6, None)
        for part in space_parts(made)
    }
    return table


def write(path: pathlib.Path, depth: int = 2) -> SearchSpace:
    """Writes all files of a finished search of `space(depth)`; returns the space."""
    made = space(depth)
    table, chosen = latency_model(made), choices(made)
    search = {"algorithm": "proxyless_reinforce", "epochs": 3, "warmup_epochs": 1}
    flags = {**search, "dataset": "cifar10", "space": "wide.json"}
    made_workdir._json(
        path, "config.json", {"provenance": made_workdir.provenance("search.py"), "search": flags}
    )
    made_workdir._json(path, "space.json", spec_json.to_dict(made))
    table.save(path / "latency_model.json")
    costs = table.costs(made)
    notes = {"choices": chosen, "most_probable": chosen, "predicted_latency_ms": costs.of(chosen)}
    notes["search"] = {**search, "target": 1.02 * costs.of(chosen), "seed": 7}
    provenance = made_workdir.provenance("search.py --space=wide.json --workdir=w", **notes)
    content = {**spec_json.to_dict(made.child(chosen)), "provenance": provenance}
    made_workdir._json(path, "child.json", content)
    rows = [{"loss": 2.2 - 0.3 * i, "accuracy": 0.2 + 0.1 * i} for i in range(4)]
    for i, row in enumerate(rows):
        row |= {"entropy": 1.5 - 0.2 * i, "expected_latency_ms": (1.5 - 0.1 * i) * costs.of(chosen)}
        row["most_probable_latency_ms"] = costs.of(chosen)
        row |= {"validation_loss": 2.0, "validation_accuracy": 0.3} if i else {}
    made_workdir.lines(path / "search/metrics.jsonl", rows)
    counts = made.option_counts
    alphas = np.full([4, len(counts), max(counts)], np.nan)
    for row, (count, choice) in enumerate(zip(counts, chosen, strict=True)):
        alphas[:, row, :count] = 0.0
        for epoch in range(1, 4):
            alphas[epoch, row, choice] = epoch / 3 * math.log(3.0 + row % 4)
    files.write_with(path / "search/alphas.npz", lambda name: np.savez(name, alphas=alphas))
    return made
