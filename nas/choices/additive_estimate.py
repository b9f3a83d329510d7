"""What every option is worth, from the losses of the weight steps of a supernet.

A weight step is an observation: a network and its loss on one batch. With x the relative
multiply-accumulates of an option, the loss of step t on the network c is modelled as

    loss_t = trend(t) + sum over rows r of effect[r, c_r] + noise
    effect[r, j] = (slope + slope_r) x[r, j] + kept s[r, j] + own[r, j]

The trend is a piecewise linear curve, since a supernet learns while it is observed. `slope` says
what work is worth anywhere, and is free; slope_r ~ N(0, v_slope) and own[r, j] ~ N(0, v_own) are
what a decision and an option deviate. The two variances and that of the noise are those under which
the losses are most probable (restricted maximum likelihood, Patterson & Thompson 1971); the effects
are their posterior means, so an option that was seen seldom is judged by its work.

s[r, j] is 1 for the options of a pretrained network that the supernet began with, and 0 without
one; `kept`, which is free, is what keeping such an option is worth. Otherwise the best of many
options that were seen seldom would often be chosen for its noise.

Effects of single options alone are estimated. A few thousand losses of batches carry no effects of
pairs.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

# In the first steps the loss falls too fast for a curve.
_LEFT_OUT = 0.05
_KNOTS = 12
# Variances of the deviations over that of the noise that are tried.
_RATIOS = 10.0 ** np.arange(-7.0, 1.1, 0.5)
# Prior variance of what is free, over that of the noise.
_FREE = 1e6
# With fewer weight steps nothing can be said.
LEAST_STEPS = 50


@dataclasses.dataclass(frozen=True, eq=False)
class AdditiveEstimate:
    """Effects of options on the loss, in nats.

    Attributes:
        effects: for every row, the effects of its options; their mean is zero.
        noise: standard deviation of the loss of one batch around the model.
        steps: number of observations that were used.
        root: for every row, `[options, normals]`: the errors of all effects are this times the same
            independent standard normals.
    """

    effects: list[np.ndarray]
    noise: float
    steps: int
    root: list[np.ndarray]

    @property
    def deviations(self) -> list[np.ndarray]:
        """For every row, the standard deviations of the effects of its options."""
        return [np.sqrt((own**2).sum(axis=1)) for own in self.root]

    def draw(self, rng: np.random.Generator) -> "AdditiveEstimate":
        """Draws effects from their posterior; in the result no error is left."""
        normals = rng.standard_normal(self.root[0].shape[1])
        pairs = zip(self.effects, self.root, strict=True)
        return dataclasses.replace(
            self,
            effects=[mean + own @ normals for mean, own in pairs],
            root=[np.zeros_like(own) for own in self.root],
        )

    def of(self, choices: Sequence[int]) -> float:
        """Returns the loss of a network beside that of the mean network, in nats."""
        return float(sum(row[c] for row, c in zip(self.effects, choices, strict=True)))

    @property
    def probabilities(self) -> np.ndarray:
        """`[rows, most options]` proportional to exp(-effect), NaN in the padding.

        The most probable network by these has the smallest estimated loss.
        """
        most = max(map(len, self.effects))
        found = np.full([len(self.effects), most], np.nan)
        for row, own in zip(found, self.effects, strict=True):
            weights = np.exp(own.min() - own)
            row[: len(own)] = weights / weights.sum()
        return found


def check_steps(steps: int) -> None:
    """Raises ValueError if weight steps are too few for an estimate."""
    if steps < LEAST_STEPS:
        raise ValueError(
            f"estimate: expected at least {LEAST_STEPS} weight steps, received {steps}; search "
            "longer, or use --derive=alpha"
        )


def fit(
    choices: np.ndarray,
    losses: np.ndarray,
    work: Sequence[np.ndarray],
    seed: Sequence[int | None] | None = None,
) -> AdditiveEstimate:
    """Estimates the effects.

    Args:
        choices: int `[steps, rows]`, the network of every weight step, in their order.
        losses: `[steps]`, its loss.
        work: for every row, the multiply-accumulates of a mean network with each of its options.
        seed: for every row, the option of the pretrained network; None for a row whose options have
            nothing to do with its weights. None without a pretrained network.

    Raises:
        ValueError: there are too few steps.
    """
    check_steps(len(losses))
    first = int(_LEFT_OUT * len(losses))
    choices, losses = np.asarray(choices)[first:], np.asarray(losses, np.float64)[first:]
    shares = [_share(own) for own in work]
    fixed = _hats(np.linspace(0.0, 1.0, len(losses)))
    slopes = np.stack([own[choices[:, r]] for r, own in enumerate(shares)], axis=1)
    own = [np.eye(len(x))[choices[:, r]] for r, x in enumerate(shares)]
    # What is free, as values of the options: their work, and whether they are the seed's.
    free = [shares]
    if seed is not None:
        free.append([1.0 * (np.arange(len(x)) == c) for x, c in zip(work, seed, strict=True)])
    sums = [np.sum([x[choices[:, r]] for r, x in enumerate(rows)], axis=0) for rows in free]
    columns = np.concatenate([np.stack(sums, axis=1), slopes, *own], axis=1)
    kinds = np.array([0] * len(free) + [1] * len(shares) + [2] * sum(map(len, shares)))
    gram, towards, squares, degrees = _without(fixed, columns, losses)

    def evidence(pair: tuple[float, float]) -> float:
        return _evidence(gram, towards, squares, degrees, _ratios(kinds, *pair))

    ratios = max(itertools.product(_RATIOS, _RATIOS), key=evidence)
    precision = gram + np.diag(1.0 / _ratios(kinds, *ratios))
    mean = np.linalg.solve(precision, towards)
    noise = float(np.sqrt(max(squares - float(towards @ mean), 0.0) / degrees))
    # The errors of the coefficients are those of independent normals times the inverse of the
    # precision's Cholesky factor.
    errors = noise * np.linalg.inv(np.linalg.cholesky(precision)).T
    effects, root = [], []
    start = len(free) + len(shares)
    for r, x in enumerate(shares):
        design = np.zeros([len(x), len(mean)])
        for i, rows in enumerate(free):
            design[:, i] = rows[r]
        design[:, len(free) + r] = x
        design[:, start : start + len(x)] = np.eye(len(x))
        design -= design.mean(axis=0)
        effects.append(design @ mean)
        root.append(design @ errors)
        start += len(x)
    return AdditiveEstimate(effects, noise, len(losses), root)


def _share(work: np.ndarray) -> np.ndarray:
    """Returns the work of options relative to their mean; zero if all are alike."""
    work = np.asarray(work, np.float64)
    return np.log(np.maximum(work, 1e-30) / max(float(work.mean()), 1e-30))


def _hats(progress: np.ndarray) -> np.ndarray:
    """Returns a basis of piecewise linear curves, with more knots at the beginning."""
    knots = np.linspace(0.0, 1.0, _KNOTS) ** 2
    return np.stack([np.interp(progress, knots, unit) for unit in np.eye(_KNOTS)], axis=1)


def _without(
    fixed: np.ndarray, columns: np.ndarray, losses: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Returns Z'Z, Z'y, y'y and the degrees of freedom after the fixed part is taken out."""
    basis, _ = np.linalg.qr(fixed)
    columns = columns - basis @ (basis.T @ columns)
    losses = losses - basis @ (basis.T @ losses)
    degrees = len(losses) - fixed.shape[1]
    return columns.T @ columns, columns.T @ losses, float(losses @ losses), degrees


def _ratios(kinds: np.ndarray, slope: float, own: float) -> np.ndarray:
    """Returns the prior variance of each column over that of the noise."""
    return np.array([_FREE, slope, own])[kinds]


def _evidence(
    gram: np.ndarray, towards: np.ndarray, squares: float, degrees: int, ratios: np.ndarray
) -> float:
    """Returns the log likelihood of variances, the noise at its best, up to a constant."""
    roots = np.sqrt(ratios)
    scaled = np.eye(len(gram)) + roots[:, None] * gram * roots
    factor = np.linalg.cholesky(scaled)
    explained = np.sum(np.linalg.solve(factor, roots * towards) ** 2)
    noise = max(squares - explained, 1e-12 * squares) / degrees
    return float(-0.5 * degrees * np.log(noise) - np.log(np.diag(factor)).sum())
