"""A group of candidates whose layer has width decisions: only the sampled widths are used."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.operations.weights import Bank
from nas.layers import chain_function
from nas.layers.stage_functions import Weights
from nas.supernet import fresh_weights
from nas.supernet.candidate_group import CandidateGroup, Selection, moved_moments
from nas.supernet.cut_rows import CutPlace
from nas.supernet.path_optimizer import RowUpdate
from nas.supernet.width_choices import Cut
from nas.supernet.width_shapes import ChainGrid, WidthShapes

_FIELD = {Bank.KERNELS: "kernels", Bank.AFFINE: "affine", Bank.MOMENTS: "moments"}


class CutGroup(CandidateGroup):
    """Candidates whose weights are cut to the sampled widths.

    Every width of a candidate uses the leading channels of the same weights. They are read, trained
    and written at the sampled widths; the channels beyond keep weights, momentum and decay as they
    are.

    Args:
        grid: the candidates at every width before and after the layer.
        largest: the index of the largest width before and after the layer.
        rng: the generator that draws fresh weights.
        synchronized: as for `CandidateGroup`.
        **kwargs: as for `keras.layers.Layer`.

    Attributes:
        banks: for every kernel, and every group of vectors of one length, a variable
            `[candidates, values]` of rows at the largest shape.
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
        # Per bank, the vectors of one length that follow each other; a kernel is by itself.
        self._counts = {
            Bank.KERNELS: [1] * len(self._shapes_at.largest.kernels),
            Bank.AFFINE: [count for form in self._forms for count in form.vectors[0]],
            Bank.MOMENTS: [count for form in self._forms for count in form.vectors[1]],
        }
        self._largest = {
            bank: [self._blocks(bank, i, shape) for i, shape in enumerate(self._largest_of(bank))]
            for bank in Bank
        }
        fresh = fresh_weights.fresh_stages(self.chains, rng)
        self.banks: dict[str, list[keras.Variable]] = {
            bank.value: [
                self._bank(
                    f"{bank.value}{i}",
                    [self._fresh(row, bank, i, largest) for row in fresh],
                    bank,
                )
                for i, largest in enumerate(self._largest[bank])
            ]
            for bank in Bank
        }
        self.built = True

    def _largest_of(self, bank: Bank) -> np.ndarray:
        return getattr(self._shapes_at.largest, _FIELD[bank])

    def _blocks(self, bank: Bank, index: int, shape: Any) -> list:
        """Returns a shape as `[positions, inputs, outputs]`, or `[vectors, 1, channels]`."""
        if bank is Bank.KERNELS:
            height, width, inputs, outputs = (shape[axis] for axis in range(4))
            return [height * width, inputs, outputs]
        return [self._counts[bank][index], 1, shape]

    def _fresh(
        self, row: list[tuple[Bank, np.ndarray]], bank: Bank, index: int, largest: list
    ) -> np.ndarray:
        """Returns a fresh row, padded to the largest shape and flattened."""
        own = [value for of, value in row if of is bank]
        starts = np.concatenate([[0], np.cumsum(self._counts[bank])])
        part = np.stack(own[starts[index] : starts[index + 1]])
        if bank is Bank.KERNELS:
            part = part[0].reshape(-1, *part.shape[-2:])
        else:
            part = part[:, None, :]
        padding = [(0, most - size) for most, size in zip(largest, part.shape, strict=True)]
        return np.pad(part, padding).ravel().astype(np.float32)

    @property
    def cut_variables(self) -> list[keras.Variable]:
        """See `CandidateGroup`."""
        return [*self.banks["kernels"], *self.banks["affine"]]

    def select(self, row, is_active, cut: Cut) -> Selection:
        """See `CandidateGroup`."""
        mask = None if cut.before is None else cut.before.mask
        shapes = self._shapes_at.of(row, cut)
        empty = chain_function.ChainWeights((), (), ())
        selection = Selection(self, row, is_active, empty, shapes, mask)
        parts = [
            tuple(
                place.read(variable.value)
                for variable, place in zip(self.banks[bank.value], places, strict=True)
            )
            for bank, places in self._places(selection).items()
        ]
        return selection._replace(weights=chain_function.ChainWeights(*parts))

    def _places(self, selection: Selection) -> dict[Bank, list[CutPlace]]:
        place = selection.place
        return {
            bank: [
                CutPlace(place, largest, tf.stack(self._blocks(bank, i, shape)))
                for i, (largest, shape) in enumerate(
                    zip(self._largest[bank], tf.unstack(shapes), strict=True)
                )
            ]
            for bank, shapes in zip(Bank, selection.shapes, strict=True)
        }

    def updates(self, selection, gradients) -> list[RowUpdate]:
        """See `CandidateGroup`."""
        places = self._places(selection)
        found = []
        for bank, own in zip((Bank.KERNELS, Bank.AFFINE), gradients, strict=True):
            rows = zip(
                self.banks[bank.value],
                getattr(selection.weights, _FIELD[bank]),
                own,
                places[bank],
                strict=True,
            )
            found += [
                RowUpdate(variable, value, gradient, place, bank.decays)
                for variable, value, gradient, place in rows
            ]
        return found

    def write_moments(self, selection, batch) -> None:
        """See `CandidateGroup`."""
        places = self._places(selection)[Bank.MOMENTS]
        rows = zip(self.banks["moments"], selection.weights.moments, batch, places, strict=True)
        for variable, moving, seen, place in rows:
            place.write(variable.value, moved_moments(moving, seen))

    def _stages(self, selection, training) -> list[Weights]:
        weights, shapes = selection.weights, tf.unstack(selection.shapes.kernels)
        cut = {
            Bank.KERNELS: iter(
                [tf.reshape(w, s) for w, s in zip(weights.kernels, shapes, strict=True)]
            ),
            Bank.AFFINE: iter(self._vectors(Bank.AFFINE, weights.affine)),
        }
        if not training:
            cut[Bank.MOMENTS] = iter(self._vectors(Bank.MOMENTS, weights.moments))
        return [
            {name: next(cut[bank]) for name, bank in form.weights if bank in cut}
            for form in self._forms
        ]

    def _vectors(self, bank: Bank, parts: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        pairs = zip(parts, self._counts[bank], strict=True)
        return [row for part, n in pairs for row in tf.unstack(tf.reshape(part, [n, -1]))]

    def _moments(self, selection, found, training) -> tuple[tf.Tensor, ...]:
        if not training:
            return selection.weights.moments
        vectors, parts = iter(found), []
        for count in self._counts[Bank.MOMENTS]:
            parts.append(tf.stack([next(vectors) for _ in range(count)])[:, None])
        return tuple(parts)

    def export_row(self, row, before=0, after=0) -> list[np.ndarray]:
        """See `CandidateGroup`."""
        shapes = self._shapes_at.numbers(row, before, after)
        cut: dict[Bank, Any] = {}
        for bank in Bank:
            values = []
            own = zip(
                self.banks[bank.value],
                self._largest[bank],
                getattr(shapes, _FIELD[bank]),
                strict=True,
            )
            for i, (variable, largest, shape) in enumerate(own):
                whole = np.array(variable[row]).reshape(largest)
                part = whole[tuple(map(slice, self._blocks(bank, i, shape)))]
                values += [part.reshape(shape)] if bank is Bank.KERNELS else list(part[:, 0])
            cut[bank] = iter(values)
        return [next(cut[bank]) for form in self._forms for _, bank in form.weights]
