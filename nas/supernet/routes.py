"""Routes: the ways to compute the output of a slot from its candidates.

    Path        o_a(x), one candidate per slot                                weight steps
    TwoPaths    o_a(x), with gradients of the gates of two candidates         ProxylessNAS, two-path
    AllGates    o_a(x), with exact gradients of the gates of all candidates   ProxylessNAS, full
    Mixture     sum_j w_j o_j(x), all candidates computed and kept in memory  DARTS, One-Shot

A route first reads the weights it needs from a mixed op, then runs it. These are two calls, so that
a weight step can take gradients with respect to the weights that were read.
"""

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from nas.supernet import gates
from nas.supernet.mixed_op import MixedOp, Selection

Output = tuple[tf.Tensor, list[tf.Tensor]]


class Route(Protocol):
    """A way through the slots of a supernet."""

    def read(self, op: MixedOp, slot: int) -> list[Selection]:
        """Reads the weights that the route needs from `op`, the mixed op of slot number `slot`."""

    def run(
        self, op: MixedOp, slot: int, x: tf.Tensor, selections: list[Selection], training: bool
    ) -> Output:
        """Returns the output `[batch, height, width, channels]`, and moments of every selection.

        Args:
            op: the mixed op of the slot.
            slot: number of the slot.
            x: input of the slot, `[batch, height, width, channels]`.
            selections: from `read`.
            training: whether to normalize by the moments of the batch.
        """


class Path:
    """Computes one candidate per slot.

    Args:
        choices: `[slots]`, a tensor or integers.
    """

    def __init__(self, choices: tf.Tensor | Sequence[int]) -> None:
        self._choices = tf.unstack(tf.convert_to_tensor(choices, tf.int32))

    def read(self, op: MixedOp, slot: int) -> list[Selection]:
        """Reads the weights of the chosen candidate."""
        return op.select(self._choices[slot])

    def run(self, op, slot, x, selections, training) -> Output:
        """Returns the output of the chosen candidate."""
        return op.run(x, self._choices[slot], selections, training)


class TwoPaths:
    """Computes the active one of two candidates, differentiable by the gates of both.

    The inactive candidate runs forward only, during the backward pass. Its gate needs its output,
    but no gradient through it, so no intermediate tensor is kept.

    Args:
        choices: `[slots, 2]` int32, the active candidate first.
        gate_values: `[slots, 2]`; used for their gradient only.
    """

    def __init__(self, choices: tf.Tensor, gate_values: tf.Tensor) -> None:
        self._active, self._inactive = (tf.unstack(choices[:, column]) for column in (0, 1))
        self._gates = tf.unstack(gate_values)

    def read(self, op: MixedOp, slot: int) -> list[Selection]:
        """Reads the weights of the active candidate, then those of the inactive one."""
        return op.select(self._active[slot]) + op.select(self._inactive[slot])

    def run(self, op, slot, x, selections, training) -> Output:
        """Returns the output of the active candidate."""
        half = len(selections) // 2
        choices = self._active[slot], self._inactive[slot]
        gate_values = self._gates[slot]
        y, moments = op.run(x, choices[0], selections[:half], training, gate_values[0])

        def gate_gradients(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
            other = op.gate_gradient(upstream, x, choices[1], selections[half:], training)
            # The gradient of the active candidate's gate comes from `run`.
            return tf.stack([0.0, other]) + tf.gather(op.input_gradient(upstream, x), choices)

        y = gates.gate_with(gate_gradients, gate_values, y, x)
        return y, moments + [selection.weights.moments for selection in selections[half:]]


class AllGates(Path):
    """Computes the active candidate, differentiable by the gates of all candidates.

    The backward pass runs every candidate again, one at a time, so memory holds no more than one of
    them besides the active path.

    Args:
        choices: `[slots]` int32.
        gate_values: `[slots, most candidates]`; used for their gradient only.
    """

    def __init__(self, choices: tf.Tensor, gate_values: tf.Tensor) -> None:
        super().__init__(choices)
        self._gates = tf.unstack(gate_values)

    def run(self, op, slot, x, selections, training) -> Output:
        """Returns the output of the active candidate."""
        y, moments = super().run(op, slot, x, selections, training)
        gate_values = self._gates[slot]

        def gate_gradients(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
            values = op.gate_gradients(upstream, x, training) + op.input_gradient(upstream, x)
            return tf.pad(values, [[0, gate_values.shape[0] - op.num_candidates]])

        return gates.gate_with(gate_gradients, gate_values, y, x), moments


class Mixture:
    """Computes the weighted sum of all candidates, which are all kept in memory.

    Args:
        weights: `[slots, most candidates]`; candidates with weight zero are not trained.
    """

    def __init__(self, weights: tf.Tensor) -> None:
        self._weights = weights

    def read(self, op: MixedOp, slot: int) -> list[Selection]:
        """Reads the weights of all candidates."""
        return op.select_all(self._weights[slot] != 0.0)

    def run(self, op, slot, x, selections, training) -> Output:
        """Returns the weighted sum."""
        outputs, moments = op.run_all(x, selections, training)
        weights = tf.unstack(self._weights[slot])[: len(outputs)]
        pairs = zip(weights, outputs, strict=True)
        return tf.add_n([gates.weighted(weight, y) for weight, y in pairs]), moments
