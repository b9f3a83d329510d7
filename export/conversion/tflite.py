"""Converts Keras networks to `.tflite` bytes.

The network is traced once, for one image, and passed to the converter as a concrete function. This
is four times faster than the converter's own path from a Keras model, which writes and reads a
SavedModel, and gives the same bytes in every run.
"""

import functools
import re
from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from export.content import flatbuffer
from export.recipes import Recipe
from nas import chatter

# Sets of operations allowed in a file, by the type of its activations.
_OPERATIONS = {
    "float32": tf.lite.OpsSet.TFLITE_BUILTINS,
    "int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    "int16": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
}
_UNKNOWN_OPERATION = re.compile(r"'(?:tf|tfl)\.([\w.]+)' op")


def convert(
    model: keras.Model, recipe: Recipe, calibration_images: np.ndarray | None = None
) -> bytes:
    """Writes a network as a `.tflite` file of built-in operations.

    The bytes depend only on the network, its weights, the recipe and the calibration images.

    Args:
        model: any network or block that `nas.layers.keras_network` builds, with one image as input,
            one tensor as output, and fixed height and width. Batch normalization is folded into the
            convolutions.
        recipe: what to quantize.
        calibration_images: inputs of the model, float32 `[count, height, width, channels]`, a
            hundred or more typical ones (random ones suffice if only latency matters). Required if
            the recipe needs calibration, otherwise ignored.

    Returns:
        The file's content; its input is `[1, height, width, channels]`.

    Raises:
        ValueError: weights are not finite, calibration images are missing or unsuitable, the input
            has no fixed shape, or an operation is not built in.

    Example:
        >>> import export, nas, numpy as np
        >>> model = nas.build_child(nas.load_space("tiny").child([0, 1, 2]))
        >>> images = np.random.default_rng(0).uniform(-1, 1, (20, 32, 32, 3)).astype(np.float32)
        >>> content = export.convert(model, export.recipe("int8"), images)
        >>> content[4:8]
        b'TFL3'
    """
    shape = input_shape(model)
    check_weights(model)
    calibration: Iterable[np.ndarray] = ()
    if recipe.needs_calibration:
        calibration = _checked_calibration(calibration_images, shape, recipe)
    failure = None
    with chatter.silenced():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([_trace(model, shape)])
        _configure(converter, recipe, calibration)
        try:
            content = converter.convert()
        # The converter raises plain Exception with messages of many pages. The error is raised
        # again outside of `silenced`, which would print them all, with the one line that matters.
        except Exception as error:
            failure = error
    if failure is not None:
        raise ValueError(f"{model.name}: {_explain(failure)}") from failure
    custom = flatbuffer.custom_operators(content)
    if custom:
        raise ValueError(f"{model.name}: {_not_builtin(custom)}")
    return content


def check_weights(model: keras.Model) -> None:
    """Checks that all weights are finite, which they are not after a failed training.

    Raises:
        ValueError: a weight is NaN or infinite; the message names the first such layer.
    """
    for layer in model.layers:
        for weight in layer.weights:
            values = weight.numpy()
            if not np.all(np.isfinite(values)):
                count = np.count_nonzero(~np.isfinite(values))
                raise ValueError(
                    f"{model.name}: expected finite weights, but {count} of {values.size} values "
                    f"of {layer.name}/{weight.name} are NaN or infinite; train the network again"
                )


def input_shape(model: keras.Model) -> tuple[int, ...]:
    """Returns the shape of a network's input, without the batch.

    Raises:
        ValueError: the model is not functional, has not one input and one output, or its input has
            no fixed shape.
    """
    if not hasattr(model, "inputs") or model.inputs is None:
        raise ValueError(
            f"{model.name}: expected a network with inputs and outputs, received "
            f"{type(model).__name__}; first derive a child from the supernet and train it"
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"{model.name}: expected one input and one output, received {len(model.inputs)} and "
            f"{len(model.outputs)}"
        )
    shape = tuple(model.inputs[0].shape[1:])
    if None in shape:
        raise ValueError(f"{model.name}: expected an input of fixed shape, received {shape}")
    return shape


def _checked_calibration(
    images: np.ndarray | None, shape: tuple[int, ...], recipe: Recipe
) -> np.ndarray:
    expected = f"recipe {recipe.name}: expected calibration images [count, {str(shape)[1:-1]}]"
    if images is None:
        raise ValueError(f"{expected}, received none; pass a hundred or more training images")
    if len(images) == 0 or np.shape(images)[1:] != shape:
        raise ValueError(f"{expected}, received shape {list(np.shape(images))}")
    if images.dtype != np.float32:
        raise ValueError(f"{expected} of float32, received {images.dtype}")
    if not np.all(np.isfinite(images)):
        raise ValueError(f"{expected} of finite values, received float32 with NaN or infinities")
    return images


# A network is written by several recipes in a row, and float16 compares with a second one. The
# graph reads the variables, so it stays right when they change.
@functools.lru_cache(maxsize=2)
def _trace(model: keras.Model, shape: tuple[int, ...]) -> tf.types.experimental.ConcreteFunction:
    def signature(batch: int | None) -> list[tf.TensorSpec]:
        return [tf.TensorSpec([batch, *shape], tf.float32, name=model.inputs[0].name)]

    # The inner function takes any number of images. For a single image with one pixel, Keras would
    # turn a residual addition into that of a bias, which needs a RESHAPE.
    many = tf.function(
        lambda images: model(images, training=False),
        input_signature=signature(None),
        autograph=False,
    )
    one = tf.function(lambda image: many(image), input_signature=signature(1), autograph=False)
    return one.get_concrete_function()


def _configure(
    converter: tf.lite.TFLiteConverter, recipe: Recipe, calibration_images: Iterable[np.ndarray]
) -> None:
    # A quantization-aware network holds its ranges and needs no other set of operations.
    measured = recipe.activations if recipe.needs_calibration else "float32"
    converter.target_spec.supported_ops = [_OPERATIONS[measured]]
    converter.inference_input_type = tf.as_dtype(recipe.interface)
    converter.inference_output_type = tf.as_dtype(recipe.interface)
    if recipe.weights == "float32":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if recipe.weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    # If a dense layer's input is quantized at run time, one scale per class would need a runtime of
    # 2024 or later. One scale for all classes works as well and loads everywhere.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = (
        recipe.activations == "float32"
    )
    if recipe.needs_calibration:

        def representative_images() -> Iterator[list[np.ndarray]]:
            for image in calibration_images:
                yield [image[np.newaxis]]

        converter.representative_dataset = representative_images


def _explain(failure: Exception) -> str:
    operations = sorted(set(_UNKNOWN_OPERATION.findall(str(failure))))
    if operations:
        return _not_builtin(operations)
    lines = str(failure).strip().splitlines() or [type(failure).__name__]
    return f"the converter refused the network ({lines[0]})"


def _not_builtin(operations: list[str]) -> str:
    return (
        f"expected built-in TensorFlow Lite operations only, received {', '.join(operations)}; "
        "build the network from other layers"
    )
