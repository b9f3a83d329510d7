"""The networks that a search has evaluated, stored in one JSON file so that it can resume.

The file is rewritten after every round. It belongs to one search: the file of a search with other
settings or another space is dropped.
"""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pydantic
from pydantic.dataclasses import dataclass

from nas import files, reading, schemas
from nas.file_kinds import NETWORKS
from nas.schemas import Count, Fraction, NotNegative

_IGNORING = pydantic.ConfigDict(extra="ignore")


class Judged(NamedTuple):
    """One evaluated network.

    Attributes:
        choices: its option in every row.
        validation_accuracy: in [0, 1].
        cost: predicted latency in milliseconds, or another cost in the unit of the target.
        round: the round of the search in which it was evaluated, from 0.
    """

    choices: tuple[int, ...]
    validation_accuracy: float
    cost: float
    round: int

    @property
    def rank(self) -> tuple:
        """Sort key, best first: by accuracy, then by cost; equal networks by their choices."""
        return -self.validation_accuracy, self.cost, self.choices


@dataclass(frozen=True, config=_IGNORING)
class StoredNetwork:
    """One evaluated network in the file; see `Judged`."""

    choices: tuple[Count, ...]
    validation_accuracy: Fraction
    cost: NotNegative
    round: Count


@dataclass(frozen=True, config=_IGNORING)
class Stored:
    """The content of the file."""

    networks: tuple[StoredNetwork, ...]
    rounds: Count
    identity: dict[str, Any] | None = None


def read(path: files.Path) -> Stored | None:
    """Reads the file; None if it does not exist.

    Raises:
        ValueError: the file is damaged; the message names the place.
    """
    return schemas.read(Stored, path, NETWORKS, 1) if reading.exists(path) else None


class JudgedNetworks:
    """The evaluated networks and their file.

    Args:
        path: path of the file.
        identity: everything the evaluations depend on, as JSON values by name.
        report: receives a line if the file of another search is dropped.

    Attributes:
        networks: the networks, in the order in which they were evaluated.
        rounds: number of finished rounds.
    """

    def __init__(
        self,
        path: files.Path,
        identity: Mapping[str, Any],
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._path = pathlib.Path(path)
        self._identity = files.as_json(identity)
        self.networks: list[Judged] = []
        self.rounds = 0
        found = read(self._path)
        if found is None:
            return
        if found.identity != self._identity:
            report(f"{path} belongs to a search with other settings; starting over")
            return
        self.rounds = found.rounds
        self.networks = [
            Judged(one.choices, one.validation_accuracy, one.cost, one.round)
            for one in found.networks
        ]

    def add_round(self, networks: Sequence[Judged]) -> None:
        """Adds the networks of one round, and writes the file."""
        self.networks += networks
        self.rounds += 1
        files.write_json(
            self._path,
            {
                "schema_version": 1,
                "rounds": self.rounds,
                "networks": [network._asdict() for network in self.networks],
                "identity": self._identity,
                "provenance": files.provenance(),
            },
        )

    @property
    def best(self) -> Judged:
        """The most accurate network; among equally accurate ones the fastest."""
        return min(self.networks, key=lambda network: network.rank)
