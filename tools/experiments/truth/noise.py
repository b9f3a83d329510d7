"""How much the accuracies of equal trainings differ, and how much those of different networks do.

Training r of network i gives the accuracy y_ir = mu_i + e_ir, where mu_i is the network's true
accuracy and all e_ir have one standard deviation, the noise. With n_i trainings of network i and
means m_i:

    noise^2   = sum_ir (y_ir - m_i)^2 / sum_i (n_i - 1)
    spread^2  = variance of the m_i - mean over i of noise^2 / n_i

(one-way random effects by the method of moments, Searle, Casella & McCulloch 1992, chapter 3).
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Noise(NamedTuple):
    """The standard deviation of one training.

    Attributes:
        deviation: in the unit of the accuracies.
        degrees: its degrees of freedom, above 0.
    """

    deviation: float
    degrees: int


def noise(accuracies: Sequence[Sequence[float]]) -> Noise | None:
    """Returns the noise, pooled over networks; None if no network was trained twice.

    Args:
        accuracies: for every network those of its trainings, one or more.
    """
    degrees = sum(len(own) - 1 for own in accuracies)
    if not degrees:
        return None
    means = [statistics.fmean(own) for own in accuracies]
    squares = math.fsum(
        (one - mean) ** 2 for own, mean in zip(accuracies, means, strict=True) for one in own
    )
    return Noise(math.sqrt(squares / degrees), degrees)


def of_means(accuracies: Sequence[Sequence[float]], found: Noise) -> float:
    """Returns the standard deviation of networks' means that the noise alone causes."""
    variances = [found.deviation**2 / len(own) for own in accuracies]
    return math.sqrt(statistics.fmean(variances))


def spread(accuracies: Sequence[Sequence[float]], found: Noise) -> float:
    """Returns the standard deviation of true accuracies; 0 if the noise explains all differences.

    Args:
        accuracies: for every network those of its trainings; two networks or more.
        found: the noise.
    """
    between = statistics.variance([statistics.fmean(own) for own in accuracies])
    return math.sqrt(max(0.0, between - of_means(accuracies, found) ** 2))


def ceiling(spread: float, noise_of_means: float) -> float | None:
    """Returns Kendall's tau between true accuracies and means of trainings; None without either.

    No score of a network can be expected to agree better with the means. If both are normal with
    correlation rho, tau = 2 / pi * arcsin(rho) (Kruskal 1958), with rho^2 the part of the means'
    variance that is not noise.
    """
    total = math.hypot(spread, noise_of_means)
    return 2.0 / math.pi * math.asin(min(1.0, spread / total)) if total > 0.0 else None
