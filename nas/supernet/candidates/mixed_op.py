"""MixedOp: the candidates of one slot, of which only the chosen one is computed.

Candidates that run the same chain of stages form a `CandidateGroup`: for example, MBConv of any
kernel size and any expansion above 1, with equal activations. A group keeps the weights of its
candidates as rows of three banks, one row per candidate, padded to the longest. A step reads one
row, runs one traced chain and writes one row back. If widths are decisions, a step reads and writes
only what the sampled widths use (`nas.supernet.candidates.cut_group`). The time of a step and the
size of the graph therefore grow with the number of groups, not of candidates, and the weights of
other candidates do not change. If a slot mixes different chains (MBConv and skip), all of them are
in the graph, and those that were not chosen run on one pixel of zeros
(`nas.supernet.candidates.chain_switch`).
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.blocks import Block, Slot
from nas.supernet import gates
from nas.supernet.candidates import chain_switch
from nas.supernet.candidates.candidate_group import CandidateGroup, RowGroup, Selection
from nas.supernet.candidates.cut_group import CutGroup
from nas.supernet.candidates.fresh_weights import Begin, Chain
from nas.supernet.candidates.width_choices import FIXED, Cut
from nas.supernet.candidates.width_shapes import ChainGrid

Numbers = Sequence[int]


class MixedOp(keras.layers.Layer):
    """A slot of the supernet with its candidates, or a fixed layer with only one.

    Args:
        grid: the candidates in the order of the slot, each at every width before and after the
            layer; one width where it is fixed.
        seed: seed of the fresh weights.
        widths: the numbers of the width decisions before and after the layer; None where it is
            fixed.
        synchronized: whether training normalizes by the moments of the batch of all replicas.
        begin: as for `fresh_weights.fresh_rows`.
        **kwargs: as for `keras.layers.Layer`.

    Attributes:
        widths: as given.
    """

    def __init__(
        self,
        grid: ChainGrid,
        seed: Sequence[int],
        widths: tuple[Numbers | None, Numbers | None] = (None, None),
        synchronized: bool = False,
        begin: Begin | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.widths = widths
        self._synchronized = synchronized
        self._begin = begin
        rng = np.random.default_rng(list(seed))
        forms_of = [_form(table) for table in grid]
        forms = list(dict.fromkeys(forms_of))
        members = [
            [table for table, own in zip(grid, forms_of, strict=True) if own == form]
            for form in forms
        ]
        # An identity has no weights, so it has no group; its place holds None.
        self.groups = [
            self._group(tables, rng, name=f"{self.name}_group{i}")
            if tables[0][0][0].stages
            else None
            for i, tables in enumerate(members)
        ]
        ends = [table[0][0].stages[-1].output_width for table in grid if table[0][0].stages]
        self._is_identity = not ends
        # Unknown while tracing, if it is a decision.
        self._output_width = None if any(widths) or not ends else ends[0]
        self._group_of = np.array([forms.index(form) for form in forms_of], np.int32)
        # A candidate's row is the number of earlier ones of its form.
        self._row_of = np.array(
            [forms_of[:i].count(form) for i, form in enumerate(forms_of)], np.int32
        )
        self.num_candidates = len(grid)
        self.built = True

    def _group(
        self, tables: list[Sequence[Sequence[Chain]]], rng: np.random.Generator, name: str
    ) -> CandidateGroup:
        if not any(self.widths):
            chains = [table[0][0] for table in tables]
            return RowGroup(chains, rng, self._synchronized, self._begin, name=name)
        before, after = (0 if own is None else int(np.argmax(own)) for own in self.widths)
        largest = before, min(after, len(tables[0][0]) - 1)
        return CutGroup(tables, largest, rng, self._synchronized, self._begin, name=name)

    @classmethod
    def of_chains(cls, chains: Sequence[Chain], seed: Sequence[int], **kwargs) -> "MixedOp":
        """Returns the mixed op of candidates with fixed widths."""
        return cls([[[chain]] for chain in chains], seed, **kwargs)

    @classmethod
    def of_layer(cls, layer: Block | Slot, seed: Sequence[int], **kwargs) -> "MixedOp":
        """Returns the mixed op of a slot, or of a fixed block as its only candidate."""
        blocks = layer.blocks if isinstance(layer, Slot) else (layer,)
        return cls.of_chains([Chain(b.stages, b.has_residual) for b in blocks], seed, **kwargs)

    @property
    def weighted_groups(self) -> list[CandidateGroup]:
        """The groups that hold weights, in the order of the selections from `select`."""
        return [group for group in self.groups if group is not None]

    def select(self, choice: tf.Tensor | int, cut: Cut = FIXED) -> list[Selection]:
        """Reads the weights that `choice` needs, one selection per group with weights.

        Args:
            choice: scalar, index of the candidate.
            cut: the widths on both sides of the layer.
        """
        chosen = tf.gather(self._group_of, choice)
        row = tf.gather(self._row_of, choice)
        selections = []
        for i, group in enumerate(self.groups):
            if group is not None:
                is_active = tf.equal(chosen, i)
                of_group = tf.where(is_active, row, group.idle_row)
                selections.append(group.select(of_group, is_active, cut))
        return selections

    def run(
        self,
        x: tf.Tensor,
        choice: tf.Tensor | int,
        selections: list[Selection],
        training: bool,
        gate: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes the chosen candidate.

        Args:
            x: `[batch, height, width, channels]`.
            choice: scalar, index of the candidate.
            selections: from `select(choice)`.
            training: whether to normalize by the moments of the batch.
            gate: float32 scalar with value 1. It multiplies the output before a residual adds `x`.

        Returns:
            The output, and a row of moments for every selection. It holds the moments of the batch
            if the group is active, and meaningless values otherwise.
        """
        if self._is_identity:
            return x, []
        if len(self.groups) == 1:
            y, moments = self.weighted_groups[0].run(x, selections[0], training, gate)
            return self._with_shape(y, x.shape[0]), [moments]
        chosen = tf.gather(self._group_of, choice)
        remaining = iter(selections)
        outputs, rows = [], []
        for group, y in zip(self.groups, self._deal(x, chosen, 0), strict=True):
            if group is not None:
                y, moments = group.run(y, next(remaining), training, gate)
                rows.append(moments)
            outputs.append(self._with_shape(y, None))
        y = chain_switch.collect(outputs, chosen, self._idle_channels(1))
        return self._with_shape(y, x.shape[0]), rows

    def _deal(self, x: tf.Tensor, chosen: tf.Tensor, side: int) -> list[tf.Tensor]:
        return chain_switch.deal(x, chosen, self._idle_channels(side))

    def _idle_channels(self, side: int) -> list[int | None]:
        """Returns the channels before (0) or after (1) each group if it is not chosen."""
        identity = 1 if any(self.widths) else None
        return [identity if group is None else group.idle_sides[side] for group in self.groups]

    def select_all(self, is_active: tf.Tensor, cut: Cut = FIXED) -> list[Selection]:
        """Reads the weights of every candidate that has any, in the order of the slot.

        Args:
            is_active: `[most candidates]` bool, whether each candidate is trained.
            cut: the widths on both sides of the layer.
        """
        return [
            group.select(int(self._row_of[j]), is_active[j], cut)
            for j, group in enumerate(self._group_of_candidate)
            if group is not None
        ]

    def run_all(
        self, x: tf.Tensor, selections: list[Selection], training: bool
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Returns the outputs of all candidates, and the moments of every selection."""
        remaining = iter(selections)
        outputs, moments = [], []
        for group in self._group_of_candidate:
            if group is None:
                outputs.append(x)
                continue
            y, rows = group.run(x, next(remaining), training)
            outputs.append(self._with_shape(y, x.shape[0]))
            moments.append(rows)
        return outputs, moments

    def gate_gradient(
        self,
        upstream: tf.Tensor,
        x: tf.Tensor,
        choice: tf.Tensor,
        selections: list[Selection],
        training: bool,
    ) -> tf.Tensor:
        """Returns the gradient of the gate of `run`, by running the chosen candidate forward.

        Args:
            upstream: dL/dm, `[batch, height, width, channels]`.
            x: input of the slot.
            choice: scalar, index of the candidate.
            selections: from `select(choice)`.
            training: whether to normalize by the moments of the batch.

        Returns:
            float32 scalar. It cannot be differentiated.
        """
        chosen = tf.gather(self._group_of, choice)
        remaining = iter(selections)
        dealt = self._deal(upstream, chosen, 1), self._deal(x, chosen, 0)
        # The upstream gradient of the other groups is zero, so their values are zero too.
        values = [
            group.gate_gradient(to_output, part, next(remaining), training)
            for group, to_output, part in zip(self.groups, *dealt, strict=True)
            if group is not None
        ]
        return tf.add_n(values)

    def input_gradient(self, upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Returns the term sum(dL/dm * x) of candidates that return or add their input.

        `gate_gradient` leaves this term out. If all candidates have it, zeros are returned: adding
        one number to the gradients of all gates of a slot does not change the gradient of alpha,
        because the rows of the Jacobian of the softmax sum to zero.

        Returns:
            `[candidates]` float32.
        """
        adds = [group is None or group.has_residual for group in self._group_of_candidate]
        if all(adds) or not any(adds):
            return tf.zeros([self.num_candidates])
        return tf.cast(adds, tf.float32) * gates.inner_product(upstream, x)

    def gate_gradients(
        self, upstream: tf.Tensor, x: tf.Tensor, training: bool, cut: Cut = FIXED
    ) -> tf.Tensor:
        """Returns `gate_gradient` of every candidate, `[candidates]`, computed one at a time."""
        if self._synchronized and training:
            return self._gate_gradients_without_loops(upstream, x, cut)
        values = [tf.zeros([0])] * len(self.groups)
        for i, group in enumerate(self.groups):
            if group is None:
                values[i] = tf.zeros([1])
                continue

            # The loop starts with the results of the loop before it, so two never run at once.
            start = tf.reduce_sum(tf.concat(values, axis=0)) * 0.0

            def one(row: tf.Tensor, found: tf.Tensor, group=group) -> tuple[tf.Tensor, tf.Tensor]:
                selection = group.select(row, True, cut)
                value = group.gate_gradient(upstream, x, selection, training)
                return row + 1, tf.concat([found[:row], value[None], found[row + 1 :]], 0)

            count = len(group.chains)
            _, values[i] = tf.while_loop(
                lambda row, found, count=count: row < count,
                one,
                [tf.constant(0), tf.zeros([count]) + start],
                shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
                parallel_iterations=1,
            )
        order = [
            self._group_starts[g] + r for g, r in zip(self._group_of, self._row_of, strict=True)
        ]
        return tf.gather(tf.concat(values, axis=0), order)

    def _gate_gradients_without_loops(
        self, upstream: tf.Tensor, x: tf.Tensor, cut: Cut
    ) -> tf.Tensor:
        values: list[tf.Tensor] = []
        for group, row in zip(self._group_of_candidate, self._row_of, strict=True):
            if group is None:
                values.append(tf.constant(0.0))
                continue
            with tf.control_dependencies(values[-1:]):
                selection = group.select(int(row), True, cut)
                values.append(group.gate_gradient(upstream, tf.identity(x), selection, True))
        return tf.stack(values)

    @property
    def _group_of_candidate(self) -> list[CandidateGroup | None]:
        return [self.groups[g] for g in self._group_of]

    @property
    def _group_starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(np.bincount(self._group_of))[:-1]])

    def export(self, choice: int, before: int = 0, after: int = 0) -> list[np.ndarray]:
        """Returns the weights of a candidate, as `keras_network.set_stage_weights` takes them.

        Args:
            choice: index of the candidate.
            before: option of the width before the layer.
            after: option of the width after it.
        """
        group = self.groups[self._group_of[choice]]
        row = int(self._row_of[choice])
        return [] if group is None else group.export_row(row, before, after)

    def _with_shape(self, y: tf.Tensor, batch: int | None) -> tf.Tensor:
        y.set_shape([batch, y.shape[1], y.shape[2], self._output_width])
        return y


def _form(table: Sequence[Sequence[Chain]]) -> tuple:
    """Returns the form of a candidate at every width.

    Raises:
        ValueError: it depends on the widths, so that they cannot share one traced graph.
    """
    forms = {chain.form for row in table for chain in row}
    if len(forms) > 1:
        raise ValueError(
            f"operation: expected the same stages at all widths, received {len(forms)} different "
            "chains; give the layer a fixed width, or stages that do not depend on it"
        )
    return table[0][0].form
