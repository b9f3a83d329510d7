"""A group of candidates whose layer has width decisions: only the sampled widths are used."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nas.architecture.operations.weights import Bank
from nas.layers import chain_function
from nas.layers.stage_functions import Weights
from nas.supernet.candidates import fresh_weights
from nas.supernet.candidates.candidate_group import CandidateGroup, Selection
from nas.supernet.candidates.chunks import Block, ChunkTable
from nas.supernet.candidates.width_choices import Cut
from nas.supernet.candidates.width_shapes import ChainGrid, WidthShapes
from nas.supernet.path_optimizer import Rows


class CutGroup(CandidateGroup):
    """Candidates whose weights are cut to the sampled widths.

    Every width of a candidate uses the leading channels of the same weights. Only these are read,
    computed, trained and moved; the channels beyond keep weights, moments, momentum and decay as
    they are.

    Args:
        grid: the candidates at every width before and after the layer.
        largest: the index of the largest width before and after the layer.
        rng: the generator that draws fresh weights.
        synchronized: as for `CandidateGroup`.
        begin: as for `fresh_weights.fresh_rows`, at the largest widths.
        **kwargs: as for `keras.layers.Layer`.

    Attributes:
        kernels: `[chunks, unit]`, the kernels of all candidates at their largest (`ChunkTable`).
        affine: the same for the scales, offsets and biases.
        moments: the same for the moving means and variances; not trainable.
    """

    def __init__(
        self,
        grid: ChainGrid,
        largest: tuple[int, int],
        rng: np.random.Generator,
        synchronized: bool = False,
        begin: fresh_weights.Begin | None = None,
        **kwargs,
    ) -> None:
        before, after = largest
        super().__init__([table[before][after] for table in grid], synchronized, **kwargs)
        self._shapes_at = shapes_at = WidthShapes(grid)
        self._sides = shapes_at.places()
        sizes = [shapes_at.largest(row) for row in range(len(grid))]
        blocks = [[self._blocks(i, own) for own in sizes] for i in range(len(Bank))]
        unit = shapes_at.unit
        self._chunks = ChunkTable(blocks, self._sides, unit, shapes_at.nothing)
        fresh = fresh_weights.fresh_stages(self.chains, rng, begin)
        for bank in Bank:
            values = [[value for of, value in row if of is bank] for row in fresh]
            setattr(self, bank.value, self._bank(bank.value, self._chunks.joined(values), bank))
        self.idle_row = shapes_at.idle_row
        self.idle_sides = shapes_at.idle_sides
        self.built = True

    def _blocks(self, bank: int, sizes: np.ndarray) -> list[Block]:
        """Returns the weights of a bank as matrices, given a vector of sizes."""
        return [
            Block(
                int(np.prod(sizes[4 * i : 4 * i + 2])) if bank == 0 else 1, *map(int, sizes[sides])
            )
            for i, sides in enumerate(map(list, self._sides[bank]))
        ]

    def select(self, row, is_active, cut: Cut) -> Selection:
        """See `CandidateGroup`."""
        sizes = self._shapes_at.of(row, cut)
        chunks = self._chunks.chunks(row, sizes)
        pairs = zip(Bank, chunks, strict=True)
        weights = [tf.gather(getattr(self, bank.value).value, rows) for bank, rows in pairs]
        mask = None if cut.before is None else cut.before.mask
        if mask is not None:
            # A group that does not run has fewer channels.
            is_idle = tf.equal(row, self.idle_row)
            mask = mask[: tf.where(is_idle, self.idle_sides[0], tf.size(mask))]
        shapes = self._shapes_at.shapes(sizes)
        return Selection(
            self, chunks, is_active, chain_function.ChainWeights(*weights), shapes, mask
        )

    def _place(self, selection, bank) -> Rows:
        return Rows.of(selection.rows[bank], selection.is_active)

    def _stages(self, selection, training) -> Sequence[Weights]:
        flat = chain_function.ChainWeights(*(tf.reshape(w, [-1]) for w in selection.weights))
        return chain_function.stage_weights(flat, selection.shapes, self._forms, training)

    def _moments(self, selection, found, training) -> tf.Tensor:
        if not training:
            return selection.weights.moments
        unit = self._shapes_at.unit
        return tf.reshape(tf.concat([*found, tf.zeros([0])], axis=0), [-1, unit])

    def export_row(self, row, before=0, after=0) -> list[np.ndarray]:
        """See `CandidateGroup`."""
        sizes = self._shapes_at.numbers(row, before, after)
        cut = {bank: iter(self._exported(i, row, sizes)) for i, bank in enumerate(Bank)}
        return [next(cut[bank]) for form in self._forms for _, bank in form.weights]

    def _exported(self, bank: int, row: int, sizes: np.ndarray) -> list[np.ndarray]:
        values = np.array(getattr(self, list(Bank)[bank].value))
        whole = self._chunks.weights(bank, row, values)
        blocks = self._blocks(bank, sizes)
        parts = [w[:, : b.rows, : b.length] for w, b in zip(whole, blocks, strict=True)]
        if bank:
            return [vector for part in parts for vector in part[0]]
        return [part.reshape(sizes[4 * i : 4 * i + 4]) for i, part in enumerate(parts)]
