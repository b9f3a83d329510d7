"""The base class of latency models: sums over parts, checks of device and recipe, JSON files."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic.dataclasses import dataclass

from latency_models.measuring import environment, parts
from latency_models.measuring.measurements import Measurement
from latency_models.measuring.parts import Part
from latency_models.models.scores import Scores
from nas import files, reading, schemas
from nas.architecture.operations import STRICT
from nas.architecture.part_grids import Parts
from nas.architecture.specs import Child, SearchSpace
from nas.file_kinds import LATENCY_MODEL
from nas.schemas import Positive

if TYPE_CHECKING:
    from nas.choices.chain_costs import ChainCosts

SCHEMA_VERSION = 1

# Keys of the environment that a file also has at its top level.
_USE = tuple(environment.KEYS)


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Learned:
    """Fields that the file of every fitted model must have."""

    space: str
    recipe: str
    environment: environment.Environment
    reference: str | None
    reference_ms: Positive | None
    evaluation: dict[str, dict[str, Any]]


class LatencyModel(abc.ABC):
    """Predicts the latency of networks on one device as a sum over their parts.

    Attributes:
        kind: name of the kind in flags and files.
        learned: dataclass of the fields in a file; each is an attribute with `_` at its end.
        space_: name of the measured search space.
        recipe_: export recipe of the measured models.
        environment_: device, system and runtime of the measurements.
        reference_: key of the reference model; None for a published table without one.
        reference_ms_: the reference model's milliseconds when the measurements were taken. To
            compare a later measurement with predictions, use
            `Measurement.normalized_ms(reference_ms_)`.
        evaluation_: held-out errors; at least `networks` and `blocks`.
    """

    kind: ClassVar[str]
    learned: ClassVar[type[Learned]]

    space_: str
    recipe_: str
    environment_: dict[str, Any]
    reference_: str | None
    reference_ms_: float | None
    evaluation_: dict[str, dict[str, Any]]

    @abc.abstractmethod
    def fit(self, rows: Sequence[Measurement], space: SearchSpace) -> Self:
        """Fits the model to measurements.

        Raises:
            ValueError: the rows do not belong together, or are too few.
        """

    @abc.abstractmethod
    def part_ms(self, part: Part) -> float:
        """Milliseconds that `part` adds to a network.

        Raises:
            ValueError: the model does not cover `part`; the message names the nearest it covers.
        """

    @abc.abstractmethod
    def cautions(self, wanted: Sequence[Part]) -> list[str]:
        """Sentences about parts in `wanted` with less certain latencies; empty if none."""

    def predict(self, child: Child) -> float:
        """Latency of `child` in milliseconds.

        Raises:
            ValueError: a part is not covered; the message names it and the nearest covered one.
        """
        return math.fsum(self.part_ms(part) for part in parts.child_parts(child))

    def costs(self, space: SearchSpace) -> ChainCosts:
        """Latencies of all networks of `space`, as a search needs them.

        A child's `predict` is the sum over the layers of the chain.

        Raises:
            ValueError: a part of `space` is not covered; the message names it and the nearest
                covered one.
        """
        # Imported here, because it takes seconds, and reading or predicting needs no TensorFlow.
        from nas.choices import space_costs

        made = Parts(parts.stem_part, parts.block_part, parts.head_part)
        return space_costs.of_space(space, made, self._parts_ms)

    def _parts_ms(self, wanted: Sequence[Part]) -> list[float]:
        """Returns `part_ms` of every part; equal parts are predicted once."""
        by_key = {part.key: part for part in wanted}
        found = {key: self.part_ms(part) for key, part in by_key.items()}
        return [found[part.key] for part in wanted]

    def slot_latencies(self, space: SearchSpace) -> tuple[list[np.ndarray], float]:
        """Latencies of all candidates of a space of fixed widths and resolution.

        Returns:
            For each slot a float64 vector with the milliseconds of its candidates (0 for an
            identity); and the milliseconds of all other parts. A child's `predict` is their sum.

        Raises:
            ValueError: a part of `space` is not covered, or it has other decisions than slots.
        """
        from nas.choices.candidate_costs import Latencies

        found = self.costs(space)
        if not isinstance(found, Latencies):
            raise ValueError(
                f"{space.name}: expected a space of fixed widths and resolution, received one "
                "with such decisions; use costs"
            )
        return found.slots, found.constant_ms

    def check(self, *, device: str, recipe: str, num_threads: int) -> None:
        """Refuses a device, recipe or number of threads other than the measured one.

        Raises:
            ValueError: one of them differs; the message names it.
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
        learned = self.learned(**{name: getattr(self, f"{name}_") for name in self._names()})
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind,
            **{name: self.environment_[name] for name in _USE},
            **{k: v for k, v in self.environment_.items() if k in environment.OPTIONAL},
            **dataclasses.asdict(learned),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], source: str = "input") -> Self:
        """The inverse of `to_dict`.

        Raises:
            ValueError: a field is not as expected; the message names `source` and the first one.
        """
        schemas.check_version(data.get("schema_version"), SCHEMA_VERSION, source, LATENCY_MODEL)
        names = cls._names()
        fields = {name: data[name] for name in names if name in data}
        learned = schemas.parse(cls.learned, fields, source, LATENCY_MODEL)
        missing = [name for name in _USE if name not in learned.environment]
        if missing:
            expected = ", ".join(missing)
            raise reading.fault(source, "environment", expected, "none", LATENCY_MODEL)
        for name, one in learned.evaluation.items():
            schemas.parse(Scores, one, source, LATENCY_MODEL, f"evaluation.{name}")
        for name in (*_USE, *environment.OPTIONAL):
            # The same value stands in two places; one of them may have been edited.
            own = learned.environment.get(name)
            if name in data and repr(data[name]) != repr(own):
                expected = f"{reading.shown(own)} as in environment"
                raise reading.fault(
                    source, name, expected, reading.shown(data[name]), LATENCY_MODEL
                )
        model = cls()
        for name in names:
            setattr(model, f"{name}_", getattr(learned, name))
        return model

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in dataclasses.fields(cls.learned)]

    def save(self, path: files.Path) -> None:
        """Writes the fitted model as JSON, atomically."""
        files.write_json(path, {**self.to_dict(), "provenance": files.provenance()})
