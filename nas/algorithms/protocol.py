"""What every search algorithm offers to the supernet's training step."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

import tensorflow as tf

if TYPE_CHECKING:
    from nas.routes import Route
    from nas.supernet import Supernet


class ArchitectureGradient(NamedTuple):
    """Result of one look at a validation batch: plain tensors, which replicas may average.

    Attributes:
        gradient: `[slots, candidates]`, dL/dalpha.
        cross_entropy: scalar, mean over the batch.
        accuracy: scalar, in [0, 1].
    """

    gradient: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor


class Algorithm(Protocol):
    """A way of searching, with what most of them have in common.

    Every draw is a function of alpha, the seed and the number of steps made, so that replicas
    agree on it.

    Attributes:
        variables: state to be kept in checkpoints, by name.
    """

    variables: Mapping[str, tf.Variable] = {}

    def weight_route(self, supernet: "Supernet", seed: tf.Tensor) -> "Route":
        """How a weight step goes through the slots."""

    def architecture_gradient(
        self, supernet: "Supernet", images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Gradient of the objective with respect to alpha on one validation batch.

        Weights, their moving moments and `variables` are read only. May run inside a branch.
        Whatever is differentiated by a tape goes through `supernet.loss_scale.gradient`.
        """

    def finish(
        self, supernet: "Supernet", before: tf.Tensor, after: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The final alpha, given alpha before and after the optimizer's update.

        Args:
            supernet: whose `alpha` is already `after`, or not yet.
            before: `[slots, candidates]`.
            after: `[slots, candidates]`.
            seed: the one `architecture_gradient` had.
        """
        del supernet, before, seed
        return after
