"""Holds the weights of a slot's candidates that share a traced graph, and runs one of them."""

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.operations.weights import Bank
from nas.layers import chain_function, forward_only
from nas.layers.stage_functions import BATCH_NORM_MOMENTUM, Weights
from nas.supernet import gates
from nas.supernet.candidates import fresh_weights
from nas.supernet.candidates.fresh_weights import Chain
from nas.supernet.candidates.width_choices import Cut
from nas.supernet.path_optimizer import AnyPlace, Place, RowUpdate


class Selection(NamedTuple):
    """One candidate's weights, read from its group.

    Attributes:
        group: the group.
        rows: which rows of each bank hold the candidate: an index, or the indices of several.
        is_active: whether the choice is in this group.
        weights: the weights of the row, tensors by bank; gradients are taken with respect to
            these.
        shapes: their shapes.
        mask: float32 `[input width]` where the channels of the input are masked; None if not.
    """

    group: "CandidateGroup"
    rows: Sequence[tf.Tensor | int]
    is_active: tf.Tensor | bool
    weights: chain_function.ChainWeights
    shapes: chain_function.ChainShapes
    mask: tf.Tensor | None = None


class CandidateGroup(keras.layers.Layer, abc.ABC):
    """Candidates of one slot whose chains have the same form.

    Args:
        chains: the candidates; at the largest widths.
        synchronized: whether training normalizes by the moments of the batch of all replicas.
        **kwargs: as for `keras.layers.Layer`.

    Attributes:
        idle_row: what `select` takes as the row if the choice is in another group.
        idle_sides: channels of the input and the output if the choice is in another group; None if
            they are always the same.
    """

    idle_row = 0
    idle_sides: tuple[int | None, int | None] = (None, None)
    kernels: keras.Variable
    affine: keras.Variable
    moments: keras.Variable

    def __init__(self, chains: Sequence[Chain], synchronized: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.chains = tuple(chains)
        self._synchronized = synchronized
        self._forms, self.has_residual = chains[0].form

    def _bank(self, name: str, values: np.ndarray, bank: Bank) -> keras.Variable:
        """Makes the variable of a bank."""
        return self.add_weight(
            name=name,
            shape=values.shape,
            initializer=keras.initializers.Constant(values),
            trainable=bank.is_trainable,
            dtype="float32",
            autocast=False,
        )

    @property
    def num_weights(self) -> int:
        """Number of trainable values of all candidates, without padding."""
        return sum(stage.num_weights for chain in self.chains for stage in chain.stages)

    @abc.abstractmethod
    def select(self, row: tf.Tensor | int, is_active: tf.Tensor | bool, cut: Cut) -> Selection:
        """Reads the weights of one candidate at the widths of `cut`."""

    def updates(self, selection: Selection, gradients: Any) -> list[RowUpdate]:
        """Returns the updates of the weights, given gradients of its kernels and affine weights."""
        weights, places = selection.weights, [self._place(selection, i) for i in range(2)]
        return [
            RowUpdate(self.kernels, weights.kernels, gradients[0], places[0], True),
            RowUpdate(self.affine, weights.affine, gradients[1], places[1], False),
        ]

    def write_moments(self, selection: Selection, batch: Any) -> None:
        """Moves the moving moments towards those of a batch, as `run` returns them."""
        moved = moved_moments(selection.weights.moments, batch)
        self._place(selection, 2).write(self.moments.value, moved)

    @abc.abstractmethod
    def _place(self, selection: Selection, bank: int) -> AnyPlace:
        """Returns where the weights of a bank are written, only if the selection is active."""

    @abc.abstractmethod
    def export_row(self, row: int, before: int = 0, after: int = 0) -> list[np.ndarray]:
        """Returns the weights of one candidate, stage by stage, in the order of `Stage.weights`.

        Args:
            row: index of the candidate.
            before: option of the width before the layer.
            after: option of the width after it.
        """

    @abc.abstractmethod
    def _stages(self, selection: Selection, training: bool) -> Sequence[Weights]:
        """Returns the weights of each stage by name, without moments if `training`."""

    @abc.abstractmethod
    def _moments(self, selection: Selection, found: Sequence[tf.Tensor], training: bool) -> Any:
        """Returns the moments that the stages were normalized by, as `selection` has them."""

    def run(
        self,
        x: tf.Tensor,
        selection: Selection,
        training: bool,
        gate: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, Any]:
        """Returns the output of the selected candidate, and the row of moments of this batch.

        Args:
            x: `[batch, height, width, channels]`.
            selection: from `select`.
            training: whether to normalize by the moments of the batch.
            gate: float32 scalar that multiplies the output before a residual adds `x`.
        """
        is_linear = gate is not None and self._forms[-1].is_linear
        y, found = chain_function.run_stages(
            x,
            self._forms,
            self._stages(selection, training),
            self._synchronized,
            gate if is_linear else None,
            selection.mask,
        )
        if gate is not None and not is_linear:
            y = gates.weighted(gate, y)
        moments = self._moments(selection, found, training)
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
        stages = self._stages(selection, training)
        y = forward_only.run_stages(
            x, self._forms, stages, training, self._synchronized, selection.mask
        )
        return gates.inner_product(upstream, y)


class RowGroup(CandidateGroup):
    """Candidates of a layer with fixed widths: all weights of one are rows of three variables.

    Args:
        chains: the candidates.
        rng: the generator that draws fresh weights.
        synchronized: as for `CandidateGroup`.
        begin: as for `fresh_weights.fresh_rows`.
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
        begin: fresh_weights.Begin | None = None,
        **kwargs,
    ) -> None:
        super().__init__(chains, synchronized, **kwargs)
        shapes = [chain_function.ChainShapes.of(chain.stages) for chain in chains]
        self._shapes_of = chain_function.ChainShapes(*map(np.stack, zip(*shapes, strict=True)))
        banks = zip(*fresh_weights.fresh_rows(self.chains, rng, begin), strict=True)
        for bank, rows in zip(Bank, banks, strict=True):
            values = fresh_weights.pad_rows(rows)
            setattr(self, bank.value, self._bank(bank.value, values, bank))
        self.built = True

    def select(self, row, is_active, cut) -> Selection:
        """See `CandidateGroup`."""
        del cut
        weights = chain_function.ChainWeights(
            *(tf.gather(getattr(self, bank.value).value, row) for bank in Bank)
        )
        return Selection(self, [row] * len(Bank), is_active, weights, self._shapes(row))

    def _place(self, selection, bank) -> Place:
        return Place.of(selection.rows[bank], selection.is_active)

    def export_row(self, row, before=0, after=0) -> list[np.ndarray]:
        """See `CandidateGroup`."""
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

    def _shapes(self, row: tf.Tensor) -> chain_function.ChainShapes:
        if len(self.chains) == 1:
            return chain_function.ChainShapes.of(self.chains[0].stages)
        return chain_function.ChainShapes(*(tf.gather(shapes, row) for shapes in self._shapes_of))

    def _stages(self, selection, training) -> Sequence[Weights]:
        weights, shapes = selection.weights, selection.shapes
        return chain_function.stage_weights(weights, shapes, self._forms, training)

    def _moments(self, selection, found, training) -> tf.Tensor:
        weights, shapes = selection.weights, selection.shapes
        return chain_function.with_padding(found, weights, shapes, self._forms, training)


def moved_moments(moving: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Returns moving moments after a step on a batch with the moments `batch`."""
    return moving * BATCH_NORM_MOMENTUM + batch * (1.0 - BATCH_NORM_MOMENTUM)
