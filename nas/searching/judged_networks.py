"""Networks that a search judged, kept in one JSON file that survives the process.

The file is written anew after every addition. It belongs to one search: what another one left, by
other settings or for another space, is dropped.
"""

import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nas import files


class Judged(NamedTuple):
    """One network.

    Attributes:
        choices: its candidate in every slot.
        validation_accuracy: in [0, 1].
        cost: predicted latency in milliseconds, or what else the search's target counts.
        round: in which round of the search it was judged, from 0.
    """

    choices: tuple[int, ...]
    validation_accuracy: float
    cost: float
    round: int

    @property
    def rank(self) -> tuple:
        """Sorts the best first: by accuracy, then speed; the choices settle what is equal."""
        return -self.validation_accuracy, self.cost, self.choices


class JudgedNetworks:
    """The file, and what it holds.

    Args:
        path: of the file.
        identity: what the judgements depend on, as JSON values by name.
        report: is told, in one line, when another search's file is dropped.

    Attributes:
        networks: in the order in which they were judged.
        rounds: number of finished rounds.
    """

    def __init__(
        self,
        path: files.Path,
        identity: Mapping[str, Any],
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._path = pathlib.Path(path)
        self._identity = json.loads(json.dumps(identity, allow_nan=False))
        self.networks: list[Judged] = []
        self.rounds = 0
        if not self._path.exists():
            return
        found = files.read_json(path)
        if found.get("identity") != self._identity:
            report(f"{path}: of a search with other settings; starting over")
            return
        self.rounds = found["rounds"]
        self.networks = [Judged(tuple(row.pop("choices")), **row) for row in found["networks"]]

    def add_round(self, networks: Sequence[Judged]) -> None:
        """Adds what one round judged, and writes the file."""
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
        """The most accurate network; of equal ones the fastest."""
        return min(self.networks, key=lambda network: network.rank)
