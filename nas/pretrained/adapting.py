"""Begins a network with the weights of another one, the seed (Fang et al. 2020, section 3.2).

A layer takes what the seed has at the same place, as far as the shapes allow:

- A smaller kernel is the middle of a larger one; a larger one has zeros around it.
- Fewer channels are the seed's most important ones (`channel_order`); further channels are drawn,
  and nothing reads them yet: their effect is zero.
- A block that runs other stages than the seed's, or that the seed does not have, is drawn. If its
  input is added to its output, its last scale is zero, so that it begins as nothing.

So the seed, as a network of a space, computes what it computed.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from nas.architecture.operations import Stage
from nas.architecture.specs import Child, SearchSpace
from nas.pretrained import channel_order, network_weights
from nas.pretrained.network_weights import ChainWeights, NetworkWeights, StageWeights

# As for fresh classifiers everywhere.
_CLASSIFIER_DEVIATION = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class Seed:
    """A trained network that others begin with.

    Attributes:
        weights: the network and its weights.
    """

    weights: NetworkWeights

    @functools.cached_property
    def digest(self) -> str:
        """A fingerprint of the weights."""
        return network_weights.digest(self.weights.arrays)

    @functools.cached_property
    def _ordered(self) -> NetworkWeights:
        return channel_order.by_importance(self.weights)

    @functools.cached_property
    def _stages(self) -> tuple[tuple[Stage, ...], ...]:
        return network_weights.stage_chains(self.weights.child)

    def check(self, network: Child | SearchSpace) -> None:
        """Checks that a network or a space has its layers where the seed has them.

        Raises:
            ValueError: it has other strides, or another number of layers.
        """
        expected, received = strides(self.weights.child), strides(network)
        if expected != received:
            raise ValueError(
                f"init: expected a network like {self.weights.child.name} with the strides "
                f"{_text(expected)} of stem and layers, received {network.name} with "
                f"{_text(received)}; use one of its space, or --init=random"
            )

    def is_seed(self, child: Child) -> bool:
        """Whether a network has the seed's layers, whatever its images and its classes."""
        own = self.weights.child
        return (child.stem, child.layers, child.head.widths, child.head.activation) == (
            own.stem,
            own.layers,
            own.head.widths,
            own.head.activation,
        )

    def chain(
        self,
        place: int,
        stages: Sequence[Stage],
        has_residual: bool,
        fresh: ChainWeights,
        first: int = 0,
        weights: NetworkWeights | None = None,
    ) -> ChainWeights:
        """Returns the weights of a chain of stages at one place.

        Args:
            place: 0 for the stem, then the layers, last the head.
            stages: the chain.
            has_residual: whether its input is added to its output.
            fresh: weights of the chain as drawn, in the order of `Stage.weights`.
            first: the stage of the seed's chain at this place that the chain begins with.
            weights: those of the seed; sorted by importance if not given.
        """
        weights = weights or self._ordered
        part = slice(first, first + len(stages)) if place == len(self._stages) - 1 else slice(None)
        own = self._stages[place][part]
        if [(s.type, s.stride) for s in own] == [(s.type, s.stride) for s in stages]:
            pairs = zip(stages, weights.chains[place][part], fresh, strict=True)
            return tuple(_stage(*pair) for pair in pairs)
        if not has_residual:
            return fresh
        return (*fresh[:-1], _silent(stages[-1], fresh[-1]))

    def classifier(
        self, features: int, classes: int, fresh: tuple[np.ndarray, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns kernel and bias of a classifier: the seed's if it has as many classes."""
        kernel, bias = self.weights.classifier
        if kernel.shape != (features, classes):
            return fresh
        return kernel, bias

    def network(self, child: Child, rng: np.random.Generator) -> NetworkWeights:
        """Returns the weights of a network that begins with the seed's.

        Args:
            child: the network, with any classes and resolution.
            rng: draws what the seed does not have.

        Raises:
            ValueError: the network has other strides, or another number of layers.
        """
        self.check(child)
        weights = self.weights if self.is_seed(child) else self._ordered
        residual = [False, *(block.has_residual for block in child.layers), False]
        chains = tuple(
            self.chain(i, stages, residual[i], _drawn(stages, rng), weights=weights)
            for i, stages in enumerate(network_weights.stage_chains(child))
        )
        features, classes = child.head.output_width, child.num_classes
        fresh = rng.normal(0.0, _CLASSIFIER_DEVIATION, (features, classes)), np.zeros(classes)
        classifier = self.classifier(features, classes, fresh)
        return NetworkWeights(child, chains, classifier)


def strides(network: Child | SearchSpace) -> tuple[int, ...]:
    """Returns the strides of the stem and of each layer."""
    return (network.stem.stride, *(layer.stride for layer in network.layers))


def _text(strides: Sequence[int]) -> str:
    return " ".join(map(str, strides))


def _drawn(stages: Sequence[Stage], rng: np.random.Generator) -> ChainWeights:
    return tuple(
        tuple(w.start + w.deviation * rng.standard_normal(w.shape) for w in stage.weights)
        for stage in stages
    )


def _silent(stage: Stage, weights: StageWeights) -> StageWeights:
    """Returns a stage whose output is zero before its activation."""
    named = zip(stage.weights, weights, strict=True)
    return tuple(np.zeros_like(own) if w.name in stage.gains else own for w, own in named)


def _stage(stage: Stage, seed: StageWeights, fresh: StageWeights) -> StageWeights:
    is_filter = stage.type == "depthwise"
    return tuple(
        _vector(own, drawn) if own.ndim == 1 else _kernel(own, drawn, is_filter)
        for own, drawn in zip(seed, fresh, strict=True)
    )


def _vector(seed: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    count = min(len(seed), len(fresh))
    return np.concatenate([seed[:count], fresh[count:]]).astype(np.float32)


def _kernel(seed: np.ndarray, fresh: np.ndarray, is_filter: bool) -> np.ndarray:
    """Returns a kernel `[height, width, inputs, outputs]`; a filter's outputs are its inputs."""
    if fresh.shape[2] == 1 and seed.shape[2] == 3:
        # A gray image is a coloured one of three equal channels.
        seed = seed.sum(axis=2, keepdims=True)
    inputs, outputs = (min(a, b) for a, b in zip(seed.shape[2:], fresh.shape[2:], strict=True))
    found = fresh.astype(np.float32)
    if not is_filter:
        found[:, :, inputs:, :outputs] = 0.0
    found[:, :, :inputs, :outputs] = 0.0
    size = min(seed.shape[0], fresh.shape[0])
    found[_middle(fresh, size) + (slice(inputs), slice(outputs))] = seed[
        _middle(seed, size) + (slice(inputs), slice(outputs))
    ]
    return found


def _middle(kernel: np.ndarray, size: int) -> tuple[slice, slice]:
    margin = (kernel.shape[0] - size) // 2
    return slice(margin, margin + size), slice(margin, margin + size)
