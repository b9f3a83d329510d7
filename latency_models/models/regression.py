"""Latency as a regression on the parts' multiply-accumulates, activations and weights.

Where a lookup table refuses what it has not measured, a regression predicts any width and
resolution, says what lies outside the measured range, and how uncertain that makes it. The model of
a part (`latency_models.models.part_regressor`) is fitted to parts timed alone, of every space among
the measurements. What a network adds to its parts (`latency_models.models.correction`) is learned
beside it, from whole networks against the times of their own parts: it is a property of the
machine, and would take up the regressor's errors otherwise, which are others for other shapes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from latency_models.measuring import parts
from latency_models.measuring.measurements import Measurement
from latency_models.measuring.parts import Part
from latency_models.models import (
    correction,
    evaluation,
    features,
    nearest,
    part_regressor,
    selection,
)
from latency_models.models.correction import Correction
from latency_models.models.features import Tile
from latency_models.models.fitted import LatencyModel, Learned
from latency_models.models.part_regressor import PartRegressor
from nas.architecture.operations import STRICT
from nas.architecture.specs import Child, SearchSpace

# Of a space, the parts a caution describes one by one.
_DESCRIBED = 3
# Padded to many times their size, these leave the caches from one inference to the next.
_STREAMED = features.FEATURES.index("general_weights")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class _Learned(Learned):
    tile: Tile
    regressor: PartRegressor
    correction: Correction
    networks: list[str]


@dataclasses.dataclass(frozen=True)
class _Sums:
    """Of whole networks, what their parts add up to: one entry a network."""

    predicted_ms: np.ndarray
    alone_ms: np.ndarray
    num_parts: np.ndarray
    streamed_weights: np.ndarray

    def correction(self, measured_ms: np.ndarray, without: int | None = None) -> Correction:
        """Of all networks but `without`."""
        kept = np.arange(len(measured_ms)) != without
        return correction.fit(
            self.alone_ms[kept],
            self.num_parts[kept],
            measured_ms[kept],
            self.streamed_weights[kept],
        )

    def held_out(self, measured_ms: np.ndarray) -> np.ndarray:
        """Each network by the correction that the other networks give."""
        found = np.empty_like(measured_ms)
        for i in range(len(measured_ms)):
            found[i] = self.correction(measured_ms, without=i).sum_ms(
                self.predicted_ms[i], self.num_parts[i], self.streamed_weights[i]
            )
        return found


class Regression(LatencyModel):
    """The latency of any network on one device, from what its parts compute and move.

    Attributes:
        tile_: in which it counts multiply-accumulates, of `features.TILES`.
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

    tile_: Tile
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

        alone = np.array([row.normalized_ms(reference_ms) for row in of_parts])
        self.tile_ = _best_tile(of_parts, alone)
        x = _stacked(of_parts, self.tile_)
        shapes = [_shape_of(row) if row.kind == "block" else None for row in of_parts]
        random = part_regressor.held_out(x, alone, shapes, by_group=False)
        unseen = part_regressor.held_out(x, alone, shapes, by_group=True)
        self.regressor_ = part_regressor.fit(x, alone, unseen.error)

        measured = np.array([row.normalized_ms(reference_ms) for row in networks])
        in_parts = [parts.child_parts(child) for child in children]
        alone_by_key = dict(zip((row.key for row in of_parts), alone.tolist(), strict=True))
        sums = _Sums(
            predicted_ms=np.array([self._alone_ms(wanted).sum() for wanted in in_parts]),
            alone_ms=np.array([self._measured_ms(wanted, alone_by_key) for wanted in in_parts]),
            num_parts=np.array([len(wanted) for wanted in in_parts]),
            streamed_weights=np.array([self._stacked(w)[:, _STREAMED].sum() for w in in_parts]),
        )
        self.correction_ = sums.correction(measured)
        self.evaluation_ = {
            "networks": evaluation.held_out(
                sums.held_out(measured), measured, "leave one network out"
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
        row = self._features_of(part)
        unknown = self.regressor_.unknown(row)
        if unknown:
            raise ValueError(
                f"the regression of {self.space_} cannot tell the latency of "
                f"{nearest.described(part)}: nothing that was measured has {', '.join(unknown)}; "
                f"the nearest it knows: {', '.join(self._known_like(unknown))}; benchmark a space "
                "that has it and fit again"
            )
        alone_ms = float(self.regressor_.predict(row[None])[0])
        return self.correction_.part_ms(alone_ms, float(row[_STREAMED]))

    def _features_of(self, part: Part) -> np.ndarray:
        return _features_of(part, self.tile_)

    def _stacked(self, wanted: Sequence[Part]) -> np.ndarray:
        return _stacked(wanted, self.tile_)

    def _alone_ms(self, wanted: Sequence[Part]) -> np.ndarray:
        return self.regressor_.predict(self._stacked(wanted))

    def _measured_ms(self, wanted: Sequence[Part], alone_by_key: Mapping[str, float]) -> float:
        """Sum of `wanted`, those predicted that were not measured."""
        predicted = self._alone_ms(wanted).tolist()
        pairs = zip(wanted, predicted, strict=True)
        return sum(alone_by_key.get(part.key, ms) for part, ms in pairs)

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
        deviations = self.correction_.scale * self.regressor_.deviation_ms(self._stacked(outside))
        return inside * (self.predict(child) - outside_ms) + float(deviations.sum())

    def _is_outside(self, part: Part) -> bool:
        return bool(self.regressor_.outside(self._features_of(part)))

    def cautions(self, wanted: Sequence[Part]) -> list[str]:
        """Parts outside the measured range, and what they are expected to be off by."""
        distinct = parts.distinct(wanted)
        outside = [part for part in distinct if self._is_outside(part)]
        if not outside:
            return []
        described = [
            f"{nearest.described(part)} ({self.regressor_.outside(self._features_of(part))[0]})"
            for part in outside[:_DESCRIBED]
        ]
        more = "; ..." if len(outside) > _DESCRIBED else ""
        rows = self._stacked(outside)
        relative = self.regressor_.deviation_ms(rows).sum() / self.regressor_.predict(rows).sum()
        return [
            f"the regression extrapolates for {len(outside)} of {len(distinct)} parts, expected "
            f"error {100 * relative:.0f} %: {'; '.join(described)}{more}"
        ]


def _best_tile(of_parts: Sequence[Measurement], alone_ms: np.ndarray) -> Tile:
    """The one whose fit leaves least: every tile gives equally many features."""

    def remaining(tile: Tile) -> float:
        rows = _stacked(of_parts, tile)
        predicted = part_regressor.fit(rows, alone_ms).predict(rows)
        return float(np.mean((predicted / alone_ms - 1.0) ** 2))

    return min(features.TILES, key=remaining)


def _features_of(place: Part | Measurement, tile: Tile) -> np.ndarray:
    if place.spec is None or place.resolution is None:
        raise ValueError(f"{place.label}: expected a part with its spec, received none")
    return features.features(place.kind, place.spec, place.resolution, tile)


def _shape_of(row: Measurement) -> str:
    return features.shape(row.kind, row.spec or {}, row.resolution or 0)


def _stacked(wanted: Sequence[Part] | Sequence[Measurement], tile: Tile) -> np.ndarray:
    """`[parts, features]`, also of no part at all."""
    return np.array([_features_of(part, tile) for part in wanted]).reshape(
        -1, len(features.FEATURES)
    )
