"""A group of candidates whose layer has width decisions: only the sampled widths are used."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nas.architecture.operations.weights import Bank
from nas.layers import chain_function
from nas.layers.stage_functions import Weights
from nas.supernet.candidates import fresh_weights, masked_places
from nas.supernet.candidates.candidate_group import CandidateGroup, Selection, moved_moments
from nas.supernet.candidates.masked_places import MaskedRow
from nas.supernet.candidates.width_choices import Cut
from nas.supernet.candidates.width_shapes import ChainGrid, WidthShapes
from nas.supernet.path_optimizer import RowUpdate


class _Layout(NamedTuple):
    """How the rows of one bank are divided: each piece is an array at its largest shape.

    Attributes:
        pieces: shapes of the pieces: a kernel, or `[vectors, channels]` of vectors of one length.
    """

    pieces: list[tuple[int, ...]]

    @property
    def sizes(self) -> list[int]:
        return [math.prod(piece) for piece in self.pieces]

    def split(self, row: tf.Tensor) -> list[tf.Tensor]:
        """Returns the pieces of a row."""
        if len(self.pieces) == 1:
            return [tf.reshape(row, self.pieces[0])]
        parts = tf.split(row, self.sizes)
        return [tf.reshape(part, piece) for part, piece in zip(parts, self.pieces, strict=True)]

    def cut(self, row: tf.Tensor, shapes: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the leading block of every piece of a row."""
        pairs = zip(self.split(row), shapes, strict=True)
        return [tf.slice(piece, tf.zeros_like(shape), shape) for piece, shape in pairs]

    def joined(self, pieces: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns whole pieces as one row."""
        flat = [tf.reshape(piece, [-1]) for piece in pieces]
        return tf.concat(flat, axis=0) if flat else tf.zeros([0])

    def mask(self, shapes: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns a mask of a row that is true in the leading block of every piece."""
        if not self.pieces:
            return tf.zeros([0], tf.bool)
        pairs = zip(shapes, self.pieces, strict=True)
        return self.joined([masked_places.leading(shape, piece) for shape, piece in pairs])


class CutGroup(CandidateGroup):
    """Candidates whose weights are cut to the sampled widths.

    Every width of a candidate uses the leading channels of the same weights. Only these are
    computed, trained and moved; the channels beyond keep weights, moments, momentum and decay as
    they are.

    Args:
        grid: the candidates at every width before and after the layer.
        largest: the index of the largest width before and after the layer.
        rng: the generator that draws fresh weights.
        synchronized: as for `CandidateGroup`.
        **kwargs: as for `keras.layers.Layer`.

    Attributes:
        kernels: `[candidates, values]`; a row holds one candidate's kernels, each at the largest
            shape, flattened and joined.
        affine: the same for the scales, offsets and biases.
        moments: the same for the moving means and variances; not trainable.
    """

    def __init__(
        self,
        grid: ChainGrid,
        largest: tuple[int, int],
        rng: np.random.Generator,
        synchronized: bool = False,
        **kwargs,
    ) -> None:
        before, after = largest
        super().__init__([table[before][after] for table in grid], synchronized, **kwargs)
        self._shapes_at = WidthShapes(grid)
        self._layouts = {
            bank: _Layout(self._pieces(bank, [tuple(map(int, shape)) for shape in shapes]))
            for bank, shapes in zip(Bank, self._largest_shapes(), strict=True)
        }
        fresh = fresh_weights.fresh_stages(self.chains, rng)
        for bank in Bank:
            rows = [self._fresh(row, bank) for row in fresh]
            setattr(self, bank.value, self._bank(bank.value, rows, bank))
        self.built = True

    def _largest_shapes(self) -> list[list]:
        kernels, affine, moments = self._shapes_at.largest
        return [list(kernels), [(length,) for length in affine], [(length,) for length in moments]]

    def _counts(self, bank: Bank) -> list[int]:
        """Returns the number of vectors in each piece."""
        place = 0 if bank is Bank.AFFINE else 1
        return [count for form in self._forms for count in form.vectors[place]]

    def _pieces(self, bank: Bank, shapes: Sequence) -> list:
        """Returns the shapes of pieces, given those of kernels or of vectors, as integers."""
        if bank is Bank.KERNELS:
            return list(shapes)
        return [(n, *shape) for n, shape in zip(self._counts(bank), shapes, strict=True)]

    def _parts(self, bank: Bank, shapes: chain_function.ChainShapes) -> list[tf.Tensor]:
        """Returns the shapes of the leading blocks of the pieces."""
        if bank is Bank.KERNELS:
            return tf.unstack(shapes.kernels)
        lengths = shapes.affine if bank is Bank.AFFINE else shapes.moments
        counts = self._counts(bank)
        if not counts:
            return []
        return tf.unstack(tf.stack([np.array(counts, np.int32), lengths], axis=1))

    def _fresh(self, row: list[tuple[Bank, np.ndarray]], bank: Bank) -> np.ndarray:
        """Returns a fresh row: every piece padded to its largest shape."""
        values = iter([value for of, value in row if of is bank])
        pieces = []
        for piece in self._layouts[bank].pieces:
            if bank is Bank.KERNELS:
                value = next(values)
            else:
                value = np.stack([next(values) for _ in range(piece[0])])
            padding = [(0, most - size) for most, size in zip(piece, value.shape, strict=True)]
            pieces.append(np.pad(value, padding).ravel())
        return np.concatenate([*pieces, np.zeros(0)]).astype(np.float32)

    @property
    def cut_variables(self) -> list:
        """See `CandidateGroup`."""
        return [self.kernels, self.affine]

    def select(self, row, is_active, cut: Cut) -> Selection:
        """See `CandidateGroup`."""
        mask = None if cut.before is None else cut.before.mask
        weights = chain_function.ChainWeights(
            *(tf.gather(getattr(self, bank.value).value, row) for bank in Bank)
        )
        return Selection(self, row, is_active, weights, self._shapes_at.of(row, cut), mask)

    def _place(self, selection: Selection, bank: Bank) -> MaskedRow:
        parts = self._parts(bank, selection.shapes)
        return MaskedRow(selection.place, self._layouts[bank].mask(parts))

    def updates(self, selection, gradients) -> list[RowUpdate]:
        """See `CandidateGroup`."""
        weights = selection.weights
        places = [self._place(selection, bank) for bank in (Bank.KERNELS, Bank.AFFINE)]
        return [
            RowUpdate(self.kernels, weights.kernels, gradients[0], places[0], True),
            RowUpdate(self.affine, weights.affine, gradients[1], places[1], False),
        ]

    def write_moments(self, selection, batch) -> None:
        """See `CandidateGroup`."""
        moving = selection.weights.moments
        place = self._place(selection, Bank.MOMENTS)
        place.write(self.moments.value, moved_moments(moving, batch), moving)

    def _stages(self, selection, training) -> Sequence[Weights]:
        weights, shapes = selection.weights, selection.shapes
        cut = {
            Bank.KERNELS: iter(self._cut(Bank.KERNELS, weights.kernels, shapes)),
            Bank.AFFINE: iter(self._vectors(Bank.AFFINE, weights.affine, shapes)),
        }
        if not training:
            cut[Bank.MOMENTS] = iter(self._vectors(Bank.MOMENTS, weights.moments, shapes))
        return [
            {name: next(cut[bank]) for name, bank in form.weights if bank in cut}
            for form in self._forms
        ]

    def _cut(self, bank: Bank, row: tf.Tensor, shapes: chain_function.ChainShapes) -> list:
        return self._layouts[bank].cut(row, self._parts(bank, shapes))

    def _vectors(self, bank: Bank, row: tf.Tensor, shapes: chain_function.ChainShapes) -> list:
        pairs = zip(self._cut(bank, row, shapes), self._counts(bank), strict=True)
        return [vector for part, count in pairs for vector in tf.unstack(part, count)]

    def _moments(self, selection, found, training) -> tf.Tensor:
        if not training:
            return selection.weights.moments
        vectors, pieces = iter(found), []
        for count, most in self._layouts[Bank.MOMENTS].pieces:
            part = tf.stack([next(vectors) for _ in range(count)])
            pieces.append(tf.pad(part, [[0, 0], [0, most - tf.shape(part)[1]]]))
        return self._layouts[Bank.MOMENTS].joined(pieces)

    def export_row(self, row, before=0, after=0) -> list[np.ndarray]:
        """See `CandidateGroup`."""
        shapes = self._shapes_at.numbers(row, before, after)
        cut = {}
        for bank, own in zip(Bank, shapes, strict=True):
            layout, flat = self._layouts[bank], np.array(getattr(self, bank.value)[row])
            starts = np.cumsum([0, *layout.sizes])
            parts = self._pieces(bank, [np.atleast_1d(shape) for shape in own])
            values = []
            for start, piece, part in zip(starts, layout.pieces, parts, strict=False):
                whole = flat[start : start + math.prod(piece)].reshape(piece)
                block = whole[tuple(map(slice, part))]
                values += [block] if bank is Bank.KERNELS else list(block)
            cut[bank] = iter(values)
        return [next(cut[bank]) for form in self._forms for _, bank in form.weights]
