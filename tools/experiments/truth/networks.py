"""The networks of a truth, each with the accuracies of its trainings, in two halves.

A scoring that is changed until it agrees with some networks says little about others. So the drawn
networks of every target are divided by their numbers: those with even numbers are there to develop
with, those with odd numbers to report what came out.
"""

import dataclasses
import os
import pathlib
import statistics
from typing import Any

import pydantic
from pydantic.dataclasses import dataclass

from nas import file_kinds, reading, schemas
from nas.file_kinds import TRUTH
from nas.schemas import Count, PositiveCount
from tools.experiments.truth import trainings
from tools.experiments.truth.trainings import Training
from tools.reporting.data import records

# By name: the rests of the numbers divided by two.
HALVES = {"develop": (0,), "report": (1,), "all": (0, 1)}
# With fewer, no order can be compared.
LEAST_NETWORKS = 3


@dataclass(frozen=True, config=pydantic.ConfigDict(extra="ignore"))
class Settings:
    """What all trainings of a truth share; flags of `make_truth` that other commands read."""

    space: str
    dataset: str
    train_epochs: PositiveCount
    max_train_examples: Count
    validation_size: PositiveCount


@dataclasses.dataclass(frozen=True)
class Network:
    """One network of a truth.

    Attributes:
        row: its first training; everything but seed and accuracy is the same in all of them.
        accuracies: test accuracies in [0, 1] by the seed of the training.
    """

    row: Training
    accuracies: dict[int, float]

    @property
    def mean(self) -> float:
        """The mean of its accuracies."""
        return statistics.fmean(self.accuracies.values())


@dataclasses.dataclass(frozen=True)
class Truth:
    """The networks of a truth.

    Attributes:
        path: its `truth.jsonl`.
        networks: the networks, in the order of the file.
        asked: the flags that all trainings share, as they stand in the file.
        model: content of the latency model that placed the networks at their targets.
    """

    path: pathlib.Path
    networks: tuple[Network, ...]
    asked: dict[str, Any]
    model: dict[str, Any]

    @property
    def settings(self) -> Settings:
        """The flags that other commands read."""
        return schemas.parse(Settings, self.asked, str(self.path), TRUTH, "settings")

    @property
    def targets(self) -> tuple[float, ...]:
        """The target latencies in milliseconds, increasing."""
        return tuple(sorted({network.row.target_ms for network in self.networks}))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the trainings, increasing."""
        return tuple(sorted({seed for network in self.networks for seed in network.accuracies}))

    def drawn(self, half: str, target_ms: float | None = None) -> list[Network]:
        """Returns the drawn networks of a half.

        Args:
            half: one of `HALVES`.
            target_ms: the target whose networks they are; None for all targets.
        """
        return [
            network
            for network in self.networks
            if network.row.group == "drawn"
            and network.row.number % 2 in HALVES[half]
            and target_ms in (None, network.row.target_ms)
        ]

    def widths(self) -> dict[float, Network]:
        """Returns the network of one multiplied width by its target in milliseconds."""
        return {n.row.target_ms: n for n in self.networks if n.row.group == "width"}

    def check_half(self, half: str) -> None:
        """Checks that every target has networks enough to compare an order.

        Raises:
            ValueError: one has not.
        """
        for target_ms in self.targets:
            count = len(self.drawn(half, target_ms))
            if count < LEAST_NETWORKS:
                more = "use --half=all or " if half != "all" else ""
                raise ValueError(
                    f"{self.path}: expected at least {LEAST_NETWORKS} drawn networks for "
                    f"{target_ms:g} ms with --half={half}, received {count}; {more}train more with "
                    "tools.experiments.make_truth --networks"
                )


def read(path: str | os.PathLike[str]) -> Truth:
    """Reads a truth.

    Args:
        path: `truth.jsonl`, or the work dir of `make_truth` that it lies in.

    Raises:
        ValueError: a file is missing or damaged, or its rows contradict each other.
    """
    file = pathlib.Path(path)
    if file.is_dir():
        file /= trainings.FILE_NAME
    rows = trainings.read(file)
    if not rows:
        raise reading.fault(file, "", "trainings of networks", "none", TRUTH)
    found: dict[tuple[Any, ...], Network] = {}
    for i, row in enumerate(rows, 1):
        network = found.setdefault((row.target_ms, row.group, row.number), Network(row, {}))
        _check_row(row, network, rows[0], f"{file}, line {i}")
        network.accuracies[row.seed] = row.test_accuracy
    truth = Truth(file, tuple(found.values()), rows[0].settings, _model(file.parent))
    _ = truth.settings
    return truth


def _check_row(row: Training, network: Network, first: Training, source: str) -> None:
    if row.settings != first.settings:
        raise reading.fault(source, "settings", "those of line 1", "others", TRUTH)
    for name in ("choices", "predicted_ms", "params", "macs"):
        own, before = getattr(row, name), getattr(network.row, name)
        if own != before:
            raise reading.fault(source, name, f"{_shown(before)} as before", _shown(own), TRUTH)
    if row.seed in network.accuracies:
        raise reading.fault(source, "seed", "every seed once", f"{row.seed} twice", TRUTH)


def _shown(value: Any) -> str:
    """A value in a few words; of choices all of them."""
    return (
        reading.shortened(repr(list(value))) if isinstance(value, tuple) else reading.shown(value)
    )


def _model(directory: pathlib.Path) -> dict[str, Any]:
    """Reads the latency model from the flags of `make_truth`."""
    path = directory / "config.json"
    model = records.read_config(path).get("make_truth", {}).get("model")
    if not isinstance(model, dict):
        expected = "the flags of tools.experiments.make_truth beside its truth.jsonl"
        raise reading.fault(path, "make_truth", expected, "none", file_kinds.CONFIG)
    return model
