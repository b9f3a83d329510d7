"""The distribution of latency over random networks, computed exactly.

A network c is drawn row by row from p_i. Given the resolution r, its latency is a sum over the
layers of the chain. With M_s(r, b) the distribution of the latency of the first s layers, times the
probability that the width behind them is b,

    M_s(r, b) = q_s(b) sum_a M_{s-1}(r, a) (*) D_s(r, a, b),

where D_s is the distribution of the layer's cost over its operations, q_s the probability of a
width that is decided in this layer (else 1), and (*) convolution. For a score k(L) of latencies,

    score = E[k(L)]      and      score_ij = E[k(L) | c_i = j],      d score / d p_ij = score_ij,

are computed by one forward and one backward sweep over the chain, for operations, widths and
resolution. Latency is on a grid of equal bins from the fastest network to the slowest; the excess
of each layer's cost (`chain_sweep.excess`) is rounded to a whole number of bins.

One operation that a device is bad at can make the slowest network hundreds of times as slow as the
fastest, and the bins too wide for targets among the fast ones. So the grid may end at a latency
`most_ms`. Mass beyond it is dropped, and every slower network has the score of the last bin:

    E[k] = k(most) + E[(k(L) - k(most)) 1{L <= most}].
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nas.choices import chain_sweep, grid_shifts
from nas.choices.chain_costs import ChainCosts
from nas.choices.chain_sweep import Step

# Rounding changes a layer's latency by at most half a thousandth of the range.
_NUM_BINS = 1024


class Scores(NamedTuple):
    """Mean scores of random networks.

    Attributes:
        mean: scalar, E[k(L)].
        by_candidate: `[rows, options]`, E[k(L) | c_i = j]; zero in the padding.
    """

    mean: tf.Tensor
    by_candidate: tf.Tensor


class LatencyDistribution:
    """The distribution of a space's latencies on a grid.

    Args:
        latencies: costs of the networks.
        most_ms: where the grid ends; networks slower than that are not told apart.

    Attributes:
        grid_ms: float32 `[bins]`, the latency of each bin.
    """

    def __init__(self, latencies: ChainCosts, most_ms: float = math.inf) -> None:
        self._is_cut = most_ms < latencies.slowest_ms
        span = min(most_ms, latencies.slowest_ms) - latencies.fastest_ms
        width = span / (_NUM_BINS - 1) or 1.0
        starts_ms, excess = chain_sweep.excess(latencies.steps)
        starts = np.rint(starts_ms / width).astype(np.int32)
        steps = [
            dataclasses.replace(step, costs=np.rint(step.costs / width).astype(np.int32))
            for step in excess
        ]
        # Rounding may carry the slowest network a few bins beyond the range.
        negative = [dataclasses.replace(step, costs=-step.costs) for step in steps]
        count = 1 + int((starts - chain_sweep.least_rests(negative)[0][:, 0]).max())
        if self._is_cut:
            count = min(count, _NUM_BINS)
            # A move by the length of the grid already leaves it.
            furthest = grid_shifts.whole_blocks(count)
            steps = [
                dataclasses.replace(step, costs=np.minimum(step.costs, furthest)) for step in steps
            ]
        self.grid_ms = (latencies.fastest_ms + np.arange(count) * width).astype(np.float32)
        self._bins = grid_shifts.whole_blocks(count)
        self._starts = starts
        self._resolution = latencies.resolution
        self._counts = latencies.counts
        self._transfers = [
            _Transfer(step, self._bins)
            for step in steps
            if step.decides or not step.keeps_width or step.costs.any()
        ]

    def scores(self, probabilities: tf.Tensor, score: tf.Tensor) -> Scores:
        """Returns the mean scores of networks drawn with `probabilities`.

        Args:
            probabilities: `[rows, options]`, zero in the padding.
            score: `[bins]`, k at `grid_ms`.
        """
        if self._is_cut:
            beyond = score[-1]
            found = self._scores(probabilities, score - beyond)
            exists = tf.sequence_mask(self._counts, max(self._counts), tf.float32)
            return Scores(found.mean + beyond, found.by_candidate + beyond * exists)
        return self._scores(probabilities, score)

    def _scores(self, probabilities: tf.Tensor, score: tf.Tensor) -> Scores:
        rows = [p[:count] for p, count in zip(tf.unstack(probabilities), self._counts, strict=True)]
        score = tf.pad(score, [[0, self._bins - len(self.grid_ms)]])
        start = tf.one_hot(self._starts, self._bins)[:, None]
        places = chain_sweep.forward(
            self._transfers, _Reached(start, start), lambda step, place: step.ahead(place, rows)
        )
        scored = places[-1].mass * score
        by_resolution = tf.reduce_sum(scored, axis=[1, 2])
        mean, after = tf.reduce_sum(scored), score[None, None]
        by_row: dict[int, tf.Tensor] = {}
        if self._resolution is not None:
            by_row[self._resolution] = by_resolution
            p = rows[self._resolution]
            mean, after = tf.reduce_sum(p * by_resolution), p[:, None, None] * after

        def back(
            step_and_ends: tuple[_Transfer, _Reached, _Reached], after: tf.Tensor
        ) -> tf.Tensor:
            step, start, end = step_and_ends
            after, found = step.back(after, start, end, rows)
            by_row.update(found)
            return after

        chain_sweep.backward(
            list(zip(self._transfers, places[:-1], places[1:], strict=True)), after, back
        )
        most = max(self._counts)
        padded = [
            tf.pad(by_row[row], [[0, most - count]]) for row, count in enumerate(self._counts)
        ]
        return Scores(mean, tf.stack(padded))


class _Reached(NamedTuple):
    """The state at one place of the chain.

    Attributes:
        mass: `[resolutions, widths, bins]`, probability of each latency of the layers so far.
        entered: the same, without the probability of a width that was decided just before.
    """

    mass: tf.Tensor
    entered: tf.Tensor


class _Transfer:
    """One step of the sweeps.

    Args:
        step: the step, with costs in whole bins.
        bins: length of the grid, a whole number of blocks.
    """

    def __init__(self, step: Step, bins: int) -> None:
        self.step = step
        resolutions, self._operations, befores, afters = step.costs.shape
        self._bins = bins
        self._befores = befores
        self._afters = befores if step.keeps_width else afters
        r = np.arange(resolutions)[:, None]
        # [widths that are summed, operations, resolutions, widths of the result]
        if step.keeps_width:
            ahead = back = step.costs[..., 0].transpose(1, 0, 2)[None]
            from_before = from_after = np.broadcast_to(
                r * befores + np.arange(befores), ahead.shape
            )
        else:
            ahead, back = step.costs.transpose(2, 1, 0, 3), step.costs.transpose(3, 1, 0, 2)
            a, b = np.arange(befores), np.arange(afters)
            from_before = np.broadcast_to((r * befores + a).T[:, None, :, None], ahead.shape)
            from_after = np.broadcast_to((r * afters + b).T[:, None, :, None], back.shape)
        self._ahead = grid_shifts.GridShifts(from_before, ahead, bins)
        self._back = grid_shifts.GridShifts(from_after, -back, bins)

    def ahead(self, place: _Reached, rows: list[tf.Tensor]) -> _Reached:
        """Returns the state behind the step.

        Args:
            place: the state before the step.
            rows: probabilities of every row.
        """
        moved = _sum_first(self._ahead(tf.reshape(place.mass, [-1, self._bins])))
        entered = self._mean(moved, self._afters, rows)
        return _Reached(self._weighted(entered, rows), entered)

    def back(
        self, after: tf.Tensor, start: _Reached, end: _Reached, rows: list[tf.Tensor]
    ) -> tuple[tf.Tensor, dict[int, tf.Tensor]]:
        """Returns the mean scores before the step, and the scores of what is decided in it.

        Args:
            after: `[resolutions, widths, bins]`, mean scores behind the step; the first two axes
                may have length 1.
            start: the state before the step.
            end: the state behind the step.
            rows: probabilities of every row.
        """
        found = {}
        if self.step.width is not None:
            found[self.step.width] = tf.reduce_sum(end.entered * after, axis=[0, 2])
        after = self._weighted(after, rows)
        shape = [self.step.costs.shape[0], self._afters, self._bins]
        if after.shape != shape:
            after = tf.broadcast_to(after, shape)
        moved = _sum_first(self._back(tf.reshape(after, [-1, self._bins])))
        if self.step.operation is not None:
            by_operation = tf.reshape(moved, [self._operations, -1])
            reached = tf.reshape(start.mass, [-1])
            found[self.step.operation] = tf.linalg.matvec(by_operation, reached)
        return self._mean(moved, self._befores, rows), found

    def _weighted(self, values: tf.Tensor, rows: list[tf.Tensor]) -> tf.Tensor:
        """Returns values behind the step times the probability of the width decided there."""
        if self.step.width is None:
            return values
        return rows[self.step.width][:, None] * values

    def _mean(self, moved: tf.Tensor, widths: int, rows: list[tf.Tensor]) -> tf.Tensor:
        """Returns the mean over operations of `[operations, resolutions, widths, bins]`."""
        if self.step.operation is not None:
            moved = tf.reshape(moved, [self._operations, -1])
            moved = tf.linalg.matvec(moved, rows[self.step.operation], transpose_a=True)
        return tf.reshape(moved, [-1, widths, self._bins])


def _sum_first(values: tf.Tensor) -> tf.Tensor:
    """Returns the sum over the first axis, or the values as they are if there is only one."""
    return values if values.shape[0] == 1 else tf.reduce_sum(values, axis=0)
