"""Input and result of the process that fine-tunes a child."""

import dataclasses
from typing import Any

import numpy as np

from export.recipes import FineTuning
from nas.architecture.specs import Child
from nas.data import batching
from nas.data.splits.split import Split


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of fine-tuning.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step.
        learning_rate: value at the first step, falling to zero along a cosine; clustering uses a
            fifth of it.
        seed: sets the order of the images and all random numbers.
        sparsity: share of all kernels' weights that become zero; `export.fine_tuning.sparsity`
            divides it among the kernels.
        clusters: number of distinct weights in each kernel.

    Depthwise kernels, a few per cent of all weights, are neither pruned nor clustered.
    """

    epochs: int = 3
    batch_size: int = 128
    learning_rate: float = 0.05
    seed: int = 0
    sparsity: float = 0.5
    clusters: int = 32

    def __post_init__(self) -> None:
        """Checks the fields."""
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, received {getattr(self, name)}")

    def to_dict(self, kind: FineTuning | None) -> dict[str, Any]:
        """Returns the settings that a kind of fine-tuning uses, as JSON values."""
        foreign = {"pruning": {"clusters"}, "clustering": {"sparsity"}}
        left_out = foreign.get(kind or "", {"clusters", "sparsity"})
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in left_out}


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """One fine-tuning for the process to run.

    Attributes:
        kind: kind of fine-tuning; None to train as long without any change.
        child: the network.
        weights: arrays of each layer by its name, in the order of Keras 3.
        training: images to train on.
        test_images: float32 images whose logits are computed.
        settings: settings of the training.
        class_weights: how much each class counts in the loss; None if all images count alike.
    """

    kind: FineTuning | None
    child: Child
    weights: dict[str, list[np.ndarray]]
    training: Split
    test_images: np.ndarray
    settings: Settings
    class_weights: np.ndarray | None = None

    @property
    def num_steps(self) -> int:
        """Number of steps of the whole training."""
        steps = batching.steps_per_epoch(self.training, self.settings.batch_size)
        return self.settings.epochs * steps


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedWeights:
    """Result of a fine-tuning that leaves ordinary layers.

    Attributes:
        by_layer: arrays of each layer by its name, in the order of Keras 3.
    """

    by_layer: dict[str, list[np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class QuantizedFile:
    """Result of quantization-aware training, whose layers exist only in the older Keras.

    Attributes:
        content: the `.tflite` file, as the converter made it.
        logits: logits of the network it was made from, on the test images.
    """

    content: bytes
    logits: np.ndarray


Outcome = TrainedWeights | QuantizedFile


def is_not_depthwise(array: np.ndarray) -> bool:
    """Returns whether an array is a kernel that is not depthwise, so not one filter per channel."""
    return array.ndim > 1 and array.shape[-1] > 1


def figures(kind: FineTuning, weights: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """Measures the size of a change in the kernels of a network.

    Args:
        kind: kind of fine-tuning.
        weights: arrays of each layer by its name.

    Returns:
        For pruning the share of zeros among all kernels' weights; for clustering the largest number
        of distinct weights in a kernel that is not depthwise; for quantization nothing.
    """
    kernels = [array for arrays in weights.values() for array in arrays if array.ndim > 1]
    if kind == "pruning":
        zeros = sum(int(np.count_nonzero(kernel == 0)) for kernel in kernels)
        return {"zero_weights": zeros / sum(kernel.size for kernel in kernels)}
    if kind == "clustering":
        clustered = [kernel for kernel in kernels if is_not_depthwise(kernel)]
        return {"distinct_weights_in_a_kernel": max(len(np.unique(k)) for k in clustered)}
    return {}
