"""Signal and noise of a stochastic gradient, from independent samples of it.

With g_i the gradient of step i of K,

    signal = sum over i != j of g_i . g_j / (K (K - 1))      noise = mean |g_i|^2 - signal

The signal is an unbiased estimate of |E g|^2, which may be negative, and the noise one of the trace
of the covariance of g. Their ratio is the number of steps whose mean has as much noise as signal.
"""

import math

import numpy as np

_PARTS = 10


def signal_and_noise(gradients: np.ndarray) -> tuple[float, float]:
    """Returns the squared length of the mean gradient, and the noise of one gradient.

    Args:
        gradients: `[steps, values]`, independent; two steps or more.
    """
    steps = len(gradients)
    squares = float(np.sum(gradients**2))
    whole = float(np.sum(gradients.sum(axis=0) ** 2))
    signal = (whole - squares) / (steps * (steps - 1))
    return signal, squares / steps - signal


def steps_needed(gradients: np.ndarray) -> tuple[float, float, float]:
    """Returns noise / signal, and its values with signal / noise a standard error more and less.

    The standard error of signal / noise is that of the jackknife over tenths of the steps. Where no
    signal is left, the value is infinite.

    Args:
        gradients: `[steps, values]`, independent; 20 steps or more.
    """
    parts = np.array_split(np.arange(len(gradients)), _PARTS)
    kept = np.array([_signal_in_noise(np.delete(gradients, part, axis=0)) for part in parts])
    error = math.sqrt((_PARTS - 1) * float(np.var(kept)))
    whole = _signal_in_noise(gradients)
    value, low, high = (
        1.0 / one if one > 0.0 else math.inf for one in (whole, whole + error, whole - error)
    )
    return value, low, high


def _signal_in_noise(gradients: np.ndarray) -> float:
    signal, noise = signal_and_noise(gradients)
    return signal / noise if noise > 0.0 else math.inf
