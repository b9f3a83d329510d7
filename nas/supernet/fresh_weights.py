"""Fresh weights of a slot's candidates: as alike as their shapes allow."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nas.architecture.operations import Stage
from nas.layers import chain_function, keras_network

# On CIFAR-10, random paths of the `cifar` space learned in two epochs what takes four with ones.
_RESIDUAL_SCALE = 0.2


class Chain(NamedTuple):
    """One candidate as the supernet sees it: its stages and whether the input is added."""

    stages: tuple[Stage, ...]
    has_residual: bool = False

    @property
    def form(self) -> tuple:
        """Candidates of equal form share a traced graph."""
        return tuple(chain_function.StageForm.of(stage) for stage in self.stages), self.has_residual


def fresh_rows(
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
            deviation = keras_network.kernel_stddev(stage)
            kernel.append(deviation * draw[window, window, :inputs, :filters].ravel())
            width = stage.output_width
            affine += [np.ones(width), np.zeros(width)]
            moments += [np.zeros(width), np.ones(width)]
        if chain.has_residual:
            affine[-2] *= _RESIDUAL_SCALE
        joined = [np.concatenate(part).astype(np.float32) for part in (kernel, affine, moments)]
        rows.append((joined[0], joined[1], joined[2]))
    return rows


def pad_rows(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of different lengths as one matrix, zeros on the right."""
    longest = max(len(row) for row in rows)
    return np.stack([np.pad(row, (0, longest - len(row))) for row in rows])
