"""The classifier of a supernet: cut to the width of its input if that is a decision."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.specs import SearchSpace
from nas.supernet.cut_rows import CutPlace
from nas.supernet.path_optimizer import AnyPlace, Place, RowUpdate
from nas.supernet.width_choices import WidthChoice


class Classifier(NamedTuple):
    """The classifier's weights as a step reads them; gradients are taken with respect to these.

    Attributes:
        kernel: `[channels, classes]`, or `[1, channels, classes]` of a cut.
        bias: `[classes]`.
        mask: float32 `[channels]` where the features are masked; None if not.
        place: where the kernel is written; None for the whole variable.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    mask: tf.Tensor | None = None
    place: AnyPlace | None = None

    def __call__(self, features: tf.Tensor) -> tf.Tensor:
        """Returns logits `[batch, classes]` of features `[batch, height, width, channels]`."""
        pooled = tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2])
        if self.mask is not None:
            pooled *= self.mask
        kernel = self.kernel if self.place is None else tf.squeeze(self.kernel, axis=0)
        return tf.matmul(pooled, kernel) + self.bias


class ClassifierWeights(keras.layers.Layer):
    """The weights of the classifier.

    Args:
        space: the space.
        rng: the generator that draws fresh weights.
        **kwargs: as for `keras.layers.Layer`.

    Attributes:
        kernel: `[channels, classes]`; if the width is a decision, one row of all values at the
            largest width, as `cut_rows` has them.
        bias: `[classes]`.
        row: row of the decision about the width of its input; None if that is fixed.
        numbers: the options of that decision; None if the width is fixed.
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator, **kwargs) -> None:
        super().__init__(**kwargs)
        head = space.head
        width = head.width if head.pooled_width is None else head.pooled_width
        is_named = isinstance(width, str)
        self.row = space.width_rows[width] if isinstance(width, str) else None
        self.numbers = space.widths[width] if isinstance(width, str) else None
        largest = max(self.numbers) if self.numbers else space.head.output_width
        self._largest = (1, largest, space.num_classes)
        kernel = rng.normal(0.0, 0.01, self._largest[1:])
        self.kernel = self._weight("kernel", kernel.reshape(1, -1) if is_named else kernel)
        self.bias = self._weight("bias", np.zeros(space.num_classes))
        self.built = True

    def _weight(self, name: str, value: np.ndarray) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=value.shape,
            initializer=keras.initializers.Constant(value.astype(np.float32)),
            dtype="float32",
            autocast=False,
        )

    @property
    def num_weights(self) -> int:
        """Number of trainable values at the largest width."""
        _, channels, classes = self._largest
        return (channels + 1) * classes

    @property
    def cut_variables(self) -> list[keras.Variable]:
        """Variables of which a step updates parts of rows."""
        return [] if self.row is None else [self.kernel]

    def read(self, width: WidthChoice | None) -> Classifier:
        """Returns the classifier at a width; None if it is fixed."""
        bias = tf.convert_to_tensor(self.bias.value)
        if width is None:
            return Classifier(tf.convert_to_tensor(self.kernel.value), bias)
        classes = self._largest[-1]
        place = CutPlace(Place.of(0, True), self._largest, tf.stack([1, width.width, classes]))
        return Classifier(place.read(self.kernel.value), bias, width.mask, place)

    def updates(
        self, read: Classifier, to_kernel: tf.Tensor, to_bias: tf.Tensor
    ) -> list[RowUpdate]:
        """Returns the updates of what was read, given its gradients."""
        return [
            RowUpdate(self.kernel, read.kernel, to_kernel, read.place, True),
            RowUpdate(self.bias, read.bias, to_bias, None, False),
        ]

    def export(self, option: int = 0) -> list[np.ndarray]:
        """Returns kernel and bias at an option of the width, as a dense layer has them."""
        kernel = np.array(self.kernel).reshape(self._largest[1:])
        channels = self.numbers[option] if self.numbers else len(kernel)
        return [kernel[:channels], np.array(self.bias)]
