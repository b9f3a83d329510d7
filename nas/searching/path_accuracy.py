"""Measures the accuracy of a supernet's paths, each with its own batch normalization moments.

The supernet's moving moments were collected over all sampled paths. Therefore the moments are
measured again for every path: training images run through it, normalized by the moments of their
batch, and the mean of these moments over the batches normalizes the validation images.
`PathAccuracy` traces two functions that serve every path. `inherited` makes a Keras child with such
moments, which takes seconds.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas.data import batching
from nas.data.splits.dataset import Dataset
from nas.supernet import routes
from nas.supernet.supernet import Supernet
from nas.training import recalibration

_BATCH = 500


class PathAccuracy:
    """Evaluates paths on the validation split of a data set.

    Args:
        supernet: the supernet; its weights and moments are only read.
        dataset: its training images give the moments, its validation split the accuracy.
    """

    def __init__(self, supernet: Supernet, dataset: Dataset) -> None:
        self._supernet = supernet
        self._training_images = recalibration.batches(dataset.train)
        self._validation = batching.evaluation_batches(
            dataset.validation, dataset.validation.images_at_once(_BATCH)
        )
        # With class weights, images count by them: their sum is that of the correct ones at best.
        weights = supernet.class_weights
        self._weights = np.ones(dataset.num_classes, np.float32) if weights is None else weights
        self._best = float(self._weights[dataset.validation.labels].sum(dtype=np.float64))
        images = tf.TensorSpec([None, *dataset.input_shape], tf.float32)
        labels = tf.TensorSpec([None], tf.int64)
        count = len(supernet.space.option_counts)
        choices = tf.TensorSpec([count], tf.int32)
        parts = supernet.read(routes.Path([0] * count))
        moments = [selection.weights.moments for part in parts for selection in part]
        rows = tf.nest.map_structure(lambda m: tf.TensorSpec([None] * m.shape.rank), moments)
        options = {"jit_compile": False, "autograph": False}
        self._moments = tf.function(
            self._batch_moments, input_signature=[choices, images], **options
        )
        self._correct = tf.function(
            self._count_correct, input_signature=[choices, images, labels, rows], **options
        )

    def __call__(self, choices: Sequence[int]) -> float:
        """Returns the path's accuracy on the validation split, in [0, 1].

        It is the balanced accuracy if the supernet has class weights.
        """
        path = tf.constant(choices, tf.int32)
        found = [self._moments(path, images) for images in self._training_images]
        moments = tf.nest.map_structure(lambda *m: tf.reduce_mean(tf.stack(m), axis=0), *found)
        correct = sum(
            float(self._correct(path, images, labels, moments))
            for images, labels in self._validation
        )
        return correct / self._best

    def _batch_moments(self, choices: tf.Tensor, images: tf.Tensor) -> list[Any]:
        """Returns the moments of one batch, for every selection of the path."""
        net, route = self._supernet, routes.Path(choices)
        _, moments = net.features(images, route, net.read(route), training=True)
        return moments

    def _count_correct(
        self, choices: tf.Tensor, images: tf.Tensor, labels: tf.Tensor, moments: list[Any]
    ) -> tf.Tensor:
        net, route, rows = self._supernet, routes.Path(choices), iter(moments)
        selections = [
            [s._replace(weights=s.weights._replace(moments=next(rows))) for s in part]
            for part in net.read(route)
        ]
        features, _ = net.features(images, route, selections, training=False)
        logits = net.read_classifier(route)(features)
        predicted = tf.argmax(logits, axis=1, output_type=labels.dtype)
        weights = tf.gather(tf.constant(self._weights), labels)
        return tf.reduce_sum(tf.where(tf.equal(predicted, labels), weights, 0.0))


def inherited(supernet: Supernet, choices: Sequence[int], dataset: Dataset) -> keras.Model:
    """Returns a child with the supernet's weights and moments of its own.

    Args:
        supernet: the supernet.
        choices: the child's.
        dataset: its training images, resized to the child's resolution, give the moments.
    """
    model = supernet.inherit(choices)
    own = dataset.at_resolution(supernet.space.child(choices).resolution)
    recalibration.recalibrate(model, recalibration.batches(own.train))
    return model
