"""MixedOp: the candidates of one slot, of which only the chosen one is computed.

Candidates that run the same chain of stages (MBConv of any kernel size and any expansion above 1,
say, with equal activations) form a `CandidateGroup`. A group keeps its candidates' weights as rows
of three banks, one row a candidate, padded to the longest. Choosing a path reads one row, computing
it runs one traced chain, training it writes one row back: cost and graph grow with the number of
groups, not of candidates, and what was not chosen is not touched. Where a slot mixes chains (MBConv
and skip), all of them stand in the graph and those that were not chosen run on a single pixel
(`one_of_several`).
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.blocks import Block, Slot
from nas.supernet import chain_switch, gates
from nas.supernet.candidate_group import CandidateGroup, Selection
from nas.supernet.fresh_weights import Chain


class MixedOp(keras.layers.Layer):
    """One place of the supernet: a slot with its candidates, or a fixed part with one.

    Args:
        chains: the candidates, in the slot's order.
        seed: of the fresh weights.
        synchronized: normalize by the batch of all replicas where training.
        **kwargs: as `keras.layers.Layer`.
    """

    def __init__(
        self, chains: Sequence[Chain], seed: Sequence[int], synchronized: bool = False, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self._synchronized = synchronized
        rng = np.random.default_rng(list(seed))
        forms = list(dict.fromkeys(chain.form for chain in chains))
        members = [[chain for chain in chains if chain.form == form] for form in forms]
        # An identity has no weights, so no group: None.
        self.groups = [
            CandidateGroup(group, rng, synchronized, name=f"{self.name}_group{i}")
            if group[0].stages
            else None
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
            choice: scalar, which candidate.
            selections: from `select(choice)`.
            training: normalize by the batch's moments.
            gate: float32 scalar, 1; it multiplies the output, an x that was added to it apart.

        Returns:
            The output, and for every selection its row of moments: the batch's where the group is
            active, without meaning elsewhere.
        """
        if self._output_width is None:
            return x, []
        if len(self.groups) == 1:
            y, moments = self.weighted_groups[0].run(x, selections[0], training, gate)
            return self._with_shape(y, x.shape[0]), [moments]
        chosen = tf.gather(self._group_of, choice)
        remaining = iter(selections)
        outputs, rows = [], []
        for group, y in zip(self.groups, self._deal(x, chosen), strict=True):
            if group is not None:
                y, moments = group.run(y, next(remaining), training, gate)
                rows.append(moments)
            outputs.append(self._with_shape(y, None))
        return self._with_shape(chain_switch.collect(outputs, chosen), x.shape[0]), rows

    def _deal(self, x: tf.Tensor, chosen: tf.Tensor) -> list[tf.Tensor]:
        return chain_switch.deal(x, chosen, len(self.groups))

    def select_all(self, is_active: tf.Tensor) -> list[Selection]:
        """Reads every candidate's weights, in the slot's order; what has none is left out.

        Args:
            is_active: `[most candidates]` bool, which of them are to be trained.
        """
        return [
            group.select(int(self._row_of[j]), is_active[j])
            for j, group in enumerate(self._group_of_candidate)
            if group is not None
        ]

    def run_all(
        self, x: tf.Tensor, selections: list[Selection], training: bool
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Outputs of all candidates, and a row of moments for each of `select_all`'s selections."""
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
        """The gradient of `run`'s gate, for which the chosen candidate is computed.

        Args:
            upstream: dL/dm, `[batch, height, width, channels]`.
            x: the slot's input.
            choice: scalar, which candidate.
            selections: from `select(choice)`.
            training: normalize by the batch's moments.

        Returns:
            float32 scalar. It cannot be differentiated.
        """
        chosen = tf.gather(self._group_of, choice)
        remaining = iter(selections)
        dealt = self._deal(upstream, chosen), self._deal(x, chosen)
        # The others' upstream is zero, and so are their values.
        values = [
            group.gate_gradient(to_output, part, next(remaining), training)
            for group, to_output, part in zip(self.groups, *dealt, strict=True)
            if group is not None
        ]
        return tf.add_n(values)

    def input_gradient(self, upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """What `gate_gradient` leaves out: sum(dL/dm * x) where a candidate adds or is its input.

        Zero where all candidates do: the same number for all gates of a slot changes no
        architecture parameter's gradient, since rows of the softmax' Jacobian sum to zero.

        Returns:
            `[candidates]` float32.
        """
        adds = [group is None or group.has_residual for group in self._group_of_candidate]
        if all(adds) or not any(adds):
            return tf.zeros([self.num_candidates])
        return tf.cast(adds, tf.float32) * gates.inner_product(upstream, x)

    def gate_gradients(self, upstream: tf.Tensor, x: tf.Tensor, training: bool) -> tf.Tensor:
        """`gate_gradient` of every candidate, `[candidates]`, computed one after the other."""
        if self._synchronized and training:
            return self._gate_gradients_without_loops(upstream, x)
        values = [tf.zeros([0])] * len(self.groups)
        for i, group in enumerate(self.groups):
            if group is None:
                values[i] = tf.zeros([1])
                continue

            # What came before is part of the loop's start, so that two groups do not run at once.
            start = tf.reduce_sum(tf.concat(values, axis=0)) * 0.0

            def one(row: tf.Tensor, found: tf.Tensor, group=group) -> tuple[tf.Tensor, tf.Tensor]:
                selection = group.select(row, True)
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

    def _gate_gradients_without_loops(self, upstream: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        values: list[tf.Tensor] = []
        for group, row in zip(self._group_of_candidate, self._row_of, strict=True):
            if group is None:
                values.append(tf.constant(0.0))
                continue
            with tf.control_dependencies(values[-1:]):
                selection = group.select(int(row), True)
                values.append(group.gate_gradient(upstream, tf.identity(x), selection, True))
        return tf.stack(values)

    @property
    def _group_of_candidate(self) -> list[CandidateGroup | None]:
        return [self.groups[g] for g in self._group_of]

    @property
    def _group_starts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(np.bincount(self._group_of))[:-1]])

    def export(self, choice: int) -> list[np.ndarray]:
        """The weights of a candidate, as `child.set_stage_weights` takes them."""
        group = self.groups[self._group_of[choice]]
        return [] if group is None else group.export_row(int(self._row_of[choice]))

    def _with_shape(self, y: tf.Tensor, batch: int | None) -> tf.Tensor:
        y.set_shape([batch, y.shape[1], y.shape[2], self._output_width])
        return y
