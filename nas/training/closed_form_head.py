"""A classifier on fixed features in closed form: ridge regression, then a scale for the softmax.

On few images, features that were learned elsewhere and a linear classifier are worth more than
careless training of everything, whose first steps come from a random classifier.

The regression takes centred features X to centred one-hot labels Y. Its penalty is the one of
`_PENALTIES` with the smallest leave-one-out error, which ridge regression has in closed form
(Golub, Heath & Wahba 1979). Regression gives scores near 0 and 1, not logits: they are multiplied
by the number under which the softmax of the leave-one-out scores has the smallest cross-entropy.
"""

import numpy as np
import scipy.optimize
import scipy.special

# Over the mean square of a centred feature, times the number of images.
_PENALTIES = 10.0 ** np.arange(-5.0, 2.1, 0.5)
_SCALES = (0.5, 500.0)


def fit(features: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel `[features, classes]` and bias `[classes]` of a classifier.

    Args:
        features: `[images, features]`.
        labels: `[images]`, whole numbers below `classes`.
        classes: number of classes.

    Raises:
        ValueError: there are fewer than two images, or a feature is not finite.
    """
    if len(features) < 2 or not np.all(np.isfinite(features)):
        raise ValueError(
            f"features: expected at least two images with finite features, received {len(features)}"
        )
    x = np.asarray(features, np.float64)
    y = np.eye(classes)[labels]
    center, level = x.mean(axis=0), y.mean(axis=0)
    x = x - center
    # With X = U S V', everything below is a function of U, S and V; X'X has V and S^2.
    squares, directions = np.linalg.eigh(x.T @ x)
    squares = np.maximum(squares, 0.0)
    projected = x @ directions
    towards = projected.T @ (y - level)
    unit = len(x) * float((x**2).mean())
    tried = [
        _leave_one_out(projected, squares, towards, y, level, penalty * unit)
        for penalty in _PENALTIES
    ]
    best = int(np.argmin([float(((y - scores) ** 2).sum()) for scores in tried]))
    scale = _scale(tried[best], labels)
    penalty = _PENALTIES[best] * unit
    kernel = directions @ (towards / (squares + penalty)[:, None])
    return (scale * kernel).astype(np.float32), (scale * (level - center @ kernel)).astype(
        np.float32
    )


def _leave_one_out(
    projected: np.ndarray,
    squares: np.ndarray,
    towards: np.ndarray,
    y: np.ndarray,
    level: np.ndarray,
    penalty: float,
) -> np.ndarray:
    """Returns for every image the scores of the regression on all others, `[images, classes]`."""
    shrunk = 1.0 / (squares + penalty)
    fitted = level + projected @ (shrunk[:, None] * towards)
    # The mean is fitted too, which takes 1/n.
    leverage = 1.0 / len(y) + (projected**2) @ shrunk
    return y - (y - fitted) / np.maximum(1.0 - leverage, 1e-6)[:, None]


def _scale(scores: np.ndarray, labels: np.ndarray) -> float:
    def cross_entropy(log_scale: float) -> float:
        logits = np.exp(log_scale) * scores
        own = logits[np.arange(len(labels)), labels]
        return float(np.mean(scipy.special.logsumexp(logits, axis=1) - own))

    bounds = tuple(np.log(_SCALES))
    found = scipy.optimize.minimize_scalar(cross_entropy, bounds=bounds, method="bounded")
    return float(np.exp(found.x))
