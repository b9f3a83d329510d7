"""The cost of a network as a multilinear form of its decisions, in TensorFlow.

A layer is a term of up to four factors: with p the probabilities of every decision,

    E = constant + sum over layers of  sum_rjab  p(r) p(j) p(a) p(b) cost(r, j, a, b).

Terms of one factor are kept as one matrix, so that E = constant + sum(p * matrix) and dE/dp is the
matrix itself if there are no others (Cai et al. 2019, equation 6).
"""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nas.choices.layer_costs import AXES, LayerCosts


class CostTerms:
    """The terms of a chain.

    Args:
        layers: the chain, checked.
        resolution: row of the resolution; None if it is fixed.
        counts: number of options of every row.

    Attributes:
        constant: costs that depend on no decision.
        by_row: for every row the costs that depend on it alone, float64.
        matrix: the same, `[rows, most options]`, padded with zeros.
    """

    def __init__(
        self, layers: Sequence[LayerCosts], resolution: int | None, counts: Sequence[int]
    ) -> None:
        self.constant = 0.0
        self.by_row = [np.zeros(count) for count in counts]
        joint = []
        for layer in layers:
            rows = [
                # The operation is a factor even if it has no alternative.
                row if layer.costs.shape[axis] > 1 or axis == 1 else None
                for axis, row in enumerate(layer.rows(resolution))
            ]
            factors = [row for row in rows if row is not None]
            if not factors:
                self.constant += float(layer.costs.item())
            elif len(factors) == 1:
                self.by_row[factors[0]] += layer.costs.ravel()
            else:
                joint.append((layer.costs, rows))
        most = max(counts)
        self.matrix = np.stack([np.pad(row, (0, most - len(row))) for row in self.by_row])
        # A term without one of the factors has the row behind the last one there, which is (1, 0..)
        self._rows = np.array(
            [[len(counts) if row is None else row for row in rows] for _, rows in joint], np.int32
        ).reshape(-1, len(AXES))
        shape = np.max([costs.shape for costs, _ in joint], axis=0) if joint else [0] * len(AXES)
        self._joint = np.zeros([len(joint), *shape])
        for term, (costs, _) in zip(self._joint, joint, strict=True):
            term[tuple(map(slice, costs.shape))] = costs

    def of(self, choices: Sequence[int]) -> float:
        """Returns the cost of one network, in double precision.

        Raises:
            ValueError: another number of choices than rows.
            IndexError: a choice is not an option of its row.
        """
        chosen = zip(self.by_row, choices, strict=True)
        parts = [float(row[choice]) for row, choice in chosen]
        extended = [*choices, 0]
        joint = zip(self._joint, self._rows, strict=True)
        parts += [float(term[tuple(extended[row] for row in rows)]) for term, rows in joint]
        return self.constant + sum(parts)

    def expected(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns E for probabilities `[rows, options]`, in their precision."""
        p = tf.convert_to_tensor(probabilities)
        expected = tf.reduce_sum(p * tf.constant(self.matrix, p.dtype))
        expected += tf.constant(self.constant, p.dtype)
        if len(self._joint):
            (r, j, _, _), mean = self._means_over_widths(p)
            expected += tf.reduce_sum(mean * r[:, :, None] * j[:, None, :])
        return expected

    def gradient(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Returns dE/dp `[rows, options]`, zero in the padding; constant if no term is joint."""
        p = tf.convert_to_tensor(probabilities)
        gradient = tf.constant(self.matrix, p.dtype)
        if not len(self._joint):
            return gradient
        (r, j, a, b), over_widths = self._means_over_widths(p)
        others = (r[:, :, None] * j[:, None, :])[..., None, None]
        over_others = tf.reduce_sum(tf.constant(self._joint, p.dtype) * others, axis=[1, 2])
        by_factor = [
            tf.reduce_sum(over_widths * j[:, None, :], axis=2),
            tf.reduce_sum(over_widths * r[:, :, None], axis=1),
            tf.reduce_sum(over_others * b[:, None, :], axis=2),
            tf.reduce_sum(over_others * a[:, :, None], axis=1),
        ]
        rows, most = self.matrix.shape
        for axis, found in enumerate(by_factor):
            padded = tf.pad(found, [[0, 0], [0, most - found.shape[1]]])
            gradient += tf.math.unsorted_segment_sum(padded, self._rows[:, axis], rows + 1)[:rows]
        return gradient

    def _means_over_widths(self, p: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns the factors `[terms, options]` of every axis, and the terms' means over widths.

        Products are summed without matrix products, which GPUs compute in lower precision.
        """
        absent = tf.one_hot([0], p.shape[1], dtype=p.dtype)
        by_axis = tf.gather(tf.concat([p, absent], axis=0), self._rows.T)
        lengths = self._joint.shape[1:]
        factors = [by_axis[axis, :, :length] for axis, length in enumerate(lengths)]
        _, _, a, b = factors
        mean = tf.constant(self._joint, p.dtype)
        for factor in (b[:, None, None, None], a[:, None, None]):
            mean = tf.reduce_sum(mean * factor, axis=-1)
        return factors, mean

    def of_all(self, choices: tf.Tensor) -> tf.Tensor:
        """Returns the costs `[networks]`, float32, of choices `[networks, rows]`."""
        matrix = tf.constant(self.matrix, tf.float32)
        columns = tf.range(matrix.shape[0])[None, :] * matrix.shape[1] + choices
        chosen = tf.gather(tf.reshape(matrix, [-1]), columns)
        costs = tf.constant(self.constant, tf.float32) + tf.reduce_sum(chosen, axis=1)
        if len(self._joint):
            places = tf.gather(tf.pad(choices, [[0, 0], [0, 1]]), self._rows, axis=1)
            offsets = np.arange(len(self._joint)) * self._joint[0].size
            flat = tf.reduce_sum(places * self._strides, axis=2) + offsets.astype(np.int32)
            joint = tf.constant(self._joint.ravel(), tf.float32)
            costs += tf.reduce_sum(tf.gather(joint, flat), axis=1)
        return costs

    @functools.cached_property
    def _strides(self) -> np.ndarray:
        """Distance of neighbours along every axis of a joint term, in entries."""
        shape = self._joint.shape[1:]
        return np.array([np.prod(shape[axis + 1 :]) for axis in range(len(shape))], np.int32)
