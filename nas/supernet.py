"""The over-parameterized network, trained with stock `fit`.

`fit` takes a data set of pairs ((images, labels), (validation images, validation labels)). Each
step is a weight step on the first; where the second is not empty, an architecture step follows.
So the schedule (warm-up, update period) is a property of the data, and a step that does not learn
the architecture loads no validation images for it.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas import algorithms, child, gates, mixed_op, objectives, path_optimizer
from nas.child import BATCH_NORM_MOMENTUM
from nas.specs import Child, SearchSpace

Batch = tuple[tf.Tensor, tf.Tensor]


class Supernet(keras.Model):
    """Every network of a space at once, one path of which is computed.

    Args:
        space: the search space.
        seed: of fresh weights and of every sampled path.

    Attributes:
        alpha: architecture parameters `[slots, most candidates]`, drawn from N(0, 1e-3) as in the
            reference; the padding of shorter slots stays zero.
        mask: `[slots, most candidates]` bool, true where a candidate stands.
        step: number of training steps made; with `seed` it determines every random draw.
    """

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        super().__init__(name=f"{space.name}_supernet")
        self.space = space
        self.seed = seed
        stem = mixed_op.Chain((space.stem.stage(space.input_channels),))
        self.stem = mixed_op.MixedOp([stem], (seed, 0), name="stem")
        self.mixed_ops = [
            mixed_op.MixedOp.of_layer(layer, (seed, i + 1), name=f"layer{i:02d}")
            for i, layer in enumerate(space.layers)
        ]
        head = mixed_op.Chain((space.head.stage(space.layers[-1].output_width),))
        self.head = mixed_op.MixedOp([head], (seed, len(space.layers) + 1), name="head")

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
            name=name, shape=value.shape, initializer=initializer, trainable=trainable
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
        algorithm: algorithms.Algorithm | None = None,
        objective: objectives.Objective | None = None,
        latencies: objectives.Latencies | None = None,
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
            jit_compile: XLA; off, since it is many times slower on CPUs for these operations.
            **kwargs: as `keras.Model.compile`.
        """
        self._path_optimizer = path_optimizer.PathOptimizer(optimizer)
        self._path_optimizer.build(self.trainable_variables)
        self.arch_optimizer = arch_optimizer or keras.optimizers.Adam(1e-3, 0.0, 0.999)
        self.arch_optimizer.build([self.alpha])
        self.algorithm = algorithm or algorithms.algorithm("proxyless_gradient")
        self.objective = objective or objectives.CrossEntropy()
        counts = [len(slot.candidates) for slot in self.space.slots]
        self.latencies = latencies or objectives.Latencies.zero(counts)
        received = [len(slot) for slot in self.latencies.slots]
        if received != counts:
            raise ValueError(
                f"latencies: expected {counts} candidates in the slots of {self.space.name}, "
                f"received {received}; they are of another space"
            )
        self._label_smoothing = label_smoothing
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **kwargs)

    @property
    def _ops(self) -> list[mixed_op.MixedOp]:
        return [self.stem, *self.mixed_ops, self.head]

    def _layer_choices(self, slot_choices: Sequence[Any]) -> list[Any]:
        """Choices of stem, layers and head; what has one candidate takes its only one."""
        slots = iter(range(len(self.space.slots)))
        choices = [slot_choices[next(slots)] if op.num_candidates > 1 else 0 for op in self._ops]
        return choices

    def _classify(self, features: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        pooled = tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2])
        return tf.matmul(pooled, kernel) + bias

    def call(self, images: tf.Tensor, choices: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Logits of one path; weights are read only.

        Args:
            images: `[batch, height, width, channels]`.
            choices: `[slots]` int32.
            training: normalize by the batch's moments instead of the moving ones.
        """
        x = tf.cast(images, self.compute_dtype)
        per_layer = self._layer_choices(tf.unstack(choices, len(self.space.slots)))
        for op, choice in zip(self._ops, per_layer, strict=True):
            x, _ = op.run(x, choice, op.select(choice), training)
        return self._classify(x, self.classifier_kernel.value, self.classifier_bias.value)

    def gated_logits(
        self, images: tf.Tensor, choices: tf.Tensor, gate_values: tf.Tensor
    ) -> tf.Tensor:
        """Logits of the active path, differentiable by the gates of two candidates a slot.

        Args:
            images: `[batch, height, width, channels]`.
            choices: `[slots, 2]` int32, the active candidate first.
            gate_values: `[slots, 2]`; their gradient is what this is for.
        """
        x = tf.cast(images, self.compute_dtype)
        count = len(self.space.slots)
        active, inactive = (
            self._layer_choices(tf.unstack(choices[:, column], count)) for column in (0, 1)
        )
        values = iter(tf.unstack(gate_values, count))
        for op, a, b in zip(self._ops, active, inactive, strict=True):
            y, _ = op.run(x, a, op.select(a), training=True)
            if op.num_candidates > 1:
                other, _ = op.run(tf.stop_gradient(x), b, op.select(b), training=True)
                y = gates.binary_gate(next(values), y, tf.stop_gradient(other))
            x = y
        return self._classify(x, self.classifier_kernel.value, self.classifier_bias.value)

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
        step = self.step.value.assign_add(1)
        seeds = [tf.stack([tf.constant(2 * self.seed + i, tf.int64), step]) for i in (0, 1)]
        self._weight_step(images, labels, self.algorithm.sample_path(self, seeds[0]))

        def architecture_step() -> tf.Tensor:
            self._architecture_step(validation_images, validation_labels, seeds[1])
            return tf.constant(True)

        has_validation = tf.shape(validation_images)[0] > 0
        tf.cond(has_validation, architecture_step, lambda: tf.constant(False))
        logs = {name: tracker.result() for name, tracker in self.trackers.items()}
        return logs | self.architecture_state()

    def architecture_state(self) -> dict[str, tf.Tensor]:
        """Expected latency in milliseconds and mean entropy of the slots in nats."""
        alpha = self.alpha.value
        expected = self.latencies.expected(gates.path_probabilities(alpha, self.mask))
        return {"expected_latency_ms": expected, "entropy": gates.entropy(alpha, self.mask)}

    def _weight_step(self, images: tf.Tensor, labels: tf.Tensor, choices: tf.Tensor) -> None:
        """Forward, backward and update of the sampled path and the shared layers."""
        per_layer = self._layer_choices(tf.unstack(choices, len(self.space.slots)))
        selections = [op.select(c) for op, c in zip(self._ops, per_layer, strict=True)]
        classifier = [
            tf.convert_to_tensor(v.value) for v in (self.classifier_kernel, self.classifier_bias)
        ]
        sources = [[s.weights.kernels, s.weights.affine] for row in selections for s in row]
        moments = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([sources, classifier])
            x = tf.cast(images, self.compute_dtype)
            for op, choice, selection in zip(self._ops, per_layer, selections, strict=True):
                x, rows = op.run(x, choice, selection, training=True)
                moments += rows
            logits = self._classify(x, *classifier)
            loss = self.cross_entropy(labels, logits, self._label_smoothing)
        gradients, classifier_gradients = tape.gradient(loss, [sources, classifier])
        self._apply(selections, gradients, classifier, classifier_gradients)
        self._move_moments(selections, moments)
        self.trackers["loss"].update_state(loss)
        self.trackers["accuracy"].update_state(self.accuracy(labels, logits))

    def _apply(self, selections, gradients, classifier, classifier_gradients) -> None:
        kernel, bias = self.classifier_kernel, self.classifier_bias
        update = path_optimizer.RowUpdate
        updates = [
            update(kernel, classifier[0], classifier_gradients[0], None, True, True),
            update(bias, classifier[1], classifier_gradients[1], None, True, False),
        ]
        for (group, selected), row in zip(self._pairs(selections), gradients, strict=True):
            values = (selected.weights.kernels, selected.weights.affine)
            for bank, value, gradient in zip(
                (group.kernels, group.affine), values, row, strict=True
            ):
                place = selected.row, selected.is_active, bank is group.kernels
                updates.append(update(bank, value, gradient, *place))
        self._path_optimizer.apply(updates)

    def _move_moments(self, selections, moments) -> None:
        """Moves the moving moments of what was computed, and of nothing else."""
        for (group, selected), batch in zip(self._pairs(selections), moments, strict=True):
            moving = selected.weights.moments
            moved = moving * BATCH_NORM_MOMENTUM + batch * (1.0 - BATCH_NORM_MOMENTUM)
            path_optimizer.write_row(group.moments, moved, selected.row, selected.is_active)

    def _pairs(self, selections) -> list[tuple[mixed_op.CandidateGroup, mixed_op.Selection]]:
        return [
            (group, selected)
            for op, row in zip(self._ops, selections, strict=True)
            for group, selected in zip(op.weighted_groups, row, strict=True)
        ]

    def _architecture_step(self, images, labels, seed) -> None:
        result = self.algorithm.architecture_gradient(self, images, labels, seed)
        before = tf.identity(self.alpha.value)
        self.arch_optimizer.apply([result.gradient], [self.alpha])
        self.alpha.assign(result.finish(before, tf.identity(self.alpha.value)))
        self.trackers["validation_loss"].update_state(result.cross_entropy)
        self.trackers["validation_accuracy"].update_state(result.accuracy)

    @property
    def probabilities(self) -> np.ndarray:
        """Path probabilities `[slots, most candidates]`, NaN where a slot has fewer."""
        p = gates.path_probabilities(tf.convert_to_tensor(self.alpha.value), self.mask).numpy()
        return np.where(self.mask, p, np.nan)

    def inherit(self, choices: Sequence[int]) -> keras.Model:
        """The child of `choices` with the supernet's own weights."""
        network: Child = self.space.child(choices)
        model = child.build_child(network)
        per_layer = self._layer_choices(list(choices))
        parts = zip(child.stage_names(network), self._ops, per_layer, strict=True)
        for names, op, choice in parts:
            child.set_stage_weights(model, names, iter(op.export(choice)))
        classifier = [np.array(self.classifier_kernel), np.array(self.classifier_bias)]
        model.get_layer("logits").set_weights(classifier)
        return model
