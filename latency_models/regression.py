"""Latency as a regression on the parts' multiply-accumulates, activations and weights.

Where a lookup table refuses what it has not measured, a regression predicts any width and
resolution, says what lies outside the measured range, and how uncertain that makes it. The model of
a part (`latency_models.part_regressor`) is fitted to parts timed alone, of every space among the
measurements; whole networks correct it as they do a table (`latency_models.correction`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from latency_models import (
    correction,
    evaluation,
    features,
    nearest,
    part_regressor,
    parts,
    selection,
)
from latency_models.correction import Correction
from latency_models.fitted import LatencyModel, Learned
from latency_models.measurements import Measurement
from latency_models.part_regressor import PartRegressor
from latency_models.parts import Part
from nas.candidates import STRICT
from nas.specs import Child, SearchSpace

# Of a space, the parts a caution describes one by one.
_DESCRIBED = 3


@dataclass(frozen=True, config=STRICT, kw_only=True)
class _Learned(Learned):
    regressor: PartRegressor
    correction: Correction
    networks: list[str]


class Regression(LatencyModel):
    """The latency of any network on one device, from what its parts compute and move.

    Attributes:
        regressor_: the model of a part alone.
        correction_: from parts alone to parts in a network.
        networks_: keys of the whole networks it was fitted on.
        evaluation_: `networks`, each predicted by what everything but it gives; `blocks`, in ten
            random folds; `blocks_of_unseen_shapes`, each shape left out in turn;
            `network_repeats`, the repeat error of whole networks.

    Example:
        rows = measurements.read("measurements.jsonl")
        model = Regression().fit(rows, spaces.load_space("cifar"))
        model.predict(child), model.uncertainty_ms(child)
    """

    kind: ClassVar[str] = "regression"
    learned: ClassVar[type[Learned]] = _Learned

    regressor_: PartRegressor
    correction_: Correction
    networks_: list[str]

    def fit(self, rows: Sequence[Measurement], space: SearchSpace) -> Regression:
        """Learns from the whole networks of `space` and from all parts, other spaces' included.

        Raises:
            ValueError: rows of several recipes, environments or reference models, too few whole
                networks, or blocks of fewer than two shapes.
        """
        by_key = {row.key: row for row in rows if row.spec is not None}
        selection.check_alike(list(by_key.values()))
        networks, children = selection.networks(by_key.values(), space)
        of_parts = [row for row in by_key.values() if row.kind != "network"]
        some = networks[0]
        others = sorted({str(row.space) for row in by_key.values()} - {space.name})
        self.space_, self.recipe_ = ", ".join([space.name, *others]), str(some.recipe)
        self.environment_, self.reference_ = some.environment, some.reference
        reference_ms = self.reference_ms_ = selection.reference_ms(by_key.values())
        self.networks_ = [row.key for row in networks]

        x = np.array([_features_of(row) for row in of_parts])
        alone = np.array([row.normalized_ms(reference_ms) for row in of_parts])
        shapes = [_shape_of(row) if row.kind == "block" else None for row in of_parts]
        random = part_regressor.held_out(x, alone, shapes, by_group=False)
        unseen = part_regressor.held_out(x, alone, shapes, by_group=True)
        self.regressor_ = part_regressor.fit(x, alone, unseen.error)

        measured = np.array([row.normalized_ms(reference_ms) for row in networks])
        in_parts = [_stacked(parts.child_parts(child)) for child in children]
        sums = np.array([self.regressor_.predict(rows).sum() for rows in in_parts])
        counts = np.array([len(rows) for rows in in_parts])
        self.correction_ = correction.fit(sums, counts, measured)
        self.evaluation_ = {
            "networks": evaluation.held_out(
                _held_out(sums, counts, measured), measured, "leave one network out"
            ),
            "blocks": evaluation.held_out(
                random.predicted_ms, random.latency_ms, "ten random folds of blocks timed alone"
            ),
            "blocks_of_unseen_shapes": evaluation.held_out(
                unseen.predicted_ms,
                unseen.latency_ms,
                "leave one shape out (widths, stride, resolution) of blocks timed alone",
            ),
            "network_repeats": selection.repeats(networks, reference_ms),
        }
        return self

    def part_ms(self, part: Part) -> float:
        """See `LatencyModel`."""
        row = _features_of(part)
        unknown = self.regressor_.unknown(row)
        if unknown:
            raise ValueError(
                f"the regression of {self.space_} cannot tell the latency of "
                f"{nearest.described(part)}: nothing that was measured has {', '.join(unknown)}; "
                f"the nearest it knows: {', '.join(self._known_like(unknown))}; benchmark a space "
                "that has it and fit again"
            )
        return self.correction_.part_ms(float(self.regressor_.predict(row[None])[0]))

    def _known_like(self, names: Sequence[str]) -> list[str]:
        """Measured features that share the first word of one of `names`."""
        known = [
            name
            for name, most in zip(features.FEATURES, self.regressor_.most, strict=True)
            if most > 0.0
        ]
        words = {name.split("_")[0] for name in names}
        return [name for name in known if name.split("_")[0] in words] or known

    def uncertainty_ms(self, child: Child) -> float:
        """Standard deviation of `predict(child)`, in milliseconds.

        Parts inside the measured range are as uncertain as held-out networks were; those outside as
        blocks of unseen shapes, and all in the same direction, since what they have in common is
        what nobody measured.
        """
        wanted = parts.child_parts(child)
        outside = [part for part in wanted if self._is_outside(part)]
        outside_ms = sum(self.part_ms(part) for part in outside)
        # A normal error's mean magnitude is 0.8 of its standard deviation.
        inside = self.evaluation_["networks"]["mape"] / 0.8
        deviations = self.correction_.scale * self.regressor_.deviation_ms(_stacked(outside))
        return inside * (self.predict(child) - outside_ms) + float(deviations.sum())

    def _is_outside(self, part: Part) -> bool:
        return bool(self.regressor_.outside(_features_of(part)))

    def cautions(self, wanted: Sequence[Part]) -> list[str]:
        """Parts outside the measured range, and what they are expected to be off by."""
        distinct = parts.distinct(wanted)
        outside = [part for part in distinct if self._is_outside(part)]
        if not outside:
            return []
        described = [
            f"{nearest.described(part)} ({self.regressor_.outside(_features_of(part))[0]})"
            for part in outside[:_DESCRIBED]
        ]
        more = "; ..." if len(outside) > _DESCRIBED else ""
        rows = _stacked(outside)
        relative = self.regressor_.deviation_ms(rows).sum() / self.regressor_.predict(rows).sum()
        return [
            f"the regression extrapolates for {len(outside)} of {len(distinct)} parts, expected "
            f"error {100 * relative:.0f} %: {'; '.join(described)}{more}"
        ]


def _features_of(place: Part | Measurement) -> np.ndarray:
    if place.spec is None or place.resolution is None:
        raise ValueError(f"{place.label}: expected a part with its spec, received none")
    return features.features(place.kind, place.spec, place.resolution)


def _shape_of(row: Measurement) -> str:
    return features.shape(row.kind, row.spec or {}, row.resolution or 0)


def _stacked(wanted: Sequence[Part]) -> np.ndarray:
    """`[parts, features]`, also of no part at all."""
    return np.array([_features_of(part) for part in wanted]).reshape(-1, len(features.FEATURES))


def _held_out(sums_ms: np.ndarray, counts: np.ndarray, measured_ms: np.ndarray) -> np.ndarray:
    """Each network by the correction that the other networks give."""
    predicted = np.empty_like(measured_ms)
    for i in range(len(measured_ms)):
        others = np.arange(len(measured_ms)) != i
        learned = correction.fit(sums_ms[others], counts[others], measured_ms[others])
        predicted[i] = learned.scale * sums_ms[i] + learned.per_part_ms * counts[i]
    return predicted
