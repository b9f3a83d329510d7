"""Routes: the ways to compute the output of a layer from its candidates and its widths.

    Path        o_a(x), one option per decision                               weight steps
    TwoPaths    o_a(x), with gradients of the gates of two options            ProxylessNAS, two-path
    AllGates    o_a(x), with exact gradients of the gates of all options      ProxylessNAS, full
    Mixture     sum_j w_j o_j(x), all candidates computed and kept in memory  DARTS, One-Shot

A route first reads the weights it needs from a layer, then runs it. These are two calls, so that a
weight step can take gradients with respect to the weights that were read.
"""

import abc
from collections.abc import Sequence

import tensorflow as tf

from nas.supernet import gates
from nas.supernet.candidates.mixed_op import Numbers, Selection
from nas.supernet.candidates.width_choices import Cut, WidthChoice
from nas.supernet.network_layers import NetworkLayer

Output = tuple[tf.Tensor, list[tf.Tensor]]


class Route(abc.ABC):
    """A way through a supernet.

    Args:
        choices: `[rows]`, the sampled option of every row: a tensor or integers.
    """

    def __init__(self, choices: tf.Tensor | Sequence[int]) -> None:
        self._choices = tf.unstack(tf.convert_to_tensor(choices, tf.int32))

    @property
    def path(self) -> tf.Tensor | None:
        """The one network `[rows]` that is computed; None if several are mixed."""
        return tf.stack(self._choices)

    def choice(self, row: int) -> tf.Tensor:
        """Returns the sampled option of a row, a scalar."""
        return self._choices[row]

    def width(self, row: int, numbers: Numbers) -> WidthChoice:
        """Returns the width of the row of a width decision with the options `numbers`."""
        return WidthChoice.sampled(numbers, self._choices[row])

    def cut(self, layer: NetworkLayer) -> Cut:
        """Returns the widths on both sides of a layer."""
        sides = zip((layer.rows.before, layer.rows.after), layer.op.widths, strict=True)
        return Cut(
            *(None if row is None or own is None else self.width(row, own) for row, own in sides)
        )

    def read(self, layer: NetworkLayer) -> list[Selection]:
        """Reads the weights that the route needs from a layer."""
        operation = layer.rows.operation
        if operation is None:
            return layer.op.select(0, self.cut(layer))
        return self.read_slot(layer, operation)

    def run(
        self, layer: NetworkLayer, x: tf.Tensor, selections: list[Selection], training: bool
    ) -> Output:
        """Returns the output `[batch, height, width, channels]`, and moments of every selection.

        Args:
            layer: the layer.
            x: its input, `[batch, height, width, channels]`.
            selections: from `read`.
            training: whether to normalize by the moments of the batch.
        """
        operation = layer.rows.operation
        if operation is None:
            return layer.op.run(x, 0, selections, training)
        return self.run_slot(layer, operation, x, selections, training)

    def read_slot(self, layer: NetworkLayer, slot: int) -> list[Selection]:
        """Reads the weights from a slot; by default those of the sampled candidate."""
        return layer.op.select(self._choices[slot], self.cut(layer))

    @abc.abstractmethod
    def run_slot(
        self,
        layer: NetworkLayer,
        slot: int,
        x: tf.Tensor,
        selections: list[Selection],
        training: bool,
    ) -> Output:
        """Runs a slot, which is the number of its row; otherwise as `run`."""


class Path(Route):
    """Computes one option per decision."""

    def run_slot(self, layer, slot, x, selections, training) -> Output:
        """Returns the output of the chosen candidate."""
        return layer.op.run(x, self._choices[slot], selections, training)


class TwoPaths(Route):
    """Computes the active one of two options, differentiable by the gates of both.

    The inactive candidate runs forward only, during the backward pass. Its gate needs its output,
    but no gradient through it, so no intermediate tensor is kept. A width is computed at the larger
    of the two.

    Args:
        choices: `[rows, 2]` int32, the active option first.
        gate_values: `[rows, 2]`; used for their gradient only.
    """

    def __init__(self, choices: tf.Tensor, gate_values: tf.Tensor) -> None:
        super().__init__(choices[:, 0])
        self._inactive = tf.unstack(choices[:, 1])
        self._gates = tf.unstack(gate_values)

    def width(self, row, numbers) -> WidthChoice:
        """Returns the larger of both widths, masked by the gates."""
        pair = tf.stack([self._choices[row], self._inactive[row]])
        return WidthChoice.gated(numbers, self._choices[row], pair, self._gates[row])

    def read_slot(self, layer, slot) -> list[Selection]:
        """Reads the weights of the active candidate, then those of the inactive one."""
        op, cut = layer.op, self.cut(layer)
        return op.select(self._choices[slot], cut) + op.select(self._inactive[slot], cut)

    def run_slot(self, layer, slot, x, selections, training) -> Output:
        """Returns the output of the active candidate."""
        op, half = layer.op, len(selections) // 2
        choices = self._choices[slot], self._inactive[slot]
        gate_values = self._gates[slot]
        y, moments = op.run(x, choices[0], selections[:half], training, gate_values[0])

        def gate_gradients(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
            other = op.gate_gradient(upstream, x, choices[1], selections[half:], training)
            # The gradient of the active candidate's gate comes from `run`.
            return tf.stack([0.0, other]) + tf.gather(op.input_gradient(upstream, x), choices)

        y = gates.gate_with(gate_gradients, gate_values, y, x)
        return y, moments + [selection.weights.moments for selection in selections[half:]]


class AllGates(Path):
    """Computes the active options, differentiable by the gates of all options.

    The backward pass runs every candidate again, one at a time, so memory holds no more than one of
    them besides the active path. A width is computed at the largest.

    Args:
        choices: `[rows]` int32.
        gate_values: `[rows, most options]`; used for their gradient only.
    """

    def __init__(self, choices: tf.Tensor, gate_values: tf.Tensor) -> None:
        super().__init__(choices)
        self._gates = tf.unstack(gate_values)

    def width(self, row, numbers) -> WidthChoice:
        """Returns the largest width, masked by the gates."""
        count = len(numbers)
        return WidthChoice.gated(
            numbers, self._choices[row], tf.range(count), self._gates[row][:count]
        )

    def run_slot(self, layer, slot, x, selections, training) -> Output:
        """Returns the output of the active candidate."""
        op, cut = layer.op, self.cut(layer)
        y, moments = super().run_slot(layer, slot, x, selections, training)
        gate_values = self._gates[slot]

        def gate_gradients(upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
            values = op.gate_gradients(upstream, x, training, cut) + op.input_gradient(upstream, x)
            return tf.pad(values, [[0, gate_values.shape[0] - op.num_candidates]])

        return gates.gate_with(gate_gradients, gate_values, y, x), moments


class Mixture(Route):
    """Computes the weighted sum of all candidates, which are all kept in memory.

    Args:
        weights: `[rows, most options]`; candidates with weight zero are not trained. The rows of
            widths and of the resolution are not used.
        choices: `[rows]`, of which only widths and resolution are used; None for a space that has
            no such decisions.
    """

    def __init__(self, weights: tf.Tensor, choices: tf.Tensor | None = None) -> None:
        super().__init__(tf.zeros([weights.shape[0]], tf.int32) if choices is None else choices)
        self._weights = weights

    @property
    def path(self) -> None:
        """None: several networks are mixed."""

    def read_slot(self, layer, slot) -> list[Selection]:
        """Reads the weights of all candidates."""
        return layer.op.select_all(self._weights[slot] != 0.0, self.cut(layer))

    def run_slot(self, layer, slot, x, selections, training) -> Output:
        """Returns the weighted sum."""
        outputs, moments = layer.op.run_all(x, selections, training)
        weights = tf.unstack(self._weights[slot])[: len(outputs)]
        pairs = zip(weights, outputs, strict=True)
        return tf.add_n([gates.weighted(weight, y) for weight, y in pairs]), moments
