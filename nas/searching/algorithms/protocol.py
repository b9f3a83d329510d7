"""The interface of search algorithms to the search and to the supernet's training step."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf

from nas import files
from nas.choices import derive, sampling
from nas.choices.partial_networks import Worth
from nas.searching import estimating, finalists, path_accuracy, proposals
from nas.searching.algorithms.task import CHILD_FILE, SearchResult, Task
from nas.searching.search_config import SearchConfig
from nas.supernet import routes
from nas.supernet.learning_network import ArchitectureGradient
from nas.supernet.supernet import Supernet
from nas.training import child_training

EVERY_DECISION = frozenset(["operations", "widths", "resolutions"])


class Algorithm(Protocol):
    """A search algorithm.

    Attributes:
        decisions: the kinds of decisions of a space that it can make.
    """

    decisions: frozenset[str]

    def search(self, task: Task) -> SearchResult:
        """Runs the search, or resumes an interrupted one from `task.directory`.

        It writes `metrics.jsonl` and `alphas.npz` there, and any other file that a resumed search
        needs to give the same result as without interruption; and `child.keras`, the child with the
        weights that the search leaves. If `config.is_limit`, the child is never slower than the
        target.
        """


class SupernetAlgorithm(Algorithm):
    """Base of the algorithms that train a supernet, with the methods that most of them share.

    Every draw must be a function of alpha, the seed and the number of steps made, so that replicas
    draw the same.

    Args:
        config: settings of the search; the defaults if not given.
        steps_per_epoch: weight steps in one epoch.

    Attributes:
        decisions: the kinds of decisions of a space that it can make.
        variables: state that is saved in checkpoints, by name.
        learns_alpha: whether there are architecture steps. If there are none, no validation images
            are loaded, and `architecture_gradient`, `observe` and `finish` are not called.
        is_rewarded: whether networks have a reward, which is then logged as a metric.
        target_is_limit: whether a target is a limit even if the settings do not say so.
        trains_paths: whether a weight step trains one network, whose loss it therefore observes.
    """

    decisions: frozenset[str] = EVERY_DECISION
    variables: Mapping[str, tf.Variable] = {}
    learns_alpha: bool = True
    is_rewarded: bool = False
    target_is_limit: bool = False
    trains_paths: bool = True

    def __init__(self, config: SearchConfig | None = None, steps_per_epoch: int = 1) -> None:
        self.config = config or SearchConfig()
        self.steps_per_epoch = steps_per_epoch

    def weight_route(self, supernet: Supernet, seed: tf.Tensor) -> routes.Route:
        """Returns the route of a weight step; by default one path, drawn from p."""
        return routes.Path(sampling.sample_path(supernet.alpha.value, supernet.mask, seed))

    def architecture_gradient(
        self, supernet: Supernet, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> ArchitectureGradient:
        """Returns the gradient of the objective with respect to alpha on one validation batch.

        It may only read weights, their moving moments and `variables`. It may run inside a branch.
        Take gradients of a tape with `supernet.loss_scale.gradient`. Pass everything computed from
        images through `replicas.mean` before anything depends on it, so that all replicas get the
        same result.
        """
        raise NotImplementedError(
            f"{type(self).__name__} learns no architecture parameters; set learns_alpha to False "
            "or define architecture_gradient"
        )

    def observe(self, found: ArchitectureGradient) -> None:
        """Updates `variables` after a step along `found`; by default does nothing."""
        del found

    def finish(
        self, supernet: Supernet, before: tf.Tensor, after: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """Returns the final alpha of a step, given alpha before and after the optimizer's update.

        Args:
            supernet: the supernet; its `alpha` may be `before` or `after`.
            before: `[rows, options]`.
            after: `[rows, options]`.
            seed: the seed that `architecture_gradient` received.
        """
        del supernet, before, seed
        return after

    def choose(self, task: Task, supernet: Supernet) -> tuple[int, ...]:
        """Chooses the child; by default the most probable one that meets the target or the limit.

        An objective that only trades accuracy for latency has no target to meet.
        """
        return self.choose_by(supernet.probabilities, task)

    def choose_by(self, p: np.ndarray, task: Task, worth: Worth = ()) -> tuple[int, ...]:
        """Returns the most probable network by `p` that meets the target or the limit.

        Args:
            p: `[rows, most options]`.
            task: the search.
            worth: what else counts; see `derive.most_probable_within`. Ignored without a target.
        """
        config = task.config
        if config.target and config.is_limit:
            least = config.target * (1.0 - derive.TARGET_BAND)
            return derive.most_probable_within(p, task.latencies, config.target, least, worth)
        if config.target and config.objective == "target":
            return derive.most_probable_on(p, task.latencies, config.target, worth)
        return derive.most_probable(p)

    def search(self, task: Task) -> SearchResult:
        """Trains the supernet, chooses the child, and measures its validation accuracy."""
        supernet = task.train_supernet(self)
        estimate = estimating.estimate(task, supernet) if task.config.observes else None
        if estimate and task.config.finalists > 1:
            is_own = self.learns_alpha or task.config.derive == "alpha"
            proposed = proposals.propose(
                task,
                estimate,
                lambda p, worth=(): self.choose_by(p, task, worth),
                (lambda: self.choose(task, supernet)) if is_own else None,
                task.config.is_limit or self.target_is_limit,
            )
            finalist, model = finalists.best(task, supernet, proposed)
            choices = finalist.choices
        else:
            choices = (
                self.choose_by(estimate.probabilities, task)
                if estimate
                else self.choose(task, supernet)
            )
            model = path_accuracy.inherited(supernet, choices, task.dataset)
        files.write_with(task.directory / CHILD_FILE, model.save)
        images = task.dataset.at_resolution(task.space.child(choices).resolution)
        return SearchResult(
            choices=choices,
            most_probable=derive.most_probable(supernet.probabilities)
            if self.learns_alpha
            else None,
            probabilities=supernet.probabilities,
            predicted_cost=task.latencies.of(choices) if task.config.target else None,
            validation_accuracy=child_training.evaluate(model, images.validation, track=task.track),
        )
