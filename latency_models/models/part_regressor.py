"""Predicts the latency of a part from its features with a non-negative linear model.

    latency = sum_f coefficient_f * feature_f,  coefficient_f >= 0

The fit minimises the sum of squared *relative* errors. With non-negative coefficients more work
never takes less time, also outside the measured range. Of the models tried on the Pixel 1 table
(docs/results.md) none did better on held-out shapes.

The model also gives the uncertainty of a prediction. Let x be a part's features over its latency,
and M the inverse of the fit's normal matrix (of the coefficients above 0). Then the relative
variance of a new part is error^2 * (1 + x M x'), as in ordinary least squares. `error` is chosen so
that this variance agrees with the errors on blocks of unseen shapes.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import pydantic
from pydantic import Field
from pydantic.dataclasses import dataclass

from latency_models.measuring.features import (
    BESIDE_MACS,
    FEATURES,
    NUM_BEFORE_NARROW,
    NUM_BEFORE_TAILS,
    NUM_FIRST_FEATURES,
)
from nas.architecture.operations import STRICT

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]

# Lengths of the lists in files from before features were added.
_OLD_LENGTHS = (NUM_FIRST_FEATURES, NUM_BEFORE_TAILS, NUM_BEFORE_NARROW)
# Added to the diagonal of the scaled normal matrix, so that it can be inverted.
_RIDGE = 1e-6
_RANDOM_FOLDS = 10


def _completed(values: list[float], of_any_part: float) -> list[float]:
    """Returns a list with a value for each feature: 0, or `of_any_part` for the last features."""
    of_operations = [0.0] * (NUM_BEFORE_TAILS - len(values))
    found = values + of_operations
    return found + [of_any_part] * (len(FEATURES) - len(found))


@dataclass(frozen=True, config=STRICT)
class PartRegressor:
    """A fitted model in the form in which files store it.

    Attributes:
        coefficients: milliseconds per unit of each feature in `FEATURES`.
        covariance: M above, `[features, features]`.
        error: relative standard deviation of a block of an unseen shape, apart from the
            uncertainty of the coefficients.
        least: smallest measured value above 0 of each feature.
        most: largest measured value of each feature.
    """

    coefficients: list[NonNegative]
    covariance: list[list[Finite]]
    error: NonNegative
    least: list[NonNegative]
    most: list[NonNegative]

    @pydantic.model_validator(mode="before")
    @classmethod
    def _with_new_features(cls, data: Any) -> Any:
        """Completes a model from before the last features.

        The coefficients of new features are 0. Their range is empty if they belong to operations
        that did not exist then, and otherwise unlimited, since every measured part had them.
        """
        fields = getattr(data, "kwargs", data)
        if not isinstance(fields, dict):
            return data
        added: dict[str, Any] = {
            name: _completed(values, sys.float_info.max if name == "most" else 0.0)
            for name, values in fields.items()
            if isinstance(values, list) and len(values) in _OLD_LENGTHS
        }
        if "covariance" in added:
            rows = [_completed(row, 0.0) for row in fields["covariance"]]
            added["covariance"] = rows + [[0.0] * len(FEATURES)] * (len(FEATURES) - len(rows))
        return fields | added

    def __post_init__(self) -> None:
        """Raises ValueError unless every list has one entry per feature."""
        lengths = {len(self.covariance), *map(len, self.covariance)}
        lengths |= set(map(len, (self.coefficients, self.least, self.most)))
        if lengths != {len(FEATURES)}:
            raise ValueError(f"expected {len(FEATURES)} values, one for each of {FEATURES}")

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Predicts milliseconds for parts with features `[parts, features]`."""
        return rows @ np.array(self.coefficients)

    def deviation_ms(self, rows: np.ndarray) -> np.ndarray:
        """Standard deviation of each prediction, in milliseconds."""
        coefficients = ((rows @ np.array(self.covariance)) * rows).sum(axis=1)
        return self.error * np.sqrt(coefficients + self.predict(rows) ** 2)

    def outside(self, row: np.ndarray) -> list[str]:
        """Describes the features of one part outside the measured range, the farthest first."""
        found = []
        for name, value, least, most in zip(FEATURES, row, self.least, self.most, strict=True):
            if value > most * (1.0 + 1e-9):
                ratio = value / most if most else np.inf
                found.append((ratio, f"{name} {value:.3g} above {most:.3g}"))
            elif 0.0 < value < least * (1.0 - 1e-9):
                found.append((least / value, f"{name} {value:.3g} below {least:.3g}"))
        return [words for _, words in sorted(found, key=lambda pair: -pair[0])]

    def unknown(self, row: np.ndarray) -> list[str]:
        """Names the features of one part that no measured part had."""
        pairs = zip(FEATURES, row, self.most, strict=True)
        new = [name for name, value, most in pairs if value > 0.0 and most == 0.0]
        return [name for name in new if name not in BESIDE_MACS]


def fit(rows: np.ndarray, latency_ms: np.ndarray, error: float = 0.0) -> PartRegressor:
    """Fits a model to parts with features `[parts, features]` and latencies `[parts]`."""
    relative = rows / latency_ms[:, None]
    used = rows.max(axis=0) > 0.0
    unit = np.where(used, np.sqrt((relative**2).sum(axis=0)), 1.0)
    scaled = relative / unit
    # Imported here, since it takes half a second and `--help` does not need it.
    from sklearn import linear_model

    model = linear_model.LinearRegression(positive=True, fit_intercept=False)
    model.fit(scaled, np.ones(len(latency_ms)))
    # A coefficient at its bound of 0 stays there if the data change a little: no variance.
    free = np.flatnonzero(model.coef_ > 0.0)
    normal = scaled[:, free].T @ scaled[:, free] + _RIDGE * np.eye(len(free))
    covariance = np.zeros((len(unit), len(unit)))
    covariance[np.ix_(free, free)] = np.linalg.inv(normal) / np.outer(unit[free], unit[free])
    least = np.where(rows > 0.0, rows, np.inf).min(axis=0)
    return PartRegressor(
        coefficients=(model.coef_ / unit).tolist(),
        covariance=covariance.tolist(),
        error=error,
        least=np.where(used, least, 0.0).tolist(),
        most=rows.max(axis=0).tolist(),
    )


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Predictions for blocks by models that were fitted without them."""

    predicted_ms: np.ndarray
    latency_ms: np.ndarray
    leverage: np.ndarray

    @property
    def error(self) -> float:
        """The `error` for which the predicted variances agree with the observed deviations."""
        deviations = self.predicted_ms / self.latency_ms - 1.0
        return float(np.sqrt(np.mean(deviations**2 / (1.0 + self.leverage))))


def held_out(
    rows: np.ndarray, latency_ms: np.ndarray, groups: Sequence[str | None], *, by_group: bool
) -> HeldOut:
    """Predicts each block by a model fitted without the block's fold.

    Args:
        rows: features `[parts, features]`.
        latency_ms: latencies `[parts]`.
        groups: the shape of each block; None for a part that is never left out.
        by_group: whether a fold is all blocks of one shape; otherwise it is a random tenth.

    Raises:
        ValueError: there are fewer than two shapes.
    """
    predicted, leverage = np.full(len(rows), np.nan), np.zeros(len(rows))
    for test in _folds(groups, by_group):
        train = np.setdiff1d(np.arange(len(rows)), test)
        model = fit(rows[train], latency_ms[train])
        predicted[test] = model.predict(rows[test])
        relative = rows[test] / latency_ms[test, None]
        leverage[test] = ((relative @ np.array(model.covariance)) * relative).sum(axis=1)
    kept = ~np.isnan(predicted)
    return HeldOut(predicted[kept], latency_ms[kept], leverage[kept])


def _folds(groups: Sequence[str | None], by_group: bool) -> Iterator[np.ndarray]:
    blocks = np.array([i for i, group in enumerate(groups) if group is not None])
    shapes = [group for group in groups if group is not None]
    if len(set(shapes)) < 2:
        raise ValueError(
            f"regression: expected blocks of at least two shapes, received {len(set(shapes))}; "
            "benchmark a space with more"
        )
    # Imported here, since it takes half a second and `--help` does not need it.
    from sklearn import model_selection

    if by_group:
        splits = model_selection.LeaveOneGroupOut().split(blocks, groups=shapes)
    else:
        folds = min(_RANDOM_FOLDS, len(blocks))
        splits = model_selection.KFold(folds, shuffle=True, random_state=0).split(blocks)
    for _, test in splits:
        yield blocks[test]
