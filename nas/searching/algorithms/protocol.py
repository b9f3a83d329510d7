"""What every search algorithm offers: to the search, and to the supernet's training step."""

from collections.abc import Mapping
from typing import Protocol

import tensorflow as tf

from nas.choices import derive, sampling
from nas.searching import path_accuracy
from nas.searching.algorithms.task import SearchResult, Task
from nas.searching.search_config import SearchConfig
from nas.supernet import routes
from nas.supernet.learning_network import ArchitectureGradient
from nas.supernet.supernet import Supernet


class Algorithm(Protocol):
    """A way of searching."""

    def search(self, task: Task) -> SearchResult:
        """Searches, or goes on with what an interrupted search left in `task.directory`.

        The folder gets `metrics.jsonl` and `alphas.npz`; whatever is left there makes an
        interrupted search end as it would have without interruption. Where `config.is_limit`, a
        child slower than the target is never returned.
        """


class SupernetAlgorithm(Algorithm):
    """An algorithm that trains a supernet, with what most of them have in common.

    Every draw is a function of alpha, the seed and the number of steps made, so that replicas
    agree on it.

    Args:
        config: settings of the search; the defaults if not given.
        steps_per_epoch: weight steps in one epoch.

    Attributes:
        variables: state to be kept in checkpoints, by name.
        learns_alpha: whether there are architecture steps. Where there are none, no validation
            images are loaded, and `architecture_gradient`, `observe` and `finish` are not called.
        is_rewarded: whether networks have a reward, which then is a metric of every epoch.
    """

    variables: Mapping[str, tf.Variable] = {}
    learns_alpha: bool = True
    is_rewarded: bool = False

    def __init__(self, config: SearchConfig | None = None, steps_per_epoch: int = 1) -> None:
        self.config = config or SearchConfig()
        self.steps_per_epoch = steps_per_epoch

    def weight_route(self, supernet: Supernet, seed: tf.Tensor) -> routes.Route:
        """How a weight step goes through the slots; here along one path, drawn from p."""
        return routes.Path(sampling.sample_path(supernet.alpha.value, supernet.mask, seed))

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Gradient of the objective with respect to alpha on one validation batch.

        Weights, their moving moments and `variables` are read only. May run inside a branch.
        Whatever is differentiated by a tape goes through `supernet.loss_scale.gradient`, and
        whatever is computed from images through `replicas.mean` before anything depends on it, so
        that replicas agree on the result.
        """
        raise NotImplementedError(f"{type(self).__name__} learns no architecture parameters")

    def observe(self, found: ArchitectureGradient) -> None:
        """Moves `variables` on, after a step along `found`; here there is nothing to move."""
        del found

    def finish(
        self, supernet: Supernet, before: tf.Tensor, after: tf.Tensor, seed: tf.Tensor
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

    def choose(self, task: Task, supernet: Supernet) -> tuple[int, ...]:
        """The child; here the most probable one that keeps to the target or the limit.

        An objective that only trades accuracy for latency has no target to keep to.
        """
        config, p = task.config, supernet.probabilities
        if config.target and config.is_limit:
            least = config.target * (1.0 - derive.TARGET_BAND)
            return derive.most_probable_within(p, task.latencies, config.target, least)
        if config.target and config.objective == "target":
            return derive.most_probable_on(p, task.latencies, config.target)
        return derive.most_probable(p)

    def search(self, task: Task) -> SearchResult:
        """Trains the supernet, chooses from it, and looks how good the choice is."""
        supernet = task.train_supernet(self)
        choices = self.choose(task, supernet)
        return SearchResult(
            choices=choices,
            most_probable=derive.most_probable(supernet.probabilities)
            if self.learns_alpha
            else None,
            probabilities=supernet.probabilities,
            predicted_cost=task.latencies.of(choices) if task.config.target else None,
            validation_accuracy=path_accuracy.inherited_accuracy(supernet, choices, task.dataset),
        )
