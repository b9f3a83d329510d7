"""The networks of which a search chooses its child, with what each reached, in one JSON file."""

import math
import pathlib
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from nas import files, reading, schemas
from nas.architecture.operations import STRICT
from nas.file_kinds import FINALISTS
from nas.schemas import Count, Finite, Fraction, NotNegative

FILE_NAME = "finalists.json"

Origin = Literal["estimate", "alpha", "width", "pretrained", "most work", "one operation", "draw"]


@dataclass(frozen=True, config=STRICT)
class Finalist:
    """A network that may become the child.

    Attributes:
        choices: its option in every row.
        origin: why it is one; see `proposals.propose`.
        cost: predicted latency in milliseconds, or another cost in the unit of the target.
        accuracies: on the architecture-validation split, after each round it took part in.
        losses: the cross-entropies there, in nats.
    """

    choices: tuple[Count, ...]
    origin: Origin
    cost: NotNegative
    accuracies: tuple[Fraction, ...] = ()
    losses: tuple[Finite, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Record:
    """The content of `finalists.json`.

    Attributes:
        rounds: finished rounds.
        finalists: all finalists, in the order in which they were proposed.
        identity: everything the result depends on, as JSON values by name.
        provenance: command, revision and versions.
    """

    rounds: Count
    finalists: tuple[Finalist, ...]
    identity: dict[str, Any]
    provenance: dict[str, Any]
    schema_version: Literal[1] = 1

    @property
    def left(self) -> list[int]:
        """Indices of those that have not dropped out, the best first."""
        if not self.rounds:
            return list(range(len(self.finalists)))
        judged = [i for i, one in enumerate(self.finalists) if len(one.losses) == self.rounds]
        ranked = sorted(judged, key=lambda i: (self.finalists[i].losses[-1], i))
        return ranked[: math.ceil(len(judged) / 2)]


@dataclass(frozen=True, config=STRICT)
class Result:
    """What one training of a finalist reached, in a file beside its network."""

    loss: Finite
    accuracy: Fraction
    schema_version: Literal[1] = 1


def read(directory: files.Path) -> Record | None:
    """Reads `finalists.json` of a search; None if it has none.

    Raises:
        ValueError: the file has another form; the message names the field.
    """
    path = pathlib.Path(directory) / FILE_NAME
    return schemas.read(Record, path, FINALISTS, 1) if reading.exists(path) else None
