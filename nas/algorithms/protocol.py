"""What every search algorithm offers to the supernet's training step and to the search."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import tensorflow as tf

from nas import derive
from nas.latency_band import Choices, LatencyBand

if TYPE_CHECKING:
    from nas.routes import Route
    from nas.supernet import Supernet


class ArchitectureGradient(NamedTuple):
    """Result of one look at a validation batch: plain tensors, which replicas may average.

    Attributes:
        gradient: `[slots, candidates]`, dL/dalpha.
        cross_entropy: scalar, mean over the batch.
        accuracy: scalar, in [0, 1].
        reward: scalar, mean of the rewards; 0 where an algorithm has none.
    """

    gradient: tf.Tensor
    cross_entropy: tf.Tensor
    accuracy: tf.Tensor
    reward: tf.Tensor


class Algorithm(Protocol):
    """A way of searching, with what most of them have in common.

    Every draw is a function of alpha, the seed and the number of steps made, so that replicas
    agree on it.

    Attributes:
        trains_weights: whether the supernet is trained at all.
        learns_alpha: whether architecture steps are made.
        variables: state to be kept in checkpoints, by name.
    """

    trains_weights: bool = True
    learns_alpha: bool = True
    variables: Mapping[str, tf.Variable] = {}

    def weight_route(self, supernet: "Supernet", seed: tf.Tensor) -> "Route":
        """How a weight step goes through the slots."""
        raise NotImplementedError(f"{type(self).__name__} trains no weights")

    def architecture_gradient(
        self, supernet: "Supernet", images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Gradient of the objective with respect to alpha on one validation batch.

        Weights, their moving moments and `variables` are read only. May run inside a branch.
        Whatever is differentiated by a tape goes through `supernet.loss_scale.gradient`.
        """
        raise NotImplementedError(f"{type(self).__name__} learns no architecture parameters")

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

    def remember(self, found: ArchitectureGradient) -> None:
        """Moves `variables` on, once alpha was stepped by `found`."""

    def choose(
        self,
        supernet: "Supernet",
        band: LatencyBand,
        accuracy: Callable[[Sequence[int]], float],
        track: Callable[[Any, int, str], Any],
    ) -> Choices:
        """The child, at the end: by default the most probable one in the band.

        Args:
            supernet: as it was trained.
            band: what the child may cost; its lower end gives way where no child lies inside.
            accuracy: of a path of the trained supernet on the validation images, its batch
                normalizations recalibrated, in [0, 1].
            track: wraps an iterable of known length to show its progress, under a label.
        """
        del accuracy, track
        return derive.most_probable_within(
            supernet.probabilities, band.latencies, band.at_most_ms, band.at_least_ms
        )
