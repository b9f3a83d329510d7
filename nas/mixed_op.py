"""MixedOp: the candidates of one slot, of which only the chosen one is computed.

Candidates that run the same chain of stages (MBConv of any kernel size and any expansion above 1,
say, with equal activations) form a
`CandidateGroup`. A group keeps its candidates' weights as rows of three banks, one row a
candidate, padded to the longest. Choosing a path reads one row, computing it runs one traced
chain, training it writes one row back: cost and graph grow with the number of groups, not of
candidates, and what was not chosen is not touched. Only where a slot mixes chains (MBConv and
skip) does the graph branch, once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from nas import child as child_lib
from nas import kernels
from nas.candidates import Stage
from nas.specs import Block, Slot


# On CIFAR-10, random paths of the `cifar` space learned in two epochs what takes four with ones.
_RESIDUAL_SCALE = 0.2


class Chain(NamedTuple):
    """One candidate as the supernet sees it: its stages and whether the input is added."""

    stages: tuple[Stage, ...]
    has_residual: bool = False

    @property
    def form(self) -> tuple:
        """Candidates of equal form share a traced graph."""
        return tuple(kernels.StageForm.of(stage) for stage in self.stages), self.has_residual


class Selection(NamedTuple):
    """The row of a group that a choice points at.

    Attributes:
        row: index of the candidate within its group, 0 when another group is chosen.
        is_active: whether the choice falls into this group.
        weights: the row's weights; gradients are taken with respect to these tensors.
    """

    row: tf.Tensor
    is_active: tf.Tensor
    weights: kernels.ChainWeights


class CandidateGroup(keras.layers.Layer):
    """Candidates of one slot whose chains have the same form.

    Args:
        chains: the candidates.
        rng: where fresh weights are drawn from.
        **kwargs: as `keras.layers.Layer`.

    Attributes:
        kernels: `[candidates, longest]`, each row its candidate's kernels, flattened and joined.
        affine: the same of the batch normalizations' scales and offsets.
        moments: the same of their moving means and variances; not trainable.
    """

    def __init__(self, chains: Sequence[Chain], rng: np.random.Generator, **kwargs) -> None:
        super().__init__(**kwargs)
        self.chains = tuple(chains)
        self._forms, self.has_residual = chains[0].form
        shapes = [kernels.ChainShapes.of(chain.stages) for chain in chains]
        self._kernel_shapes = np.array([s.kernels for s in shapes], np.int32)
        self._widths = np.array([s.widths for s in shapes], np.int32)
        banks = zip(*_fresh_rows(self.chains, rng), strict=True)
        names = ("kernels", "affine", "moments")
        for name, rows in zip(names, banks, strict=True):
            bank = _pad_rows(rows)
            weight = self.add_weight(
                name=name,
                shape=bank.shape,
                initializer=keras.initializers.Constant(bank),
                trainable=name != "moments",
                dtype="float32",
                autocast=False,
            )
            setattr(self, name, weight)
        self.built = True

    @property
    def num_weights(self) -> int:
        """Trainable values of all candidates, padding apart."""
        return sum(stage.num_weights for chain in self.chains for stage in chain.stages)

    def select(self, row: tf.Tensor, is_active: tf.Tensor) -> Selection:
        """Reads one candidate's weights."""
        weights = kernels.ChainWeights(
            *(tf.gather(bank.value, row) for bank in (self.kernels, self.affine, self.moments))
        )
        return Selection(row, is_active, weights)

    def run(
        self, x: tf.Tensor, selection: Selection, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Output of the selected candidate, and its new row of moments (batch moments)."""
        y, moments = kernels.run_chain(
            x, self._forms, selection.weights, self._shapes(selection.row), training
        )
        return (x + y if self.has_residual else y), moments

    def _shapes(self, row: tf.Tensor) -> kernels.ChainShapes:
        if len(self.chains) == 1:
            return kernels.ChainShapes.of(self.chains[0].stages)
        return kernels.ChainShapes(
            tf.gather(self._kernel_shapes, row), tf.gather(self._widths, row)
        )

    def export_row(self, row: int) -> list[np.ndarray]:
        """One candidate's weights: for each stage kernel, scale, offset, mean, variance."""
        stages = self.chains[row].stages
        flat = [np.array(bank[row]) for bank in (self.kernels, self.affine, self.moments)]
        exported = []
        starts = [0, 0]
        for stage in stages:
            size, width = int(np.prod(stage.kernel_shape)), stage.output_width
            exported.append(flat[0][starts[0] : starts[0] + size].reshape(stage.kernel_shape))
            for bank in flat[1:]:
                exported += list(bank[starts[1] : starts[1] + 2 * width].reshape(2, width))
            starts = [starts[0] + size, starts[1] + 2 * width]
        return exported


class MixedOp(keras.layers.Layer):
    """One place of the supernet: a slot with its candidates, or a fixed part with one.

    Args:
        chains: the candidates, in the slot's order.
        seed: of the fresh weights.
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(self, chains: Sequence[Chain], seed: Sequence[int], **kwargs) -> None:
        super().__init__(**kwargs)
        rng = np.random.default_rng(list(seed))
        forms = list(dict.fromkeys(chain.form for chain in chains))
        members = [[chain for chain in chains if chain.form == form] for form in forms]
        # An identity has no weights, so no group: None.
        self.groups = [
            CandidateGroup(group, rng, name=f"{self.name}_group{i}") if group[0].stages else None
            for i, group in enumerate(members)
        ]
        widths = [chain.stages[-1].output_width for chain in chains if chain.stages]
        self._output_width = widths[0] if widths else None
        self._group_of = np.array([forms.index(chain.form) for chain in chains], np.int32)
        self._row_of = np.array(
            [members[g].index(c) for g, c in zip(self._group_of, chains, strict=True)], np.int32
        )
        self.num_candidates = len(chains)
        self.built = True

    @classmethod
    def of_layer(cls, layer: Block | Slot, seed: Sequence[int], **kwargs) -> "MixedOp":
        """The mixed operation of a slot, or the only candidate of a fixed block."""
        blocks = layer.blocks if isinstance(layer, Slot) else (layer,)
        return cls([Chain(b.stages, b.has_residual) for b in blocks], seed, **kwargs)

    @property
    def weighted_groups(self) -> list[CandidateGroup]:
        """The groups that hold weights, in the order of `select`'s result."""
        return [group for group in self.groups if group is not None]

    def select(self, choice: tf.Tensor | int) -> list[Selection]:
        """Reads the weights that `choice` needs; one selection a weighted group."""
        chosen = tf.gather(self._group_of, choice)
        row = tf.gather(self._row_of, choice)
        selections = []
        for i, group in enumerate(self.groups):
            if group is not None:
                is_active = tf.equal(chosen, i)
                selections.append(group.select(tf.where(is_active, row, 0), is_active))
        return selections

    def run(
        self, x: tf.Tensor, choice: tf.Tensor | int, selections: list[Selection], training: bool
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes the chosen candidate.

        Args:
            x: `[batch, height, width, channels]`.
            choice: scalar, which candidate.
            selections: from `select(choice)`.
            training: normalize by the batch's moments.

        Returns:
            The output, and for every selection its row of moments: the batch's where the group is
            active, the given ones elsewhere.
        """
        if self._output_width is None:
            return x, []
        if len(self.groups) == 1:
            y, moments = self.weighted_groups[0].run(x, selections[0], training)
            return self._with_shape(y, x), [moments]

        def branch(i: int):
            def compute() -> list[tf.Tensor]:
                y, rows = x, [selection.weights.moments for selection in selections]
                group = self.groups[i]
                if group is not None:
                    place = self.weighted_groups.index(group)
                    y, rows[place] = group.run(x, selections[place], training)
                return [tf.identity(y), *(tf.identity(row) for row in rows)]

            return compute

        chosen = tf.gather(self._group_of, choice)
        y, *moments = tf.switch_case(chosen, [branch(i) for i in range(len(self.groups))])
        return self._with_shape(y, x), moments

    def export(self, choice: int) -> list[np.ndarray]:
        """The weights of a candidate, as `child.set_stage_weights` takes them."""
        group = self.groups[self._group_of[choice]]
        return [] if group is None else group.export_row(int(self._row_of[choice]))

    def _with_shape(self, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        y.set_shape([x.shape[0], y.shape[1], y.shape[2], self._output_width])
        return y


def _fresh_rows(
    chains: Sequence[Chain], rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Kernels, affine and moments of every chain, flattened.

    The kernels of a stage are cut from one draw, leading channels and the spatial centre, each
    scaled to its own fan-in. So a slot's candidates start as similar functions, and what follows
    the slot is not confused by which of them was sampled; a supernet of independent draws learns
    much more slowly at first. For the same reason the last scale of a candidate that adds its input
    starts small: what follows sees almost the same input whether the slot is skipped or not
    (Goyal et al. 2017, section 5.1, start it at zero).
    """
    shapes = [[stage.kernel_shape for stage in chain.stages] for chain in chains]
    draws = [rng.standard_normal(largest) for largest in np.max(shapes, axis=0)]
    rows = []
    for chain in chains:
        kernel, affine, moments = [], [], []
        for stage, draw in zip(chain.stages, draws, strict=True):
            size, _, inputs, filters = stage.kernel_shape
            margin = (draw.shape[0] - size) // 2
            window = slice(margin, margin + size)
            deviation = child_lib.kernel_stddev(stage)
            kernel.append(deviation * draw[window, window, :inputs, :filters].ravel())
            width = stage.output_width
            affine += [np.ones(width), np.zeros(width)]
            moments += [np.zeros(width), np.ones(width)]
        if chain.has_residual:
            affine[-2] *= _RESIDUAL_SCALE
        joined = [np.concatenate(part).astype(np.float32) for part in (kernel, affine, moments)]
        rows.append((joined[0], joined[1], joined[2]))
    return rows


def _pad_rows(rows: Sequence[np.ndarray]) -> np.ndarray:
    longest = max(len(row) for row in rows)
    return np.stack([np.pad(row, (0, longest - len(row))) for row in rows])
