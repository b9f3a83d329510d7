"""All weights of a network, arranged as its description is: stem, blocks, head, classifier."""

import dataclasses
import hashlib
from collections.abc import Iterable

import keras
import numpy as np

from nas.architecture.operations import Stage
from nas.architecture.specs import Child
from nas.layers import keras_network

# The arrays of one stage, in the order of `Stage.weights` and in their shapes.
StageWeights = tuple[np.ndarray, ...]
# Those of a chain of stages: of the stem, of a block, or of the head.
ChainWeights = tuple[StageWeights, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkWeights:
    """A network and its weights.

    Attributes:
        child: the network.
        chains: the weights of the stem, of each block, and of the head.
        classifier: kernel `[features, classes]` and bias `[classes]`.
    """

    child: Child
    chains: tuple[ChainWeights, ...]
    classifier: tuple[np.ndarray, np.ndarray]

    @property
    def stem(self) -> ChainWeights:
        """The weights of the stem."""
        return self.chains[0]

    @property
    def blocks(self) -> tuple[ChainWeights, ...]:
        """The weights of each block."""
        return self.chains[1:-1]

    @property
    def head(self) -> ChainWeights:
        """The weights of the head's stages."""
        return self.chains[-1]

    @property
    def arrays(self) -> list[np.ndarray]:
        """All weights, in the order of `stage_chains`."""
        stages = [array for chain in self.chains for stage in chain for array in stage]
        return [*stages, *self.classifier]

    def apply_to(self, model: keras.Model) -> None:
        """Sets the weights of a model that `keras_network.build_child` made from `child`."""
        names = keras_network.stage_names(self.child)
        for own, chain in zip(names, self.chains, strict=True):
            arrays = (array for stage in chain for array in stage)
            keras_network.set_stage_weights(model, own, arrays)
        model.get_layer("logits").set_weights(list(self.classifier))


def stage_chains(child: Child) -> tuple[tuple[Stage, ...], ...]:
    """Returns the stages of the stem, of each block, and of the head."""
    return (
        (child.stem.stage(child.input_channels),),
        *(block.stages for block in child.layers),
        child.head.stages(child.layers[-1].output_width),
    )


def arrange(child: Child, arrays: Iterable[np.ndarray], source: str) -> NetworkWeights:
    """Arranges a network's weights.

    Args:
        child: the network.
        arrays: the weights of all its stages in order, then kernel and bias of the classifier. They
            are reshaped if only axes of length 1 differ.
        source: where they come from, for messages.

    Raises:
        ValueError: they are not the weights of this network, or are not finite.
    """
    remaining = iter(arrays)

    def take(shape: tuple[int, ...], place: str) -> np.ndarray:
        found = next(remaining, None)
        if found is None or _long_axes(found.shape) != _long_axes(shape):
            received = "none" if found is None else f"one of {tuple(found.shape)}"
            raise ValueError(
                f"{source}: expected the weights of {child.name}, with one of {shape} in {place}, "
                f"received {received}; give a file of this network"
            )
        if not np.all(np.isfinite(found)):
            raise ValueError(
                f"{source}: expected finite weights, received others in {place}; fetch or train "
                "the file again"
            )
        return np.asarray(found, np.float32).reshape(shape)

    places = ["the stem", *(f"layer {i}" for i in range(len(child.layers))), "the head"]
    chains = tuple(
        tuple(tuple(take(weight.shape, place) for weight in stage.weights) for stage in stages)
        for place, stages in zip(places, stage_chains(child), strict=True)
    )
    features, classes = child.head.output_width, child.num_classes
    classifier = (
        take((features, classes), "the classifier"),
        take((classes,), "the classifier"),
    )
    if next(remaining, None) is not None:
        raise ValueError(
            f"{source}: expected the weights of {child.name}, received more; give a file of this "
            "network"
        )
    return NetworkWeights(child, chains, classifier)


def of_model(child: Child, model: keras.Model) -> NetworkWeights:
    """Returns the weights of a model that `keras_network.build_child` made from `child`."""
    layers = [
        layer
        for names in keras_network.stage_names(child)
        for name in names
        for layer in model.layers
        if layer.name.startswith(f"{name}_")
    ]
    arrays = [w for layer in [*layers, model.get_layer("logits")] for w in layer.get_weights()]
    return arrange(child, arrays, model.name)


def digest(arrays: Iterable[np.ndarray]) -> str:
    """Returns a fingerprint of weights."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _long_axes(shape: Iterable[int]) -> list[int]:
    return [size for size in shape if size != 1]
