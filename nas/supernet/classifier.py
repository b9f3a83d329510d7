"""The classifier of a supernet: cut to the width of its input if that is a decision."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.specs import SearchSpace
from nas.pretrained.adapting import Seed
from nas.supernet.candidates.width_choices import WidthChoice
from nas.supernet.path_optimizer import Rows, RowUpdate


class Classifier(NamedTuple):
    """The classifier's weights as a step reads them; gradients are taken with respect to these.

    Attributes:
        kernel: `[channels, classes]`.
        bias: `[classes]`.
        place: the rows of the kernel at a width; None if it is fixed.
        mask: float32 `[channels]` where the channels of the features are masked; None if not.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    place: Rows | None = None
    mask: tf.Tensor | None = None

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        """Returns logits `[batch, classes]` of features `[batch, height, width, channels]`."""
        pooled = tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2])
        if self.mask is not None:
            pooled *= self.mask
        return tf.matmul(pooled, self.kernel) + self.bias


# Makes a variable of a model, given its name and its first value.
AddWeight = Callable[[str, np.ndarray], keras.Variable]


class ClassifierWeights:
    """The weights of the classifier, which are the first variables of a supernet.

    Args:
        space: the space.
        rng: the generator that draws fresh weights.
        add_weight: makes a variable of the supernet.
        pretrained: the network whose classifier it begins with, if that has as many classes.

    Attributes:
        kernel: `[channels, classes]`; at the largest width, if that is a decision.
        bias: `[classes]`.
        row: row of the decision about the width of its input; None if that is fixed.
        numbers: the options of that decision; None if the width is fixed.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: np.random.Generator,
        add_weight: AddWeight,
        pretrained: Seed | None = None,
    ) -> None:
        head = space.head
        width = head.width if head.pooled_width is None else head.pooled_width
        self.row = space.width_rows[width] if isinstance(width, str) else None
        self.numbers = space.widths[width] if isinstance(width, str) else None
        largest = max(self.numbers) if self.numbers else space.head.output_width
        shape = largest, space.num_classes
        first = rng.normal(0.0, 0.01, shape), np.zeros(space.num_classes)
        kernel, bias = pretrained.classifier(*shape, first) if pretrained else first
        self.kernel = add_weight("classifier_kernel", kernel)
        self.bias = add_weight("classifier_bias", bias)

    @property
    def num_weights(self) -> int:
        """Number of trainable values at the largest width."""
        channels, classes = self.kernel.shape
        return (channels + 1) * classes

    def read(self, width: WidthChoice | None) -> Classifier:
        """Returns the classifier at a width; None if it is fixed."""
        bias = tf.convert_to_tensor(self.bias.value)
        if width is None:
            return Classifier(tf.convert_to_tensor(self.kernel.value), bias)
        place = Rows.of(tf.range(width.width), True)
        return Classifier(place.read(self.kernel.value), bias, place, width.mask)

    def updates(
        self, read: Classifier, to_kernel: tf.Tensor, to_bias: tf.Tensor
    ) -> list[RowUpdate]:
        """Returns the updates of what was read, given its gradients."""
        return [
            RowUpdate(self.kernel, read.kernel, to_kernel, read.place, True),
            RowUpdate(self.bias, read.bias, to_bias, None, False),
        ]

    def set(self, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Sets the classifier; a kernel of fewer channels is that of the leading ones."""
        whole = np.array(self.kernel)
        whole[: len(kernel)] = kernel
        self.kernel.assign(whole)
        self.bias.assign(bias)

    def export(self, option: int = 0) -> list[np.ndarray]:
        """Returns kernel and bias at an option of the width, as a dense layer has them."""
        kernel = np.array(self.kernel)
        channels = self.numbers[option] if self.numbers else len(kernel)
        return [kernel[:channels], np.array(self.bias)]
