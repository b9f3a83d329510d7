"""A child with a hand-written training step, to measure the cost of a path without sampling.

It uses the supernet's kernels on ordinary variables of fixed shapes and a stock optimizer. Its time
is the denominator of the supernet's step ratio. Children for real use are built by
`nas/layers/keras_network.py`.
"""

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.operations import Stage
from nas.architecture.operations.weights import Weight
from nas.architecture.specs import Child
from nas.layers import stage_functions
from nas.layers.stage_functions import StageForm


class PlainChild:
    """One child network and its weight step.

    Args:
        network: the child.
        optimizer: an optimizer that is not built yet and not shared.
        label_smoothing: label smoothing of the cross-entropy.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        network: Child,
        optimizer: keras.optimizers.Optimizer,
        label_smoothing: float = 0.1,
        seed: int = 0,
    ) -> None:
        self._network = network
        self._draw = keras.random.SeedGenerator(seed)
        chains: list[tuple[Stage, ...]] = [(network.stem.stage(network.input_channels),)]
        chains += [block.stages for block in network.layers]
        chains += [network.head.stages(network.layers[-1].output_width)]
        residuals = [False, *(block.has_residual for block in network.layers), False]
        self._parts = [
            ([self._stage_variables(stage) for stage in chain], has_residual)
            for chain, has_residual in zip(chains, residuals, strict=True)
        ]
        shape = (network.head.output_width, network.num_classes)
        self._kernel = self._variable(shape, 0.01)
        self._bias = keras.Variable(tf.zeros(shape[1:]))
        stages = [own for chain, _ in self._parts for _, own in chain]
        trained = [v for own in stages for v in own.values() if v.trainable]
        self._weights = [*trained, self._kernel, self._bias]
        self._optimizer = optimizer
        optimizer.build(self._weights)
        self._loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=label_smoothing
        )

    def _variable(self, shape: tuple[int, ...], stddev: float) -> keras.Variable:
        return keras.Variable(keras.random.normal(shape, stddev=stddev, seed=self._draw))

    def _stage_variables(self, stage: Stage) -> tuple[StageForm, dict[str, keras.Variable]]:
        return StageForm.of(stage), {w.name: self._stage_variable(w) for w in stage.weights}

    def _stage_variable(self, weight: Weight) -> keras.Variable:
        if weight.deviation:
            return self._variable(weight.shape, weight.deviation)
        start = tf.fill(weight.shape, weight.start)
        return keras.Variable(start, trainable=weight.bank.is_trainable)

    def weight_step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Runs the forward and backward pass and updates the weights; returns the loss.

        Args:
            images: `[batch, height, width, channels]`.
            labels: `[batch]` integers.
        """
        with tf.GradientTape() as tape:
            logits, moments = self._forward(images)
            targets = tf.one_hot(labels, self._network.num_classes)
            loss = self._loss(targets, logits)
        gradients = tape.gradient(loss, [weight.value for weight in self._weights])
        self._optimizer.apply(gradients, self._weights)
        keep = stage_functions.BATCH_NORM_MOMENTUM
        for moving, batch in moments:
            moving.assign(moving.value * keep + batch * (1.0 - keep))
        return loss

    def get_weights(self) -> list[np.ndarray]:
        """Weights and moving moments, in the order of `keras_network.build_child`'s model."""
        stages = [own for chain, _ in self._parts for _, own in chain]
        values = [value for own in stages for value in own.values()]
        return [keras.ops.convert_to_numpy(v) for v in (*values, self._kernel, self._bias)]

    def _forward(self, x: tf.Tensor) -> tuple[tf.Tensor, list]:
        moments: list[tuple[keras.Variable, tf.Tensor]] = []
        for chain, has_residual in self._parts:
            shortcut = x
            for form, own in chain:
                trained = {name: v.value for name, v in own.items() if v.trainable}
                x, batch = stage_functions.run_stage(x, form, trained)
                moving = [v for v in own.values() if not v.trainable]
                moments += zip(moving, batch, strict=True)
            x = x + shortcut if has_residual else x
        pooled = tf.reduce_mean(x, axis=[1, 2])
        return tf.matmul(pooled, self._kernel.value) + self._bias.value, moments
