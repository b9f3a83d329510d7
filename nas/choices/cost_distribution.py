"""The distribution of latency over random paths, computed exactly.

A path c is drawn slot by slot from p_i, and its latency is a sum: L(c) = constant + sum_i F_i(c_i).
So the distribution of L is the convolution of the slots' distributions, and any mean over it is
exact without sampling. For a score k(L) of latencies,

    score = E[k(L)]      and      score_ij = E[k(L) | c_i = j],      d score / d p_ij = score_ij,

are computed by one forward and one backward sweep over the slots. Latency is on a grid of equal
bins from the fastest path to the slowest; each candidate's is rounded to a whole number of bins.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nas.choices.candidate_costs import Latencies

# Rounding changes a slot's latency by at most half a thousandth of the range.
_NUM_BINS = 1024


class Scores(NamedTuple):
    """Mean scores of random paths.

    Attributes:
        mean: scalar, E[k(L)].
        by_candidate: `[slots, candidates]`, E[k(L) | c_i = j]; zero in the padding.
    """

    mean: tf.Tensor
    by_candidate: tf.Tensor


class LatencyDistribution:
    """The distribution of a space's path latencies on a grid.

    Args:
        latencies: latencies of the candidates.

    Attributes:
        grid_ms: float32 `[bins]`, the latency of each bin.
    """

    def __init__(self, latencies: Latencies) -> None:
        span = latencies.slowest_ms - latencies.fastest_ms
        width = span / (_NUM_BINS - 1) or 1.0
        shifts = [np.rint((slot - slot.min()) / width).astype(np.int32) for slot in latencies.slots]
        # Rounding may carry the slowest path a few bins beyond the range.
        count = 1 + sum(int(shift.max()) for shift in shifts)
        bins = np.arange(count, dtype=np.int32)
        self.grid_ms = (latencies.fastest_ms + bins * width).astype(np.float32)
        self._padding = int(max(shift.max() for shift in shifts))
        self._most = latencies.matrix.shape[1]
        # Row j of a slot: the bin that each bin comes from, or goes to, if candidate j is chosen.
        self._sources = [self._padding + bins - shift[:, None] for shift in shifts]
        self._targets = [bins + shift[:, None] for shift in shifts]

    def scores(self, probabilities: tf.Tensor, score: tf.Tensor) -> Scores:
        """Returns the mean scores of paths drawn with `probabilities`.

        Args:
            probabilities: `[slots, candidates]`, zero in the padding.
            score: `[bins]`, k at `grid_ms`.
        """
        rows = [
            p[: len(sources)]
            for p, sources in zip(tf.unstack(probabilities), self._sources, strict=True)
        ]
        before = [tf.one_hot(0, len(self.grid_ms))]
        for p, sources in zip(rows, self._sources, strict=True):
            padded = tf.pad(before[-1], [[self._padding, 0]])
            before.append(tf.linalg.matvec(tf.gather(padded, sources), p, transpose_a=True))
        after, by_candidate = score, []
        for p, targets, reached in reversed(
            list(zip(rows, self._targets, before[:-1], strict=True))
        ):
            moved = tf.gather(tf.pad(after, [[0, self._padding]]), targets)
            of_slot = tf.linalg.matvec(moved, reached)
            by_candidate.append(tf.pad(of_slot, [[0, self._most - len(targets)]]))
            after = tf.linalg.matvec(moved, p, transpose_a=True)
        return Scores(tf.reduce_sum(before[-1] * score), tf.stack(by_candidate[::-1]))
