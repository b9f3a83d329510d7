"""The over-parameterized network as a Keras model that stock `fit` trains.

`fit` takes a data set of pairs ((images, labels), (validation images, validation labels)). Each
step is a weight step on the first batch. If the second batch is not empty, an architecture step on
it follows. The schedule (warm-up, update period) is therefore part of the data, and validation
images that are not used are not loaded.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from nas import objectives
from nas.architecture.specs import SearchSpace
from nas.choices.candidate_costs import Latencies
from nas.choices.chain_costs import ChainCosts
from nas.distribution import replicas, replicated_fit
from nas.pretrained.adapting import Seed
from nas.supernet import learning_network, path_optimizer, routes, train_steps
from nas.supernet.observations import Observations

XLA_REFUSAL = (
    "jit_compile: expected false for a supernet, received true; leave it out (only the training of "
    "a child takes it). The shapes in a training step of a supernet depend on the sampled path, so "
    "XLA would compile the step again for every path, which takes far longer than the step"
)

Batch = tuple[tf.Tensor, tf.Tensor]


def check_latencies(space: SearchSpace, latencies: ChainCosts) -> None:
    """Raises ValueError if `latencies` belong to another space."""
    counts = list(space.option_counts)
    if latencies.counts != counts:
        rows = "candidates in the slots" if len(counts) == len(space.slots) else "options in rows"
        raise ValueError(
            f"latencies: expected {counts} {rows} of {space.name}, received {latencies.counts}; "
            "use latencies of this space"
        )


class Supernet(replicated_fit.BuiltBeforeFit, learning_network.LearningNetwork):
    """The over-parameterized network, and its training.

    Args:
        space: the search space.
        seed: seed of the fresh weights and of every sampled path.
        precision: as for `MixedNetwork`.
        sync_batch_norm: as for `MixedNetwork`.
        pretrained: as for `MixedNetwork`.

    Attributes:
        step: number of training steps made; with `seed` it determines every random draw.
        observations: keeps the network and the loss of every weight step; None to keep none.

    Example:
        >>> import keras, nas, numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> data = nas.dataset_from_arrays(images, np.arange(40) % 2)
        >>> slot = nas.Slot(8, 8, (nas.MBConv(3, 1), nas.MBConv(5, 1)))
        >>> net = nas.Supernet(nas.SearchSpace("one", 16, 2, nas.Stem(8), (slot,), nas.Head(16)))
        >>> net.compile(keras.optimizers.SGD(0.05), nas.algorithm("proxyless_gradient"))
        >>> config = nas.SearchConfig(warmup_epochs=0, batch_size=8, arch_period=1)
        >>> history = net.fit(nas.paired_batches(data, config), steps_per_epoch=3, verbose=0)
        >>> net.space.child(nas.most_probable(net.probabilities)).name
        'one_child'
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        precision: str = "float32",
        sync_batch_norm: bool = True,
        pretrained: Seed | None = None,
    ) -> None:
        super().__init__(space, seed, precision, sync_batch_norm, pretrained)
        self.observations: Observations | None = None
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False
        )

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        algorithm: learning_network.StepAlgorithm,
        arch_optimizer: keras.optimizers.Optimizer | None = None,
        objective: objectives.Objective | None = None,
        latencies: ChainCosts | None = None,
        label_smoothing: float = 0.1,
        jit_compile: bool = False,
        **kwargs: Any,
    ) -> None:
        """Configures training.

        Args:
            optimizer: updates the weights; `path_optimizer.PathOptimizer` says which are supported.
            algorithm: the search algorithm, for example
                `nas.searching.algorithms.algorithm("proxyless_gradient")`.
            arch_optimizer: updates alpha. By default Adam(1e-3, beta_1=0, beta_2=0.999), as in the
                reference.
            objective: by default the cross-entropy alone.
            latencies: predicted latencies of the networks; by default all zero.
            label_smoothing: of weight steps; architecture steps use the plain cross-entropy.
            jit_compile: must be False; see `XLA_REFUSAL`.
            **kwargs: as for `keras.Model.compile`.
        """
        if jit_compile:
            raise ValueError(XLA_REFUSAL)
        self.path_optimizer = path_optimizer.PathOptimizer(optimizer)
        self.path_optimizer.build(self.trainable_variables)
        self.arch_optimizer = arch_optimizer or keras.optimizers.Adam(1e-3, 0.0, 0.999)
        self.arch_optimizer.build([self.alpha])
        if replicas.count() > 1:
            replicated_fit.check_settings(self.arch_optimizer, **kwargs)
        self.algorithm = algorithm
        self.trackers.pop("reward", None)
        if self.algorithm.is_rewarded:
            self.trackers["reward"] = keras.metrics.Mean("reward")
        self.objective = objective or objectives.CrossEntropy()
        self.latencies = latencies or Latencies.zero(self.space.option_counts)
        check_latencies(self.space, self.latencies)
        self._label_smoothing = label_smoothing
        # Both training steps scale their losses themselves.
        kwargs = {"auto_scale_loss": False} | kwargs
        super().compile(optimizer=optimizer, jit_compile=False, **kwargs)

    def train_step(self, data: tuple[Batch, Batch]) -> dict[str, tf.Tensor]:
        """Makes a weight step, and an architecture step if there are validation images."""
        (images, labels), (validation_images, validation_labels) = data
        self._next_weight_step(images, labels)
        if self.algorithm.learns_alpha:
            self._architecture_step_if_any(validation_images, validation_labels, self._seed(1))
        return self._logs()

    def make_train_function(self, force: bool = False) -> None:
        """As in `keras.Model`; with several replicas, each of the two steps is a function."""
        strategy = self.distribute_strategy
        if strategy.num_replicas_in_sync == 1:
            super().make_train_function(force)
        elif self.train_function is None or force:

            def weight_step(batch: Batch) -> dict[str, tf.Tensor]:
                self._next_weight_step(*batch)
                return self._logs()

            def architecture_step(batch: Batch) -> dict[str, tf.Tensor]:
                self.architecture_step(*batch, self._seed(1))
                return self._logs()

            self.train_function: Callable | None = replicated_fit.two_step_function(
                strategy, weight_step, architecture_step
            )

    def _next_weight_step(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        self.step.value.assign_add(1)
        route = self.algorithm.weight_route(self, self._seed(0))
        loss = self.weight_step(images, labels, route)
        if self.observations is not None and route.path is not None:
            self.observations.add(tf.convert_to_tensor(self.step.value), route.path, loss)

    def _seed(self, purpose: int) -> tf.Tensor:
        base = tf.constant(2 * self.seed + purpose, tf.int64)
        return tf.stack([base, tf.convert_to_tensor(self.step.value)])

    def _logs(self) -> dict[str, tf.Tensor]:
        logs = {name: tracker.result() for name, tracker in self.trackers.items()}
        return logs | self.loss_scale.logs | self.architecture_state()

    def weight_step(self, images: tf.Tensor, labels: tf.Tensor, route: routes.Route) -> tf.Tensor:
        """Updates the weights that the route reads; returns the loss, mean over all replicas."""
        found = train_steps.weight_gradient(self, images, labels, route, self._label_smoothing)
        train_steps.apply_weight_gradient(self, found)
        return found.loss

    def architecture_step(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> None:
        """Updates alpha on one validation batch; weights and moments do not change."""
        found = self.algorithm.architecture_gradient(self, images, labels, seed)
        train_steps.apply_architecture_gradient(self, found, seed)

    def _architecture_step_if_any(self, images, labels, seed) -> None:
        is_due = tf.shape(images)[0] > 0
        found = tf.cond(
            is_due,
            lambda: self.algorithm.architecture_gradient(self, images, labels, seed),
            lambda: train_steps.no_architecture_gradient(self),
        )

        def apply() -> tf.Tensor:
            train_steps.apply_architecture_gradient(self, found, seed)
            return tf.constant(True)

        tf.cond(is_due, apply, lambda: tf.constant(False))
