"""Chooses how many weights of each kernel are pruned.

Pruning the same share of every kernel costs accuracy: the first convolution, with a few hundred
weights that are used at every pixel, would lose as much as a wide 1x1 convolution with thousands of
redundant ones. Weights of different layers are therefore compared by the score of layer-adaptive
magnitude-based pruning (LAMP; Lee et al. 2021, "Layer-adaptive sparsity for the magnitude-based
pruning"): the square of a weight, divided by the sum of the squares of all weights of its kernel
that are not smaller. The score bounds how much the removal changes the network's output. The
weights with the lowest scores are removed, in whichever layer they are.
"""

from collections.abc import Mapping

import numpy as np


def by_layer(kernels: Mapping[str, np.ndarray], total: float) -> dict[str, float]:
    """Returns the share of each kernel's weights to remove, so that `total` of all are removed.

    Args:
        kernels: arrays of any shape, by name.
        total: share of all weights together, from 0 to below 1.

    Returns:
        A share from 0 to below 1 for every name: the largest weight of a kernel always stays.

    Raises:
        ValueError: there are no kernels, or the total is out of range.
    """
    if not kernels or not 0.0 <= total < 1.0:
        raise ValueError(
            f"expected kernels and a share from 0 to below 1, received {len(kernels)} kernels and "
            f"{total}"
        )
    scores = {name: _scores(kernel) for name, kernel in kernels.items()}
    together = np.sort(np.concatenate(list(scores.values())))
    threshold = together[int(total * len(together))]
    return {name: float(np.mean(values < threshold)) for name, values in scores.items()}


def _scores(kernel: np.ndarray) -> np.ndarray:
    """Returns the scores of a kernel's weights in ascending order; the last one is 1."""
    squares = np.sort(kernel.ravel().astype(np.float64) ** 2)
    not_smaller = np.cumsum(squares[::-1])[::-1]
    return squares / np.maximum(not_smaller, np.finfo(np.float64).tiny)
