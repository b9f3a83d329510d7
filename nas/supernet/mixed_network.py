"""The over-parameterized network itself: its weights, and its forward pass along a route."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas.architecture.specs import Child, SearchSpace
from nas.choices import sampling
from nas.distribution import replicas
from nas.layers import keras_network
from nas.pretrained.adapting import Seed
from nas.supernet import classifier, network_layers, resizing, routes
from nas.supernet.candidates.mixed_op import MixedOp, Selection
from nas.supernet.classifier import Classifier


class MixedNetwork(keras.Model):
    """Holds the weights of every network of a space, and computes one path at a time.

    Args:
        space: the search space.
        seed: seed of the fresh weights.
        precision: type of the activations, one of `precision.PRECISIONS`; weights, moments, logits,
            gradients of gates and alpha are float32.
        pretrained: the network whose weights the candidates begin with (`nas.pretrained`); fresh
            ones if not given.
        sync_batch_norm: with several replicas (`replicas`), whether to normalize by the moments of
            the global batch, as one replica would. Otherwise, each replica uses those of its slice.

    Attributes:
        alpha: architecture parameters `[rows, most options]`, drawn from N(0, 1e-3) as in the
            reference; the padding of rows with fewer options stays zero.
        mask: `[rows, most options]` bool, false for padding.
        is_synchronized: whether batch normalization uses the moments of the global batch. If so, a
            forward pass with `training` must not be inside a branch or a loop.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int = 0,
        precision: str = "float32",
        sync_batch_norm: bool = True,
        pretrained: Seed | None = None,
    ) -> None:
        super().__init__(name=f"{space.name}_supernet", dtype=precision)
        self.space = space
        self.is_synchronized = sync = sync_batch_norm and replicas.count() > 1
        self._layers_in_order = network_layers.layers_of(space, seed, sync, pretrained)
        ops, count = [layer.op for layer in self._layers_in_order], len(space.layers)
        # Attributes, so that Keras finds their weights. A pooled layer may follow the head.
        self.stem, self.mixed_ops, self.head = ops[0], ops[1 : count + 1], ops[count + 1]
        self.pooled = ops[count + 2 :]
        rng = np.random.default_rng((seed, len(space.layers) + 2))
        self.classifier = classifier.ClassifierWeights(space, rng, self._weight, pretrained)
        counts = np.array(space.option_counts)
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
    def _ops(self) -> list[MixedOp]:
        return [self.stem, *self.mixed_ops, self.head, *self.pooled]

    @property
    def num_weights(self) -> int:
        """Number of trainable weights, without architecture parameters and padding."""
        groups = [group for op in self._ops for group in op.weighted_groups]
        return self.classifier.num_weights + sum(group.num_weights for group in groups)

    def call(self, images: tf.Tensor, choices: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the logits of one path, and changes no weights.

        Args:
            images: `[batch, height, width, channels]`.
            choices: `[rows]` int32.
            training: whether to normalize by the moments of the batch, not by the moving ones.
        """
        return self.logits(images, routes.Path(choices), training)

    def logits(self, images: tf.Tensor, route: routes.Route, training: bool) -> tf.Tensor:
        """Returns the logits `[batch, classes]` along any route, and changes no weights.

        Args:
            images: `[batch, height, width, channels]`.
            route: how the output of each layer is computed.
            training: whether to normalize by the moments of the batch, not by the moving ones.
        """
        features, _ = self.features(images, route, self.read(route), training)
        return self.read_classifier(route)(features)

    def read(self, route: routes.Route) -> list[list[Selection]]:
        """Returns the weights that `route` needs, for each of stem, layers and head."""
        return [route.read(layer) for layer in self._layers_in_order]

    def read_classifier(self, route: routes.Route) -> Classifier:
        """Returns the classifier at the width that `route` gives its input."""
        row, numbers = self.classifier.row, self.classifier.numbers
        width = None if row is None or numbers is None else route.width(row, numbers)
        return self.classifier.read(width)

    def features(
        self,
        images: tf.Tensor,
        route: routes.Route,
        selections: list[list[Selection]],
        training: bool,
    ) -> tuple[tf.Tensor, list[Any]]:
        """Returns features before pooling, and the moments of every selection of `read(route)`.

        If the resolution is a decision, the images are resized to the one of the route.
        """
        x = tf.cast(images, self.compute_dtype)
        row = self.space.resolution_row
        if row is not None:
            x = resizing.resized(x, self.space.resolutions, route.choice(row))
        moments: list[Any] = []
        for layer, selected in zip(self._layers_in_order, selections, strict=True):
            x, rows = route.run(layer, x, selected, training)
            moments += rows
        return x, moments

    @property
    def probabilities(self) -> np.ndarray:
        """Path probabilities `[rows, most options]`, NaN for padding."""
        p = sampling.path_probabilities(tf.convert_to_tensor(self.alpha.value), self.mask).numpy()
        return np.where(self.mask, p, np.nan)

    def inherit(self, choices: Sequence[int]) -> keras.Model:
        """Returns the child of `choices` as a Keras model with the weights of the supernet."""
        network: Child = self.space.child(choices)
        model = keras_network.build_child(network)
        names = keras_network.stage_names(network)
        if len(names) < len(self._layers_in_order):
            # The pooled layer of the head is a layer of its own here.
            names = [*names[:-1], *([name] for name in names[-1])]
        for own, (op, rows) in zip(names, self._layers_in_order, strict=True):
            chosen = [0 if row is None else choices[row] for row in rows]
            keras_network.set_stage_weights(model, own, iter(op.export(*chosen)))
        row = self.classifier.row
        exported = self.classifier.export(0 if row is None else choices[row])
        model.get_layer("logits").set_weights(exported)
        return model
