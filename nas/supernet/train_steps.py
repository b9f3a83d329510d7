"""The weight step and the architecture step of a supernet: compute gradients, then apply them.

The computed gradients are means over all replicas. Applying them writes only the rows that were
read. It does not wait for other replicas, so it may be inside a branch.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from nas.distribution import replicas
from nas.supernet import path_optimizer, routes
from nas.supernet.candidates.mixed_op import Selection
from nas.supernet.learning_network import ArchitectureGradient, LearningNetwork


class WeightGradient(NamedTuple):
    """The gradients, moments and metrics of a weight step on one training batch.

    Attributes:
        updates: the shared weights and the rows that were read, with their gradients.
        selections: the same rows as the route read them.
        moments: the moments of the batch, one row per selection.
        loss: scalar, cross-entropy with label smoothing, mean over the batch.
        accuracy: scalar, in [0, 1].
    """

    updates: list[path_optimizer.RowUpdate]
    selections: list[Selection]
    moments: list[Any]
    loss: tf.Tensor
    accuracy: tf.Tensor


def weight_gradient(
    net: LearningNetwork,
    images: tf.Tensor,
    labels: tf.Tensor,
    route: routes.Route,
    label_smoothing: float,
) -> WeightGradient:
    """Runs the route and the shared layers forward and backward, and writes nothing.

    Args:
        net: the supernet.
        images: `[batch, height, width, channels]`.
        labels: `[batch]`.
        route: how the output of each layer is computed.
        label_smoothing: of the cross-entropy.
    """
    rows = net.read(route)
    selections = [selection for row in rows for selection in row]
    sources = [[s.weights.kernels, s.weights.affine] for s in selections]
    classifier = net.read_classifier(route)
    to_train = [sources, [classifier.kernel, classifier.bias]]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(to_train)
        features, moments = net.features(images, route, rows, training=True)
        logits = classifier(features)
        loss = net.cross_entropy(labels, logits, label_smoothing)
    found = net.loss_scale.gradient(tape, loss, to_train)
    accuracy = net.accuracy(labels, logits)
    found, moments, loss, accuracy = replicas.mean((found, moments, loss, accuracy))
    gradients, to_classifier = found
    updates = net.classifier.updates(classifier, *to_classifier)
    for selection, own in zip(selections, gradients, strict=True):
        updates += selection.group.updates(selection, own)
    return WeightGradient(updates, selections, moments, loss, accuracy)


def apply_weight_gradient(net: LearningNetwork, found: WeightGradient) -> None:
    """Updates the weights and the moving moments of the route.

    It changes neither if the gradient overflowed with its loss scale.
    """

    def step() -> None:
        net.path_optimizer.apply(found.updates)
        for selection, batch in zip(found.selections, found.moments, strict=True):
            selection.group.write_moments(selection, batch)

    net.loss_scale.apply([update.gradient for update in found.updates], step)
    _track(net, {"loss": found.loss, "accuracy": found.accuracy})


def no_architecture_gradient(net: LearningNetwork) -> ArchitectureGradient:
    """Returns zeros, for a step without validation images."""
    nothing = tf.constant(0.0)
    return ArchitectureGradient(tf.zeros(net.alpha.shape), nothing, nothing)


def apply_architecture_gradient(
    net: LearningNetwork, found: ArchitectureGradient, seed: tf.Tensor
) -> None:
    """Updates alpha, unless its gradient overflowed with its loss scale.

    Args:
        net: the supernet; its weights and moments do not change.
        found: the gradient from the algorithm of `net`.
        seed: the seed that the gradient was computed with.
    """

    def step() -> None:
        before = tf.identity(net.alpha.value)
        _step_alpha(net, found.gradient)
        after = tf.identity(net.alpha.value)
        net.alpha.assign(net.objective.move(net.algorithm.finish(net, before, after, seed)))
        net.algorithm.observe(found)

    net.loss_scale.apply([found.gradient], step)
    seen = {"validation_loss": found.cross_entropy, "validation_accuracy": found.accuracy}
    if net.algorithm.is_rewarded:
        seen["reward"] = tf.convert_to_tensor(found.reward)
    _track(net, seen)


def _track(net: LearningNetwork, values: Mapping[str, tf.Tensor]) -> None:
    # All replicas have the same mean, and a tracker sums over replicas.
    count = replicas.count()
    for name, value in values.items():
        net.trackers[name].update_state(value, None if count == 1 else 1.0 / count)


def _step_alpha(net: LearningNetwork, gradient: tf.Tensor) -> None:
    optimizer = net.arch_optimizer
    if replicas.count() == 1:
        optimizer.apply([gradient], [net.alpha])
        return
    # `apply` would sum the gradients over replicas again.
    learning_rate = tf.cast(optimizer.learning_rate, tf.float32)
    optimizer.update_step(gradient, net.alpha, learning_rate)
    replicas.local(optimizer.iterations).assign_add(1)
