"""How a slot's output is formed from its candidates: every forward pass an algorithm may ask for.

    Path        o_a(x), one candidate a slot                                  weight steps
    TwoPaths    o_a(x), with the gradient of two candidates' gates            ProxylessNAS, two-path
    AllGates    o_a(x), with the exact gradient of every candidate's gate     ProxylessNAS, full
    Mixture     sum_j w_j o_j(x), everything computed and kept                DARTS, One-Shot

A route reads the weights it needs from a mixed operation, then runs it. Both are separate, so that
a weight step can take gradients with respect to what was read.
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
        """Reads the weights of `op`, the mixed operation of slot number `slot`."""

    def run(
        self, op: MixedOp, slot: int, x: tf.Tensor, selections: list[Selection], training: bool
    ) -> Output:
        """The slot's output `[batch, height, width, channels]`, and a row of moments a selection.

        Args:
            op: the slot's mixed operation.
            slot: its number.
            x: the slot's input, `[batch, height, width, channels]`.
            selections: what `read` returned.
            training: normalize by the batch's moments.
        """


class Path:
    """One candidate a slot.

    Args:
        choices: `[slots]`, a tensor or integers.
    """

    def __init__(self, choices: tf.Tensor | Sequence[int]) -> None:
        self._choices = tf.unstack(tf.convert_to_tensor(choices, tf.int32))

    def read(self, op: MixedOp, slot: int) -> list[Selection]:
        """The chosen candidate's weights."""
        return op.select(self._choices[slot])

    def run(self, op, slot, x, selections, training) -> Output:
        """The chosen candidate's output."""
        return op.run(x, self._choices[slot], selections, training)


class TwoPaths:
    """The active one of two candidates, differentiable by both gates.

    The inactive one is computed backwards, for its gate alone: no part of it is kept, and nothing
    is differentiated by it.

    Args:
        choices: `[slots, 2]` int32, the active candidate first.
        gate_values: `[slots, 2]`; only their gradient matters.
    """

    def __init__(self, choices: tf.Tensor, gate_values: tf.Tensor) -> None:
        self._active, self._inactive = (tf.unstack(choices[:, column]) for column in (0, 1))
        self._gates = tf.unstack(gate_values)

    def read(self, op: MixedOp, slot: int) -> list[Selection]:
        """The active candidate's weights, then the inactive one's."""
        return op.select(self._active[slot]) + op.select(self._inactive[slot])

    def run(self, op, slot, x, selections, training) -> Output:
        """The active candidate's output."""
        half = len(selections) // 2
        choices = self._active[slot], self._inactive[slot]
        gate_values = self._gates[slot]
        y, moments = op.run(x, choices[0], selections[:half], training, gate_values[0])

        def gate_gradients(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
            other = op.gate_gradient(upstream, x, choices[1], selections[half:], training)
            # `run` saw to the active one's.
            return tf.stack([0.0, other]) + tf.gather(op.input_gradient(upstream, x), choices)

        y = gates.gate_with(gate_gradients, gate_values, y, x)
        return y, moments + [selection.weights.moments for selection in selections[half:]]


class AllGates(Path):
    """The active candidate, differentiable by the gates of all.

    Backwards, every candidate is computed again, one at a time, so that no more than one is held in
    memory beside the active path.

    Args:
        choices: `[slots]` int32.
        gate_values: `[slots, most candidates]`; only their gradient matters.
    """

    def __init__(self, choices: tf.Tensor, gate_values: tf.Tensor) -> None:
        super().__init__(choices)
        self._gates = tf.unstack(gate_values)

    def run(self, op, slot, x, selections, training) -> Output:
        """The active candidate's output."""
        y, moments = super().run(op, slot, x, selections, training)
        gate_values = self._gates[slot]

        def gate_gradients(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
            values = op.gate_gradients(upstream, x, training) + op.input_gradient(upstream, x)
            return tf.pad(values, [[0, gate_values.shape[0] - op.num_candidates]])

        return gates.gate_with(gate_gradients, gate_values, y, x), moments


class Mixture:
    """Every candidate, weighted: all of them computed and kept in memory.

    Args:
        weights: `[slots, most candidates]`. What has weight zero is not trained.
    """

    def __init__(self, weights: tf.Tensor) -> None:
        self._weights = weights

    def read(self, op: MixedOp, slot: int) -> list[Selection]:
        """All candidates' weights."""
        return op.select_all(self._weights[slot] != 0.0)

    def run(self, op, slot, x, selections, training) -> Output:
        """The weighted sum."""
        outputs, moments = op.run_all(x, selections, training)
        weights = tf.unstack(self._weights[slot])[: len(outputs)]
        pairs = zip(weights, outputs, strict=True)
        return tf.add_n([gates.weighted(weight, y) for weight, y in pairs]), moments
