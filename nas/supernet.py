"""The over-parameterized network, trained with stock `fit`.

`fit` takes a data set of pairs ((images, labels), (validation images, validation labels)). Each
step is a weight step on the first; where the second is not empty, an architecture step follows.
So the schedule (warm-up, update period) is a property of the data, and a step that does not learn
the architecture loads no validation images for it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas import (
    algorithms,
    child,
    gates,
    loss_scale,
    mixed_op,
    objectives,
    path_optimizer,
    replicas,
    replicated_fit,
    routes,
    steps,
)
from nas.algorithms import proxyless_gradient
from nas.latencies import Latencies
from nas.specs import Child, SearchSpace

XLA_REFUSAL = (
    "jit_compile: expected false for a supernet, received true; the shapes in its training step "
    "depend on the sampled path, so that XLA compiles the step anew for every path, which takes "
    "far longer than the step; leave it out (the training of a child takes it)"
)

Batch = tuple[tf.Tensor, tf.Tensor]


def check_latencies(space: SearchSpace, latencies: Latencies) -> None:
    """Raises ValueError where `latencies` are of another space."""
    counts = [len(slot.candidates) for slot in space.slots]
    received = [len(slot) for slot in latencies.slots]
    if received != counts:
        raise ValueError(
            f"latencies: expected {counts} candidates in the slots of {space.name}, "
            f"received {received}; they are of another space"
        )


class Supernet(replicated_fit.BuiltBeforeFit, keras.Model):
    """Every network of a space at once, one path of which is computed.

    Args:
        space: the search space.
        seed: of fresh weights and of every sampled path.
        precision: of activations, one of `precision.PRECISIONS`; weights, moments, logits, gates'
            gradients and alpha are float32.
        sync_batch_norm: with several replicas (`replicas`), normalize by the moments of the global
            batch, as one replica would; otherwise each by those of its own slice.

    Attributes:
        alpha: architecture parameters `[slots, most candidates]`, drawn from N(0, 1e-3) as in the
            reference; the padding of shorter slots stays zero.
        mask: `[slots, most candidates]` bool, true where a candidate stands.
        is_synchronized: whether batch normalization is that of the global batch; then a training
            forward pass may stand in no branch and no loop.
        step: number of training steps made; with `seed` it determines every random draw.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        precision: str = "float32",
        sync_batch_norm: bool = True,
    ) -> None:
        super().__init__(name=f"{space.name}_supernet", dtype=precision)
        self.loss_scale = loss_scale.for_precision(precision)
        self.space = space
        self.seed = seed
        self.is_synchronized = sync = sync_batch_norm and replicas.count() > 1
        stem = mixed_op.Chain((space.stem.stage(space.input_channels),))
        self.stem = mixed_op.MixedOp([stem], (seed, 0), sync, name="stem")
        self.mixed_ops = [
            mixed_op.MixedOp.of_layer(layer, (seed, i + 1), synchronized=sync, name=f"layer{i:02d}")
            for i, layer in enumerate(space.layers)
        ]
        head = mixed_op.Chain((space.head.stage(space.layers[-1].output_width),))
        head_seed = seed, len(space.layers) + 1
        self.head = mixed_op.MixedOp([head], head_seed, sync, name="head")

        rng = np.random.default_rng((seed, len(space.layers) + 2))
        kernel = rng.normal(0.0, 0.01, (space.head.width, space.num_classes))
        self.classifier_kernel = self._weight("classifier_kernel", kernel)
        self.classifier_bias = self._weight("classifier_bias", np.zeros(space.num_classes))
        counts = np.array([len(slot.candidates) for slot in space.slots])
        self.mask = np.arange(counts.max()) < counts[:, None]
        alpha = np.where(self.mask, rng.normal(0.0, 1e-3, self.mask.shape), 0.0)
        self.alpha = self._weight("alpha", alpha, trainable=False)
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self.trackers = {
            name: keras.metrics.Mean(name)
            for name in ("loss", "accuracy", "validation_loss", "validation_accuracy")
        }
        self.built = True

    def _weight(self, name: str, value: np.ndarray, trainable: bool = True) -> keras.Variable:
        initializer = keras.initializers.Constant(value.astype(np.float32))
        return self.add_weight(
            name=name,
            shape=value.shape,
            initializer=initializer,
            trainable=trainable,
            autocast=False,
        )

    @property
    def num_weights(self) -> int:
        """Trainable weights of every candidate, architecture parameters and padding apart."""
        groups = [group for op in self._ops for group in op.weighted_groups]
        classifier = (self.space.head.width + 1) * self.space.num_classes
        return classifier + sum(group.num_weights for group in groups)

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        arch_optimizer: keras.optimizers.Optimizer | None = None,
        algorithm: algorithms.SupernetAlgorithm | None = None,
        objective: objectives.Objective | None = None,
        latencies: Latencies | None = None,
        label_smoothing: float = 0.1,
        jit_compile: bool = False,
        **kwargs: Any,
    ) -> None:
        """Configures training.

        Args:
            optimizer: of the weights; see `path_optimizer.PathOptimizer` for what it may be.
            arch_optimizer: of alpha; default Adam(1e-3, beta_1=0, beta_2=0.999), the reference's.
            algorithm: default `proxyless_gradient`.
            objective: default cross-entropy alone.
            latencies: milliseconds a candidate; default none.
            label_smoothing: in weight steps; architecture steps use the plain cross-entropy.
            jit_compile: False; see `XLA_REFUSAL`.
            **kwargs: as `keras.Model.compile`.
        """
        if jit_compile:
            raise ValueError(XLA_REFUSAL)
        self.path_optimizer = path_optimizer.PathOptimizer(optimizer)
        self.path_optimizer.build(self.trainable_variables)
        self.arch_optimizer = arch_optimizer or keras.optimizers.Adam(1e-3, 0.0, 0.999)
        self.arch_optimizer.build([self.alpha])
        if replicas.count() > 1:
            replicated_fit.check_settings(self.arch_optimizer, **kwargs)
        self.algorithm = algorithm or proxyless_gradient.TwoPathGradient()
        self.objective = objective or objectives.CrossEntropy()
        counts = [len(slot.candidates) for slot in self.space.slots]
        self.latencies = latencies or Latencies.zero(counts)
        check_latencies(self.space, self.latencies)
        self._label_smoothing = label_smoothing
        # Both steps scale their losses themselves.
        kwargs = {"auto_scale_loss": False} | kwargs
        super().compile(optimizer=optimizer, jit_compile=False, **kwargs)

    @property
    def _ops(self) -> list[mixed_op.MixedOp]:
        return [self.stem, *self.mixed_ops, self.head]

    def classify(self, features: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        """Logits `[batch, classes]` of features `[batch, height, width, channels]`."""
        pooled = tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2])
        return tf.matmul(pooled, kernel) + bias

    def call(self, images: tf.Tensor, choices: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Logits of one path; weights are read only.

        Args:
            images: `[batch, height, width, channels]`.
            choices: `[slots]` int32.
            training: normalize by the batch's moments instead of the moving ones.
        """
        return self.logits(images, routes.Path(choices), training)

    def logits(self, images: tf.Tensor, route: routes.Route, training: bool) -> tf.Tensor:
        """Logits `[batch, classes]` by any route; weights are read only.

        Args:
            images: `[batch, height, width, channels]`.
            route: how each slot's output is formed.
            training: normalize by the batch's moments instead of the moving ones.
        """
        features, _ = self.features(images, route, self.read(route), training)
        return self.classify(features, self.classifier_kernel.value, self.classifier_bias.value)

    @property
    def _places(self) -> list[tuple[mixed_op.MixedOp, int | None]]:
        """Stem, layers and head, each with the number of its slot; None where nothing is chosen."""
        slots = iter(range(len(self.space.slots)))
        return [(op, next(slots) if op.num_candidates > 1 else None) for op in self._ops]

    def read(self, route: routes.Route) -> list[list[mixed_op.Selection]]:
        """The weights that `route` needs, part by part."""
        return [op.select(0) if slot is None else route.read(op, slot) for op, slot in self._places]

    def features(
        self,
        images: tf.Tensor,
        route: routes.Route,
        selections: list[list[mixed_op.Selection]],
        training: bool,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Features before pooling, and a row of moments for every selection of `read(route)`."""
        x = tf.cast(images, self.compute_dtype)
        moments: list[tf.Tensor] = []
        for (op, slot), selected in zip(self._places, selections, strict=True):
            if slot is None:
                x, rows = op.run(x, 0, selected, training)
            else:
                x, rows = route.run(op, slot, x, selected, training)
            moments += rows
        return x, moments

    def cross_entropy(
        self, labels: tf.Tensor, logits: tf.Tensor, label_smoothing: float = 0.0
    ) -> tf.Tensor:
        """Mean cross-entropy of `labels` `[batch]` and `logits` `[batch, classes]`."""
        targets = tf.one_hot(labels, self.space.num_classes)
        targets = targets * (1.0 - label_smoothing) + label_smoothing / self.space.num_classes
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))

    def accuracy(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Fraction of `logits` `[batch, classes]` whose largest is the label."""
        predicted = tf.argmax(logits, axis=1, output_type=labels.dtype)
        return tf.reduce_mean(tf.cast(tf.equal(predicted, labels), tf.float32))

    def train_step(self, data: tuple[Batch, Batch]) -> dict[str, tf.Tensor]:
        """A weight step, and an architecture step where validation images came along."""
        (images, labels), (validation_images, validation_labels) = data
        self._next_weight_step(images, labels)
        if self.algorithm.learns_alpha:
            self._architecture_step_if_any(validation_images, validation_labels, self._seed(1))
        return self._logs()

    def make_train_function(self, force: bool = False) -> None:
        """As `keras.Model`'s, or, with several replicas, one function for each of both steps."""
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
        self.weight_step(images, labels, self.algorithm.weight_route(self, self._seed(0)))

    def _seed(self, purpose: int) -> tf.Tensor:
        base = tf.constant(2 * self.seed + purpose, tf.int64)
        return tf.stack([base, tf.convert_to_tensor(self.step.value)])

    def _logs(self) -> dict[str, tf.Tensor]:
        logs = {name: tracker.result() for name, tracker in self.trackers.items()}
        return logs | self.loss_scale.logs | self.architecture_state()

    def architecture_state(self) -> dict[str, tf.Tensor]:
        """Latency, expected and of the most probable child, and the slots' mean entropy in nats."""
        alpha = self.alpha.value
        expected = self.latencies.expected(gates.path_probabilities(alpha, self.mask))
        quantity = self.latencies.quantity
        return {
            f"expected_{quantity}": expected,
            f"most_probable_{quantity}": self.latencies.most_probable(alpha, self.mask),
            "entropy": gates.entropy(alpha, self.mask),
        }

    def gradient_weights(
        self, cross_entropy: tf.Tensor, alpha: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The objective's (w_ce, w_latency per millisecond) for this architecture step."""
        expected_ms = self.latencies.expected(gates.path_probabilities(alpha, self.mask))
        return self.objective.gradient_weights(cross_entropy, expected_ms)

    def weight_step(self, images: tf.Tensor, labels: tf.Tensor, route: routes.Route) -> None:
        """Forward, backward and update of what the route reads and of the shared layers."""
        found = steps.weight_gradient(self, images, labels, route, self._label_smoothing)
        steps.apply_weight_gradient(self, found)

    def architecture_step(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> None:
        """Update of alpha on one validation batch; weights and moments are read only."""
        found = self.algorithm.architecture_gradient(self, images, labels, seed)
        steps.apply_architecture_gradient(self, found, seed)

    def _architecture_step_if_any(self, images, labels, seed) -> None:
        is_due = tf.shape(images)[0] > 0
        found = tf.cond(
            is_due,
            lambda: self.algorithm.architecture_gradient(self, images, labels, seed),
            lambda: steps.no_architecture_gradient(self),
        )

        def apply() -> tf.Tensor:
            steps.apply_architecture_gradient(self, found, seed)
            return tf.constant(True)

        tf.cond(is_due, apply, lambda: tf.constant(False))

    @property
    def probabilities(self) -> np.ndarray:
        """Path probabilities `[slots, most candidates]`, NaN where a slot has fewer."""
        p = gates.path_probabilities(tf.convert_to_tensor(self.alpha.value), self.mask).numpy()
        return np.where(self.mask, p, np.nan)

    def inherit(self, choices: Sequence[int]) -> keras.Model:
        """The child of `choices` with the supernet's own weights."""
        network: Child = self.space.child(choices)
        model = child.build_child(network)
        parts = zip(child.stage_names(network), self._places, strict=True)
        for names, (op, slot) in parts:
            choice = 0 if slot is None else choices[slot]
            child.set_stage_weights(model, names, iter(op.export(choice)))
        classifier = [np.array(self.classifier_kernel), np.array(self.classifier_bias)]
        model.get_layer("logits").set_weights(classifier)
        return model
