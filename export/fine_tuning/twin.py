"""Fine-tunes a child in the older Keras: quantization-aware training, pruning or clustering.

TensorFlow's Model Optimization Toolkit (tfmot) does not support Keras 3. Therefore the same builder
makes the network a second time as a `tf_keras` model, the twin. The weights are copied, and the
toolkit works on the twin. Importing tfmot turns `tf.keras` into `tf_keras` for the whole process:
only `export.fine_tuning.process` may import this module, in a separate process.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from tensorflow_model_optimization.python.core.clustering.keras import cluster_config
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_configs,
)

from export import recipes
from export.conversion import tflite
from export.fine_tuning import jobs, sparsity
from export.fine_tuning.jobs import Job, Outcome, QuantizedFile, TrainedWeights
from nas.data import batching
from nas.layers import keras_network

# Range of the pixels, which tfmot would otherwise estimate during training. In an exactly symmetric
# range the zero point would be half-way between two levels. This slightly smaller one gives the
# zero point of all other int8 files, so that an app passes the same bytes to each.
_INPUT_RANGE = (-1.0 + 1e-6, 1.0)
# Images from which the first ranges of a product are taken.
_RANGE_IMAGES = 200
# A centroid moves all weights of its cluster at once, so the usual learning rate would diverge.
_RATE_FACTORS = {"clustering": 0.2}


def build(job: Job) -> tf_keras.Model:
    """Builds the twin of a job's network: the same layers and weights in the older Keras."""
    model = keras_network.build_child(job.child, api=tf_keras)
    for layer in model.layers:
        layer.set_weights(job.weights.get(layer.name, []))
    return model


def run(job: Job, progress: Callable[[int], None]) -> Outcome:
    """Fine-tunes the twin with the job's kind of change.

    Args:
        job: network, images and settings.
        progress: called after every step with the number of steps done.

    Returns:
        Weights by layer; for quantization the file and its logits.
    """
    tf.keras.utils.set_random_seed(job.settings.seed)
    model = build(job)
    changed, callbacks, strip = _PREPARE[job.kind](model, job)
    _fit(changed, job, [*callbacks, _Progress(progress)])
    if job.kind == "quantization":
        _fix_input_range(changed)
        content = tflite.convert(changed, recipes.recipe("int8_qat"))
        return QuantizedFile(content, _logits(changed, job.test_images))
    plain = strip(changed)
    return TrainedWeights({layer.name: layer.get_weights() for layer in plain.layers})


# The changed network, callbacks, and what makes an ordinary network of it.
Prepared = tuple[Any, list, Callable]


def _unchanged(model: tf_keras.Model, job: Job) -> Prepared:
    return model, [], lambda changed: changed


def _quantized(model: tf_keras.Model, job: Job) -> Prepared:
    toolkit = tfmot.quantization.keras

    def annotated(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        # The toolkit has no rule for the product in a squeeze-and-excitation. Its output is an
        # activation like that of any other layer.
        return toolkit.quantize_annotate_layer(layer, of_output() if layer in products else None)

    of_output = default_8bit_quantize_configs.Default8BitOutputQuantizeConfig
    products = [e for e in model.layers if isinstance(e, tf_keras.layers.Multiply)]
    copy = tf_keras.models.clone_model(model, clone_function=annotated)
    with toolkit.quantize_scope({of_output.__name__: of_output}):
        changed = toolkit.quantize_apply(copy)
    _fix_input_range(changed)
    _start_ranges(model, changed, products, job)
    return changed, [], lambda changed: changed


def _start_ranges(
    model: tf_keras.Model, changed: tf_keras.Model, products: list[Any], job: Job
) -> None:
    """Starts the ranges of `products` at those of the float network.

    The toolkit starts every range at -6 to 6, and follows the data with a momentum of 0.999. The
    product of a ReLU6 and of a channel's weight, up to 6, is up to 36.
    """
    if not products:
        return
    count = min(_RANGE_IMAGES, len(job.training))
    images = batching.calibration_images(job.training, count, job.settings.seed)
    outputs = tf_keras.Model(model.inputs, [product.output for product in products])
    for product, values in zip(products, tf.nest.flatten(outputs(images)), strict=True):
        layer = changed.get_layer(f"quant_{product.name}")
        _set_range(layer, float(tf.reduce_min(values)), float(tf.reduce_max(values)))


def _fix_input_range(model: tf_keras.Model) -> None:
    (layer,) = [entry for entry in model.layers if type(entry).__name__ == "QuantizeLayer"]
    _set_range(layer, *_INPUT_RANGE)


def _set_range(layer: tf_keras.layers.Layer, least: float, most: float) -> None:
    """Sets the range of a layer that quantizes its output only."""
    for end, value in (("_min", least), ("_max", most)):
        (weight,) = [w for w in layer.weights if w.name.partition(":")[0].endswith(end)]
        weight.assign(value)


def _has_kernel_to_change(layer: tf_keras.layers.Layer) -> bool:
    return any(jobs.is_not_depthwise(weight) for weight in layer.get_weights())


def _pruned(model: tf_keras.Model, job: Job) -> Prepared:
    kernels = {
        layer.name: layer.get_weights()[0] for layer in model.layers if _has_kernel_to_change(layer)
    }
    shares = sparsity.by_layer(kernels, job.settings.sparsity)

    def wrapped(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        if not shares.get(layer.name):
            return layer
        # Weights become zero during the first half; the second half recovers the accuracy.
        schedule = tfmot.sparsity.keras.PolynomialDecay(
            initial_sparsity=0.0,
            final_sparsity=shares[layer.name],
            begin_step=0,
            end_step=max(1, job.num_steps // 2),
            frequency=max(1, job.num_steps // 100),
        )
        return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule)

    changed = tf_keras.models.clone_model(model, clone_function=wrapped)
    callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
    return changed, callbacks, tfmot.sparsity.keras.strip_pruning


def _clustered(model: tf_keras.Model, job: Job) -> Prepared:
    toolkit = tfmot.clustering.keras

    def wrapped(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        # Given a whole model, the toolkit wraps every layer, and its wrapper does not pass on
        # `training`. Batch normalization would then use its old moments and never renew them.
        if not _has_kernel_to_change(layer):
            return layer
        return toolkit.cluster_weights(
            layer,
            number_of_clusters=job.settings.clusters,
            cluster_centroids_init=toolkit.CentroidInitialization.KMEANS_PLUS_PLUS,
            # The default, the sum over a cluster, makes steps so large that a learning rate for
            # single weights diverges.
            cluster_gradient_aggregation=cluster_config.GradientAggregation.AVG,
        )

    changed = tf_keras.models.clone_model(model, clone_function=wrapped)
    return changed, [], toolkit.strip_clustering


_PREPARE = {
    None: _unchanged,
    "quantization": _quantized,
    "pruning": _pruned,
    "clustering": _clustered,
}


def _fit(model: tf_keras.Model, job: Job, callbacks: list[tf_keras.callbacks.Callback]) -> None:
    settings = job.settings
    peak = settings.learning_rate * _RATE_FACTORS.get(job.kind or "", 1.0)
    rate = tf_keras.optimizers.schedules.CosineDecay(peak, job.num_steps)
    model.compile(
        optimizer=tf_keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        loss=tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    weights = None if job.class_weights is None else dict(enumerate(job.class_weights.tolist()))
    model.fit(
        batching.training_batches(job.training, settings.batch_size, settings.seed),
        epochs=settings.epochs,
        steps_per_epoch=job.num_steps // settings.epochs,
        class_weight=weights,
        verbose=0,
        callbacks=callbacks,
    )

    if not all(np.all(np.isfinite(weight)) for weight in model.get_weights()):
        raise _diverged()


def _diverged() -> ValueError:
    return ValueError(
        "fine-tuning: expected finite weights and losses, received NaN or infinity: the training "
        "diverged; use a smaller learning rate"
    )


class _Progress(tf_keras.callbacks.Callback):
    """Reports the number of steps done, and ends a training that diverged."""

    def __init__(self, report: Callable[[int], None]) -> None:
        super().__init__()
        self._done, self._report = 0, report

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._done += 1
        self._report(self._done)
        if not math.isfinite((logs or {})["loss"]):
            raise _diverged()


def _logits(model: tf_keras.Model, images: np.ndarray) -> np.ndarray:
    signature = tf.TensorSpec([None, *images.shape[1:]], tf.float32)
    run = tf.function(
        lambda batch: model(batch, training=False), input_signature=[signature], autograph=False
    )
    return np.concatenate([run(images[i : i + 256]).numpy() for i in range(0, len(images), 256)])
