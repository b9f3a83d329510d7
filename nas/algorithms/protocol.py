"""What every search algorithm offers to the supernet's training step."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import tensorflow as tf

if TYPE_CHECKING:
    from nas.supernet import Supernet


class ArchitectureGradient(NamedTuple):
    """Result of one look at a validation batch.

    Attributes:
        gradient: `[slots, candidates]`, dL/dalpha.
        cross_entropy: scalar, mean over the batch.
        accuracy: scalar, in [0, 1].
        finish: maps alpha before and alpha after the optimizer's update to its final value.
    """

    gradient: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor
    finish: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Algorithm(Protocol):
    """A way of searching. Algorithms hold no state; all of it lives in the supernet."""

    def sample_path(self, supernet: "Supernet", seed: tf.Tensor) -> tf.Tensor:
        """The path of a weight step, `[slots]` int32."""

    def architecture_gradient(
        self, supernet: "Supernet", images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Gradient of the objective with respect to alpha on one validation batch.

        Weights and their moving moments are read only.
        """
