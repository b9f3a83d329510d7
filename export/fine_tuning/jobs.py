"""What is asked of the process that trains a child further, and what it hands back."""

import dataclasses
from typing import Any

import numpy as np

from export.recipes import FineTuning
from nas.architecture.specs import Child
from nas.data import batching
from nas.data.splits.split import Split


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a network is trained further.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step.
        learning_rate: at the first step, falling to zero along a cosine; clustering takes a fifth.
        seed: of the order of the images and of all that is random.
        sparsity: share of all kernels' weights that become zero, as `export.fine_tuning.sparsity`
        divides it
            among them.
        clusters: distinct weights in each kernel.

    Depthwise kernels, a few per cent of all weights, are neither pruned nor clustered.
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 0.05
    seed: int = 0
    sparsity: float = 0.5
    clusters: int = 32

    def __post_init__(self) -> None:
        """Refuses settings that cannot be."""
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")

    def to_dict(self, kind: FineTuning | None) -> dict[str, Any]:
        """The settings that a kind of change looks at, as JSON values."""
        foreign = {"pruning": {"clusters"}, "clustering": {"sparsity"}}
        left_out = foreign.get(kind or "", {"clusters", "sparsity"})
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in left_out}


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """What a process is asked to do.

    Attributes:
        kind: of change; None to train further and change nothing.
        child: the network.
        weights: arrays of each layer by its name, as Keras 3 orders them.
        training: what to train on.
        test_images: float32 images to compute logits of.
        settings: of the training.
    """

    kind: FineTuning | None
    child: Child
    weights: dict[str, list[np.ndarray]]
    training: Split
    test_images: np.ndarray
    settings: Settings

    @property
    def num_steps(self) -> int:
        """Steps of the whole training."""
        steps = batching.steps_per_epoch(self.training, self.settings.batch_size)
        return self.settings.epochs * steps


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedWeights:
    """What comes out where ordinary layers are left.

    Attributes:
        by_layer: arrays of each layer by its name, as Keras 3 orders them.
    """

    by_layer: dict[str, list[np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedFile:
    """What comes out of quantization-aware training, whose layers no other Keras knows.

    Attributes:
        content: the `.tflite` file, as the converter made it.
        logits: of the network it was made from, on the test images.
    """

    content: bytes
    logits: np.ndarray


Outcome = TrainedWeights | QuantizedFile


def is_shared(array: np.ndarray) -> bool:
    """Whether it is a kernel that all channels share; a depthwise one has a filter a channel."""
    return array.ndim > 1 and array.shape[-1] > 1


def figures(kind: FineTuning, weights: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """What a change amounts to, counted in the kernels of a network.

    Args:
        kind: of change.
        weights: arrays of each layer by its name.

    Returns:
        For pruning the share of zeros among all kernels' weights; for clustering the most distinct
        weights in a kernel that is not depthwise; for quantization nothing.
    """
    kernels = [array for arrays in weights.values() for array in arrays if array.ndim > 1]
    if kind == "pruning":
        zeros = sum(np.count_nonzero(kernel == 0) for kernel in kernels)
        return {"zero_weights": zeros / sum(kernel.size for kernel in kernels)}
    if kind == "clustering":
        clustered = [kernel for kernel in kernels if is_shared(kernel)]
        return {"distinct_weights_in_a_kernel": max(len(np.unique(k)) for k in clustered)}
    return {}
