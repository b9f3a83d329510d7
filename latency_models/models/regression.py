"""Latency as a regression on the parts' multiply-accumulates, activations and weights.

A lookup table refuses parts that were not measured. A regression predicts any width and resolution;
it reports what lies outside the measured range, and the uncertainty that results. The model of a
part (`latency_models.models.part_regressor`) is fitted to the times of parts alone, from every
space among the measurements. The correction from parts to networks
(`latency_models.models.correction`) is fitted separately, to whole networks and the measured times
of their parts. It describes the machine. Fitted to predicted times it would also absorb the
regressor's errors, which differ from shape to shape. Where a space is measured in part, most parts
of a network have no time and are predicted. The regressor's errors then count in the correction as
they do in later predictions; on held-out networks this was no worse (docs/results.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from latency_models.measuring import features, parts, tiles
from latency_models.measuring.measurements import Measurement
from latency_models.measuring.parts import Part
from latency_models.measuring.tiles import Tile
from latency_models.models import (
    correction,
    evaluation,
    nearest,
    part_regressor,
    selection,
)
from latency_models.models.correction import Correction
from latency_models.models.fitted import LatencyModel, Learned
from latency_models.models.part_regressor import PartRegressor
from nas.architecture.operations import STRICT
from nas.architecture.specs import Child, SearchSpace

# Number of parts that a caution describes one by one.
_DESCRIBED = 3
# These weights are padded to many times their size, so they do not stay in the caches from one
# inference to the next.
_STREAMED = features.FEATURES.index("general_weights")
_WEIGHTS = features.FEATURES.index("weights")
# With fewer networks, two more terms of the correction could describe their noise.
_ENOUGH_NETWORKS = 32
# Mean squared error with the terms over that without.
_CLEARLY_BETTER = 0.9


@dataclass(frozen=True, config=STRICT, kw_only=True)
class _Learned(Learned):
    tile: Tile
    regressor: PartRegressor
    correction: Correction
    networks: list[str]


@dataclasses.dataclass(frozen=True)
class _Sums:
    """Sums over the parts of whole networks, one entry per network."""

    predicted_ms: np.ndarray
    alone_ms: np.ndarray
    num_parts: np.ndarray
    streamed_weights: np.ndarray
    weights: np.ndarray

    def correction(
        self, measured_ms: np.ndarray, extended: bool, without: int | None = None
    ) -> Correction:
        """Fits the correction to all networks except `without`."""
        kept = np.arange(len(measured_ms)) != without
        return correction.fit(
            self.alone_ms[kept],
            self.num_parts[kept],
            measured_ms[kept],
            self.streamed_weights[kept],
            self.weights[kept] if extended else None,
        )

    def held_out(self, measured_ms: np.ndarray, extended: bool) -> np.ndarray:
        """Predicts each network with the correction fitted to the other networks."""
        found = np.empty_like(measured_ms)
        for i in range(len(measured_ms)):
            found[i] = self.correction(measured_ms, extended, without=i).sum_ms(
                self.predicted_ms[i], self.num_parts[i], self.streamed_weights[i], self.weights[i]
            )
        return found

    def needs_extension(self, measured_ms: np.ndarray) -> bool:
        """Whether held-out networks are predicted better by the correction with all its terms."""
        if len(measured_ms) < _ENOUGH_NETWORKS:
            return False
        errors = [
            float(np.mean((self.held_out(measured_ms, extended) / measured_ms - 1.0) ** 2))
            for extended in (False, True)
        ]
        return errors[1] < _CLEARLY_BETTER * errors[0]


class Regression(LatencyModel):
    """Predicts the latency of any network on one device from the work of its parts.

    Attributes:
        tile_: the tile, one of `tiles.TILES`, in which multiply-accumulates are counted.
        regressor_: the model of a part alone.
        correction_: the correction from parts alone to parts in a network.
        networks_: keys of the whole networks it was fitted to.
        evaluation_: `networks`, each predicted after a fit without it; `blocks`, in ten random
            folds; `blocks_of_unseen_shapes`, each shape left out in turn; `network_repeats`, the
            repeat error of whole networks.

    Example:
        >>> import dataclasses, latency_models, nas, tempfile
        >>> ops = nas.MBConv(3, 1), nas.MBConv(5, 1)
        >>> slots = nas.Slot(8, 8, ops), nas.Slot(8, 16, ops)
        >>> space = nas.SearchSpace("two", 8, 2, nas.Stem(8), slots, nas.Head(16))
        >>> device = latency_models.device("local")
        >>> short = dataclasses.replace(device.plan, rounds=2, min_rounds=2)  # For the example.
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = latency_models.benchmark_space(
        ...         space, "float32", device, f"{folder}/rows.jsonl", networks=4, plan=short
        ...     )
        >>> model = latency_models.Regression().fit(rows, space)
        >>> model.predict(nas.load_space("cifar").first_child) >= 0.0  # Has other blocks.
        True
    """

    kind: ClassVar[str] = "regression"
    learned: ClassVar[type[Learned]] = _Learned

    tile_: Tile
    regressor_: PartRegressor
    correction_: Correction
    networks_: list[str]

    def fit(self, rows: Sequence[Measurement], space: SearchSpace) -> Regression:
        """Fits the whole networks of `space` and all parts, including those of other spaces.

        Raises:
            ValueError: the rows have several recipes, environments or reference models, too few
                whole networks, or blocks of fewer than two shapes.
        """
        selection.check_alike([row for row in rows if row.spec is not None])
        by_key = {row.key: row for row in rows if row.spec is not None}
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
        x = features.stacked(of_parts, self.tile_)
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
            weights=np.array([self._stacked(w)[:, _WEIGHTS].sum() for w in in_parts]),
        )
        extended = sums.needs_extension(measured)
        self.correction_ = sums.correction(measured, extended)
        self.evaluation_ = {
            "networks": evaluation.held_out(
                sums.held_out(measured, extended), measured, "leave one network out"
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
        return self._parts_ms([part])[0]

    def _parts_ms(self, wanted: Sequence[Part]) -> list[float]:
        distinct = parts.distinct(wanted)
        rows = self._stacked(distinct)
        found = {}
        for part, row in zip(distinct, rows, strict=True):
            self._check_known(part, row)
            # One product at a time: sums of a matrix product depend on its number of rows.
            alone_ms = float(self.regressor_.predict(row[None])[0])
            found[part.key] = self.correction_.part_ms(
                alone_ms, float(row[_STREAMED]), float(row[_WEIGHTS]), part.kind == "stem"
            )
        return [found[part.key] for part in wanted]

    def _check_known(self, part: Part, row: np.ndarray) -> None:
        unknown = self.regressor_.unknown(row)
        if unknown:
            raise ValueError(
                f"the regression of {self.space_} cannot predict the latency of "
                f"{nearest.described(part)}: no measured part has {', '.join(unknown)}; "
                f"the nearest it knows: {', '.join(self._known_like(unknown))}; benchmark a space "
                "that has it and fit again"
            )

    def _features_of(self, part: Part) -> np.ndarray:
        return features.stacked([part], self.tile_)[0]

    def _stacked(self, wanted: Sequence[Part]) -> np.ndarray:
        return features.stacked(wanted, self.tile_)

    def _alone_ms(self, wanted: Sequence[Part]) -> np.ndarray:
        return self.regressor_.predict(self._stacked(wanted))

    def _measured_ms(self, wanted: Sequence[Part], alone_by_key: Mapping[str, float]) -> float:
        """Sum of the measured times of `wanted`; parts without a measurement are predicted."""
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

        Parts inside the measured range have the uncertainty of held-out networks. Parts outside
        have that of blocks of unseen shapes. Their deviations are added, as if all had the same
        sign, because the parts may share the same unmeasured property.
        """
        wanted = parts.child_parts(child)
        outside = [part for part in wanted if self._is_outside(part)]
        outside_ms = sum(self.part_ms(part) for part in outside)
        # The mean magnitude of a normal error is 0.8 times its standard deviation.
        inside = self.evaluation_["networks"]["mape"] / 0.8
        deviations = self.correction_.scale * self.regressor_.deviation_ms(self._stacked(outside))
        return inside * (self.predict(child) - outside_ms) + float(deviations.sum())

    def _is_outside(self, part: Part) -> bool:
        return bool(self.regressor_.outside(self._features_of(part)))

    def cautions(self, wanted: Sequence[Part]) -> list[str]:
        """Describes the parts outside the measured range and their expected error."""
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
        deviation_ms = float(self.regressor_.deviation_ms(rows).sum())
        relative = deviation_ms / float(self.regressor_.predict(rows).sum())
        return [
            f"the regression extrapolates for {len(outside)} of {len(distinct)} parts, expected "
            f"error {100 * relative:.0f} %: {'; '.join(described)}{more}"
        ]


def _best_tile(of_parts: Sequence[Measurement], alone_ms: np.ndarray) -> Tile:
    """The tile with the smallest squared error; the first of several that are equally good."""

    def remaining(tile: Tile) -> float:
        rows = features.stacked(of_parts, tile)
        predicted = part_regressor.fit(rows, alone_ms).predict(rows)
        return round(float(np.mean((predicted / alone_ms - 1.0) ** 2)), 9)

    return min(tiles.TILES, key=remaining)


def _shape_of(row: Measurement) -> str:
    return features.shape(row.kind, row.spec or {}, row.resolution or 0)
