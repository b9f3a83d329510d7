"""Holds the weights of a slot's candidates that share a traced graph, and runs one of them."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.operations.weights import Bank
from nas.layers import chain_function, forward_only
from nas.supernet import fresh_weights, gates
from nas.supernet.fresh_weights import Chain


class Selection(NamedTuple):
    """One candidate's weights, read from its group.

    Attributes:
        group: the group.
        row: index of the candidate in the group; 0 if the choice is in another group.
        is_active: whether the choice is in this group.
        weights: the weights of the row; gradients are taken with respect to these tensors.
    """

    group: "CandidateGroup"
    row: tf.Tensor | int
    is_active: tf.Tensor | bool
    weights: chain_function.ChainWeights


class CandidateGroup(keras.layers.Layer):
    """Candidates of one slot whose chains have the same form.

    Args:
        chains: the candidates.
        rng: the generator that draws fresh weights.
        synchronized: whether training normalizes by the moments of the batch of all replicas.
        **kwargs: as for `keras.layers.Layer`.

    Attributes:
        kernels: `[candidates, longest]`; a row holds one candidate's kernels, flattened and joined.
        affine: the same for the scales and offsets of batch normalization.
        moments: the same for the moving means and variances; not trainable.
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        rng: np.random.Generator,
        synchronized: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.chains = tuple(chains)
        self._synchronized = synchronized
        self._forms, self.has_residual = chains[0].form
        shapes = [chain_function.ChainShapes.of(chain.stages) for chain in chains]
        self._shapes_of = chain_function.ChainShapes(*map(np.stack, zip(*shapes, strict=True)))
        banks = zip(*fresh_weights.fresh_rows(self.chains, rng), strict=True)
        for bank, rows in zip(Bank, banks, strict=True):
            values = fresh_weights.pad_rows(rows)
            weight = self.add_weight(
                name=bank.value,
                shape=values.shape,
                initializer=keras.initializers.Constant(values),
                trainable=bank.is_trainable,
                dtype="float32",
                autocast=False,
            )
            setattr(self, bank.value, weight)
        self.built = True

    @property
    def num_weights(self) -> int:
        """Number of trainable values of all candidates, without padding."""
        return sum(stage.num_weights for chain in self.chains for stage in chain.stages)

    def select(self, row: tf.Tensor | int, is_active: tf.Tensor | bool) -> Selection:
        """Reads the weights of one candidate."""
        weights = chain_function.ChainWeights(
            *(tf.gather(getattr(self, bank.value).value, row) for bank in Bank)
        )
        return Selection(self, row, is_active, weights)

    def run(
        self,
        x: tf.Tensor,
        selection: Selection,
        training: bool,
        gate: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the output of the selected candidate, and the row of moments of this batch.

        Args:
            x: `[batch, height, width, channels]`.
            selection: from `select`.
            training: whether to normalize by the moments of the batch.
            gate: float32 scalar that multiplies the output before a residual adds `x`.
        """
        is_linear = gate is not None and self._forms[-1].is_linear
        y, moments = chain_function.run_chain(
            x,
            self._forms,
            selection.weights,
            self._shapes(selection.row),
            training,
            self._synchronized,
            gate if is_linear else None,
        )
        if gate is not None and not is_linear:
            y = gates.weighted(gate, y)
        return (x + y if self.has_residual else y), moments

    def gate_gradient(
        self, upstream: tf.Tensor, x: tf.Tensor, selection: Selection, training: bool
    ) -> tf.Tensor:
        """Returns the gradient of the gate of `run`, computed by a forward pass only.

        Args:
            upstream: gradient of the output of `run`.
            x: `[batch, height, width, channels]`.
            selection: from `select`.
            training: whether to normalize by the moments of the batch.

        Returns:
            float32 scalar. It cannot be differentiated.
        """
        y = forward_only.run_chain(
            x,
            self._forms,
            selection.weights,
            self._shapes(selection.row),
            training,
            self._synchronized,
        )
        return gates.inner_product(upstream, y)

    def _shapes(self, row: tf.Tensor) -> chain_function.ChainShapes:
        if len(self.chains) == 1:
            return chain_function.ChainShapes.of(self.chains[0].stages)
        return chain_function.ChainShapes(*(tf.gather(shapes, row) for shapes in self._shapes_of))

    def export_row(self, row: int) -> list[np.ndarray]:
        """Returns the weights of one candidate, stage by stage, in the order of `Stage.weights`."""
        flat = {bank: np.array(getattr(self, bank.value)[row]) for bank in Bank}
        starts = dict.fromkeys(Bank, 0)
        exported = []
        for stage in self.chains[row].stages:
            for weight in stage.weights:
                start = starts[weight.bank]
                starts[weight.bank] = start + weight.size
                values = flat[weight.bank][start : start + weight.size]
                exported.append(values.reshape(weight.shape))
        return exported
