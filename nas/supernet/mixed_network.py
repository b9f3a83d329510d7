"""The over-parameterized network itself: its weights, and its forward pass along a route."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.specs import Child, SearchSpace
from nas.choices import sampling
from nas.distribution import replicas
from nas.layers import keras_network
from nas.supernet import mixed_op, routes


class MixedNetwork(keras.Model):
    """Holds the weights of every network of a space, and computes one path at a time.

    Args:
        space: the search space.
        seed: seed of the fresh weights.
        precision: type of the activations, one of `precision.PRECISIONS`; weights, moments, logits,
            gradients of gates and alpha are float32.
        sync_batch_norm: with several replicas (`replicas`), whether to normalize by the moments of
            the global batch, as one replica would. Otherwise, each replica uses those of its slice.

    Attributes:
        alpha: architecture parameters `[slots, most candidates]`, drawn from N(0, 1e-3) as in the
            reference; the padding of slots with fewer candidates stays zero.
        mask: `[slots, most candidates]` bool, false for padding.
        is_synchronized: whether batch normalization uses the moments of the global batch. If so, a
            forward pass with `training` must not be inside a branch or a loop.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        precision: str = "float32",
        sync_batch_norm: bool = True,
    ) -> None:
        super().__init__(name=f"{space.name}_supernet", dtype=precision)
        self.space = space
        self.is_synchronized = sync = sync_batch_norm and replicas.count() > 1
        stem = mixed_op.Chain((space.stem.stage(space.input_channels),))
        self.stem = mixed_op.MixedOp([stem], (seed, 0), sync, name="stem")
        self.mixed_ops = [
            mixed_op.MixedOp.of_layer(layer, (seed, i + 1), synchronized=sync, name=f"layer{i:02d}")
            for i, layer in enumerate(space.layers)
        ]
        head = mixed_op.Chain(space.head.stages(space.layers[-1].output_width))
        head_seed = seed, len(space.layers) + 1
        self.head = mixed_op.MixedOp([head], head_seed, sync, name="head")

        rng = np.random.default_rng((seed, len(space.layers) + 2))
        kernel = rng.normal(0.0, 0.01, (space.head.output_width, space.num_classes))
        self.classifier_kernel = self._weight("classifier_kernel", kernel)
        self.classifier_bias = self._weight("classifier_bias", np.zeros(space.num_classes))
        counts = np.array(space.candidate_counts)
        self.mask = np.arange(counts.max()) < counts[:, None]
        alpha = np.where(self.mask, rng.normal(0.0, 1e-3, self.mask.shape), 0.0)
        self.alpha = self._weight("alpha", alpha, trainable=False)
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
        """Number of trainable weights, without architecture parameters and padding."""
        groups = [group for op in self._ops for group in op.weighted_groups]
        classifier = (self.space.head.output_width + 1) * self.space.num_classes
        return classifier + sum(group.num_weights for group in groups)

    @property
    def _ops(self) -> list[mixed_op.MixedOp]:
        return [self.stem, *self.mixed_ops, self.head]

    def classify(self, features: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        """Returns logits `[batch, classes]` of features `[batch, height, width, channels]`."""
        pooled = tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2])
        return tf.matmul(pooled, kernel) + bias

    def call(self, images: tf.Tensor, choices: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the logits of one path, and changes no weights.

        Args:
            images: `[batch, height, width, channels]`.
            choices: `[slots]` int32.
            training: whether to normalize by the moments of the batch, not by the moving ones.
        """
        return self.logits(images, routes.Path(choices), training)

    def logits(self, images: tf.Tensor, route: routes.Route, training: bool) -> tf.Tensor:
        """Returns the logits `[batch, classes]` along any route, and changes no weights.

        Args:
            images: `[batch, height, width, channels]`.
            route: how the output of each slot is computed.
            training: whether to normalize by the moments of the batch, not by the moving ones.
        """
        features, _ = self.features(images, route, self.read(route), training)
        return self.classify(features, self.classifier_kernel.value, self.classifier_bias.value)

    @property
    def _places(self) -> list[tuple[mixed_op.MixedOp, int | None]]:
        """Stem, layers and head, each with the number of its slot, or None if it is no slot."""
        slots = iter(range(len(self.space.slots)))
        return [(op, next(slots) if op.num_candidates > 1 else None) for op in self._ops]

    def read(self, route: routes.Route) -> list[list[mixed_op.Selection]]:
        """Returns the weights that `route` needs, for each of stem, layers and head."""
        return [op.select(0) if slot is None else route.read(op, slot) for op, slot in self._places]

    def features(
        self,
        images: tf.Tensor,
        route: routes.Route,
        selections: list[list[mixed_op.Selection]],
        training: bool,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns features before pooling, and the moments of every selection of `read(route)`."""
        x = tf.cast(images, self.compute_dtype)
        moments: list[tf.Tensor] = []
        for (op, slot), selected in zip(self._places, selections, strict=True):
            if slot is None:
                x, rows = op.run(x, 0, selected, training)
            else:
                x, rows = route.run(op, slot, x, selected, training)
            moments += rows
        return x, moments

    @property
    def probabilities(self) -> np.ndarray:
        """Path probabilities `[slots, most candidates]`, NaN for padding."""
        p = sampling.path_probabilities(tf.convert_to_tensor(self.alpha.value), self.mask).numpy()
        return np.where(self.mask, p, np.nan)

    def inherit(self, choices: Sequence[int]) -> keras.Model:
        """Returns the child of `choices` as a Keras model with the weights of the supernet."""
        network: Child = self.space.child(choices)
        model = keras_network.build_child(network)
        parts = zip(keras_network.stage_names(network), self._places, strict=True)
        for names, (op, slot) in parts:
            choice = 0 if slot is None else choices[slot]
            keras_network.set_stage_weights(model, names, iter(op.export(choice)))
        classifier = [np.array(self.classifier_kernel), np.array(self.classifier_bias)]
        model.get_layer("logits").set_weights(classifier)
        return model
