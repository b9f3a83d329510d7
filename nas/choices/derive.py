"""Derives one child network from path probabilities."""

import numpy as np

from nas.choices import partial_networks
from nas.choices.chain_costs import ChainCosts
from nas.choices.partial_networks import Worth

# The child's latency is within this fraction of a target, or at most this fraction below a limit,
# if the space has such a child.
TARGET_BAND = 0.03


def most_probable(probabilities: np.ndarray) -> tuple[int, ...]:
    """Returns the most probable option of every row (the paper prunes redundant paths).

    Args:
        probabilities: `[rows, most options]`, NaN in the padding.

    Example:
        >>> import nas, numpy as np
        >>> probabilities = np.array([[0.7, 0.3, np.nan], [0.2, 0.3, 0.5]])
        >>> nas.most_probable(probabilities)
        (0, 2)
    """
    return tuple(int(choice) for choice in np.nanargmax(probabilities, axis=1))


def most_probable_within(
    probabilities: np.ndarray,
    latencies: ChainCosts,
    limit_ms: float,
    at_least_ms: float = 0.0,
    worth: Worth = (),
) -> tuple[int, ...]:
    """Returns the most probable child whose latency is in `[at_least_ms, limit_ms]`.

    The limit is never exceeded. If no child lies in the band, the lower bound is ignored. Children
    whose latencies differ by less than a four-thousandth of the limit may be taken for equal
    (`nas/choices/partial_networks.py`).

    Args:
        probabilities: `[rows, most options]`, NaN in the padding.
        latencies: costs of the networks.
        limit_ms: upper bound, never exceeded.
        at_least_ms: lower bound, so that the child makes use of the limit.
        worth: other costs, each with what one unit of it adds to the log probability, in nats.

    Raises:
        ValueError: even the fastest child is slower than the limit.
    """
    latencies.check_target(min(limit_ms, latencies.slowest_ms))
    return partial_networks.most_probable_in(probabilities, latencies, at_least_ms, limit_ms, worth)


def most_probable_on(
    probabilities: np.ndarray,
    latencies: ChainCosts,
    target_ms: float,
    worth: Worth = (),
) -> tuple[int, ...]:
    """Returns the most probable child within `TARGET_BAND` of the target, above or below.

    A small space may have no child within 3 % of the target. Then the band is doubled until it has.

    Args:
        probabilities: `[rows, most options]`, NaN in the padding.
        latencies: costs of the networks.
        target_ms: target latency, between those of the fastest and the slowest child.
        worth: as for `most_probable_within`.
    """
    likeliest = most_probable(probabilities)
    band = TARGET_BAND
    while True:
        least = target_ms * (1.0 - band)
        most = max(target_ms * (1.0 + band), latencies.fastest_ms)
        if not worth and least <= latencies.of(likeliest) <= most:
            return likeliest
        found = most_probable_within(probabilities, latencies, most, least, worth)
        if latencies.of(found) >= least:
            return found
        band *= 2.0


def most_probable_near(
    probabilities: np.ndarray, latencies: ChainCosts, limit_ms: float, worth: Worth = ()
) -> tuple[int, ...]:
    """Returns the most probable child at most `TARGET_BAND` faster than a limit.

    A small space may have no child there. Then the band is doubled until it has.

    Args:
        probabilities: `[rows, most options]`, NaN in the padding.
        latencies: costs of the networks.
        limit_ms: upper bound, never exceeded.
        worth: as for `most_probable_within`.

    Raises:
        ValueError: even the fastest child is slower than the limit.
    """
    band = TARGET_BAND
    while True:
        least = limit_ms * (1.0 - band)
        found = most_probable_within(probabilities, latencies, limit_ms, least, worth)
        if latencies.of(found) >= least:
            return found
        band *= 2.0
