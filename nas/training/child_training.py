"""Trains a child network."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from nas import files, run_length
from nas.architecture import spec_json
from nas.architecture.specs import Child
from nas.data import batching
from nas.data.splits import dataset
from nas.data.splits.split import Split
from nas.distribution import replicated_fit
from nas.distribution.hosts import Distribution
from nas.layers import frozen_batch_norm, fused_batch_norm, keras_network, precision
from nas.pretrained import network_weights
from nas.progress import Track, untracked
from nas.training import beginning, checkpoints, resumable_fit
from nas.training.diverging import Diverging
from nas.training.train_config import TrainConfig

_EVALUATED_AT_ONCE = 500
# Fewer batches are evaluated without showing it.
_MOST_UNSEEN = 20


def train(
    network: Child,
    dataset: dataset.Dataset,
    config: TrainConfig,
    directory: files.Path,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    report: Callable[[str], None] = lambda line: None,
    distribution: Distribution | None = None,
    initial: Sequence[np.ndarray] | None = None,
) -> keras.Model:
    """Trains `network`, or resumes an interrupted training.

    All images outside the test split are used; the validation split is needed only by the search.
    During training batch normalization is a fused kernel; the returned model has stock layers only.

    Args:
        network: the child, with the data set's classes and resolution.
        dataset: data set to train on.
        config: settings.
        directory: folder for `metrics.jsonl` and `checkpoints/`. A training found there is resumed
            and gives the same result as without interruption. If network, data set or settings
            have changed, it starts over.
        callbacks: further Keras callbacks; at batch ends their logs are tensors.
        report: receives a line if an earlier training is dropped.
        distribution: the devices and hosts to train on; default one. All hosts make this call.
        initial: weights to begin with, as `keras_network.build_child(network).get_weights()` gives
            them; random ones if not given.

    Returns:
        The trained model of stock Keras layers, always in float32, and the same on every host.

    Raises:
        ValueError: before any work, if the network does not fit the data set or a setting does not
            fit this machine; or later, if training diverges.

    Example:
        >>> import nas, numpy as np, tempfile
        >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> data = nas.dataset_from_arrays(images, np.arange(40) % 2)
        >>> child = nas.load_space("tiny").with_task(2, resolution=16).child([0, 1, 2])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model = nas.train(child, data, nas.TrainConfig(epochs=1, batch_size=8), folder)
        >>> model.output_shape
        (None, 2)
    """
    if (network.num_classes, network.input_shape) != (dataset.num_classes, dataset.input_shape):
        raise ValueError(
            f"{network.name}: expected {dataset.num_classes} classes and images "
            f"{dataset.input_shape} as {dataset.name} has, received {network.num_classes} and "
            f"{network.input_shape}; use a network for this data set"
        )
    examples = dataset.train_and_validation
    steps = batching.steps_per_epoch(examples, config.batch_size)
    hosts = distribution or Distribution()
    hosts.check_batch_size(config.batch_size)
    hosts.check_agreement("data set", dataset.digest)
    precision.check(config.precision)
    keras.utils.set_random_seed(config.seed)
    with hosts.scope():
        weights = dataset.weights_in(examples)
        model, averages = _compiled(network, config, steps, hosts, weights)
    if initial is not None:
        model.set_weights(initial)
    variables = {
        **checkpoints.named_variables(model, "model"),
        **checkpoints.named_variables(model.optimizer, "optimizer"),
    }
    identity: dict[str, Any] = {
        "child": spec_json.to_dict(network),
        "dataset": dataset.summary,
        "settings": config.settings | hosts.settings(config.batch_size),
    }
    if initial is not None:
        identity["initial"] = network_weights.digest(initial)
    state = checkpoints.RunState(
        directory,
        variables,
        identity,
        steps,
        averages,
        report=report,
        distribution=hosts,
        diverging=Diverging(network.num_classes, model.optimizer),
    )
    finished = state.restore()
    with batching.named_faults(examples):
        if not finished:
            _begin(model, network, config, examples)
        resumable_fit.fit(
            model,
            lambda step: hosts.distribute(
                lambda share: batching.training_batches(
                    examples, config.batch_size, config.seed, first_step=step, share=share
                )
            ),
            finished,
            config.epochs,
            steps,
            state,
            [state, *callbacks],
        )
    stock = keras_network.build_child(network)
    stock.set_weights(model.get_weights())
    return stock


def _begin(model: keras.Model, network: Child, config: TrainConfig, examples: Split) -> None:
    """Measures moments and fits the classifier, as the settings say."""
    if not (config.measure_moments or config.fit_classifier):
        return
    stock = keras_network.build_child(network)
    stock.set_weights(model.get_weights())
    if config.measure_moments:
        beginning.measure_moments(stock, examples)
    if config.fit_classifier:
        beginning.fit_classifier(stock, examples)
    model.set_weights(stock.get_weights())


def _compiled(
    network: Child,
    config: TrainConfig,
    steps_per_epoch: int,
    distribution: Distribution,
    class_weights: np.ndarray | None,
) -> tuple[keras.Model, list[keras.metrics.Metric]]:
    """Builds and compiles the child; returns it with its metrics."""
    batch_norm: Callable = functools.partial(
        fused_batch_norm.FusedBatchNormalization, synchronized=distribution.sync_batch_norm
    )
    if config.freeze_moments:
        batch_norm = frozen_batch_norm.FrozenBatchNormalization
    model = keras_network.build_child(network, batch_norm=batch_norm, dtype=config.precision)
    if distribution.num_replicas > 1:
        model = replicated_fit.ReplicatedChild(model.inputs, model.outputs)
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(
        optimizer=_optimizer(config, steps_per_epoch),
        loss=_SmoothedCrossEntropy(network.num_classes, config.label_smoothing, class_weights),
        metrics=[accuracy],
        jit_compile=config.jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    return model, [model.metrics[0], accuracy]


def evaluate(
    model: keras.Model,
    split: Split,
    class_weights: np.ndarray | None = None,
    track: Track = untracked,
) -> float:
    """Returns the accuracy of `model` on `split`, in [0, 1].

    Args:
        model: the network.
        split: the images.
        class_weights: how much an image of each class counts, `[classes]`; None if all count alike.
        track: shows progress if it takes long; see `nas.progress`.

    Example:
        >>> import nas, numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> data = nas.dataset_from_arrays(images, np.arange(40) % 2)
        >>> child = nas.load_space("tiny").with_task(2, resolution=16).child([0, 1, 2])
        >>> 0.0 <= nas.evaluate(nas.build_child(child), data.test) <= 1.0
        True
    """
    return loss_and_accuracy(model, split, class_weights, track)[1]


def loss_and_accuracy(
    model: keras.Model,
    split: Split,
    class_weights: np.ndarray | None = None,
    track: Track = untracked,
) -> tuple[float, float]:
    """Returns the mean cross-entropy of `model` on `split`, in nats, and its accuracy in [0, 1].

    Args:
        model: the network.
        split: the images.
        class_weights: how much an image of each class counts, `[classes]`; None if all count alike.
        track: as for `evaluate`.
    """
    loss = keras.metrics.SparseCategoricalCrossentropy(from_logits=True)
    correct = keras.metrics.SparseCategoricalAccuracy()
    with batching.named_faults(split):
        for images, labels in _evaluation_batches(split, track):
            logits = model.predict_on_batch(images)
            weights = None if class_weights is None else class_weights[labels.numpy()]
            loss.update_state(labels, logits, weights)
            correct.update_state(labels, logits, weights)
    return float(loss.result()), float(correct.result())


def _evaluation_batches(split: Split, track: Track) -> Iterable[Any]:
    batch_size = split.images_at_once(_EVALUATED_AT_ONCE)
    batches, count = batching.evaluation_batches(split, batch_size), -(-len(split) // batch_size)
    if count <= _MOST_UNSEEN:
        return batches
    return track(batches, count, f"evaluating {len(split):,} images")


def predicted_classes(model: keras.Model, split: Split, track: Track = untracked) -> np.ndarray:
    """Returns the class that `model` names for each image of `split`, int64 `[n]`.

    `track` is as for `evaluate`.
    """
    with batching.named_faults(split):
        found = [
            model.predict_on_batch(images).argmax(axis=1)
            for images, _ in _evaluation_batches(split, track)
        ]
    return np.concatenate(found)


def _optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    warmup_steps = int(config.warmup_epochs * steps_per_epoch)

    def cosine(steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup_steps else config.learning_rate,
            decay_steps=max(1, steps - warmup_steps),
            warmup_target=config.learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )

    epochs = (*config.earlier_epochs, config.epochs)
    schedule = run_length.Schedule(cosine, [count * steps_per_epoch for count in epochs])
    decay = config.weight_decay
    if config.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(schedule, 0.9, nesterov=True, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    if precision.needs_loss_scale(config.precision):
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


class _SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of integer labels and logits, with label smoothing and weights of classes."""

    def __init__(
        self, num_classes: int, smoothing: float, class_weights: np.ndarray | None = None
    ) -> None:
        super().__init__(name="smoothed_cross_entropy")
        self._class_weights = class_weights
        self._num_classes = num_classes
        self._smoothing = smoothing

    def call(self, y_true, y_pred):
        labels = keras.ops.reshape(y_true, [-1])
        targets = keras.ops.one_hot(labels, self._num_classes)
        losses = keras.losses.categorical_crossentropy(
            targets, y_pred, from_logits=True, label_smoothing=self._smoothing
        )
        if self._class_weights is None:
            return losses
        weights = keras.ops.convert_to_tensor(self._class_weights, losses.dtype)
        return losses * keras.ops.take(weights, keras.ops.cast(labels, "int32"))
