"""Draws fresh weights for the candidates of a slot, as similar as their shapes allow."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nas.architecture.operations import Stage
from nas.architecture.operations.weights import Bank, Weight
from nas.layers.stage_functions import StageForm
from nas.pretrained.network_weights import ChainWeights

# Given a chain's stages, whether it is residual, and fresh weights, returns those to begin with.
Begin = Callable[[Sequence[Stage], bool, ChainWeights], ChainWeights]

# On CIFAR-10, random paths of the `cifar` space learned in two epochs what took four with scale 1.
_RESIDUAL_SCALE = 0.2


class Chain(NamedTuple):
    """The part of a candidate that the supernet needs: its stages, and whether it is residual."""

    stages: tuple[Stage, ...]
    has_residual: bool = False

    @property
    def form(self) -> tuple:
        """The form of the chain. Candidates of equal form share a traced graph."""
        return tuple(StageForm.of(stage) for stage in self.stages), self.has_residual


def fresh_rows(
    chains: Sequence[Chain], rng: np.random.Generator, begin: Begin | None = None
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Returns fresh kernels, affine weights and moments of every chain, flattened.

    All kernels of a stage are cut from one draw: each takes the leading channels and the spatial
    centre, scaled to its own fan-in. The candidates of a slot therefore start as similar functions,
    and the layers after the slot see similar inputs whichever was sampled. With independent draws a
    supernet learns much more slowly at first. For the same reason the last scale of a residual
    candidate starts small: the next layer then sees almost the same input whether the slot is
    skipped or not (Goyal et al. 2017, section 5.1, start it at zero).

    Args:
        chains: the candidates.
        rng: draws the weights.
        begin: replaces what was drawn; nothing is replaced if not given.
    """
    rows = []
    for values in fresh_stages(chains, rng, begin):
        kernels, affine, moments = (
            _joined([value.ravel() for of, value in values if of is bank]) for bank in Bank
        )
        rows.append((kernels, affine, moments))
    return rows


def fresh_stages(
    chains: Sequence[Chain], rng: np.random.Generator, begin: Begin | None = None
) -> list[list[tuple[Bank, np.ndarray]]]:
    """Returns fresh weights of every chain with their banks, in the order of its stages' weights.

    They are drawn, and replaced, as for `fresh_rows`.
    """
    draws = [
        [_draw(weights, rng) for weights in zip(*(stage.weights for stage in stages), strict=True)]
        for stages in zip(*(chain.stages for chain in chains), strict=True)
    ]
    rows = []
    for chain in chains:
        stages = chain.stages
        pairs = [zip(s.weights, own, strict=True) for s, own in zip(stages, draws, strict=True)]
        weights: ChainWeights = tuple(
            tuple(_scaled(chain, i, weight, draw) for weight, draw in own)
            for i, own in enumerate(pairs)
        )
        if begin is not None:
            weights = begin(stages, chain.has_residual, weights)
        named = [weight.bank for stage in stages for weight in stage.weights]
        rows.append(list(zip(named, (v for own in weights for v in own), strict=True)))
    return rows


def _scaled(chain: Chain, index: int, weight: Weight, draw: np.ndarray | None) -> np.ndarray:
    """Returns a fresh weight of a stage, small if it scales what a residual adds."""
    is_last = chain.has_residual and index == len(chain.stages) - 1
    is_small = is_last and weight.name in chain.stages[index].gains
    return (_RESIDUAL_SCALE if is_small else 1.0) * _cut(draw, weight)


def _draw(weights: Sequence[Weight], rng: np.random.Generator) -> np.ndarray | None:
    """Draws standard normal values for the largest of `weights`; returns None for a constant."""
    if not weights[0].deviation:
        return None
    return rng.standard_normal(np.max([weight.shape for weight in weights], axis=0))


def _cut(draw: np.ndarray | None, weight: Weight) -> np.ndarray:
    """Returns a fresh weight; a kernel is cut from `draw`."""
    if draw is None:
        return np.full(weight.shape, weight.start)
    size, _, inputs, filters = weight.shape
    margin = (draw.shape[0] - size) // 2
    window = slice(margin, margin + size)
    return weight.start + weight.deviation * draw[window, window, :inputs, :filters]


def _joined(values: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([*values, np.zeros(0)]).astype(np.float32)


def pad_rows(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Returns rows of different lengths as one matrix, padded with zeros on the right."""
    longest = max(len(row) for row in rows)
    return np.stack([np.pad(row, (0, longest - len(row))) for row in rows])
