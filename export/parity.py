"""Whether a `.tflite` file computes what its Keras network computes."""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export import flatbuffer, interpreter
from export.recipes import Recipe
from nas import files

SCHEMA_VERSION = 1
_BATCH_SIZE = 256
# Standard errors granted to figures estimated from a sample: one false alarm in 700.
_SIGMAS = 3.0


@dataclasses.dataclass(frozen=True)
class Parity:
    """One file against its Keras network, on the same images.

    Attributes:
        recipe: name of the recipe.
        num_images: how many images were compared.
        max_abs_difference: largest difference of any logit.
        mean_abs_difference: mean difference over all logits.
        max_abs_logit: largest absolute logit of the Keras network: what a difference compares to.
        top1_agreement: share of images with the same first class.
        accuracy_keras: top-1 accuracy of the Keras network, as a fraction.
        accuracy_tflite: top-1 accuracy of the file in LiteRT.
        size_bytes: size of the file.
        operators: how often each operation occurs in the file.
        oldest_runtime: oldest TensorFlow Lite release that can load the file, by the converter's
            own note (nothing older was tried); None where it left none.
        int8_tensors: number of int8 tensors.
        runtime: name and version of the runtime that was compared.
        provenance: what made the comparison.
    """

    recipe: str
    num_images: int
    max_abs_difference: float
    mean_abs_difference: float
    max_abs_logit: float
    top1_agreement: float
    accuracy_keras: float
    accuracy_tflite: float
    size_bytes: int
    operators: dict[str, int]
    oldest_runtime: str | None
    int8_tensors: int
    runtime: str
    provenance: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, with its `schema_version`."""
        return {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}


class ParityError(ValueError):
    """A file that strays from its Keras network further than its recipe allows.

    Attributes:
        parity: the comparison that failed; None where the logits were not even finite.
    """

    def __init__(self, message: str, parity: Parity | None = None) -> None:
        """Keeps the comparison beside the message."""
        super().__init__(message)
        self.parity = parity


def keras_logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Logits of the Keras network: float32 `[count, classes]`."""
    signature = tf.TensorSpec([None, *model.inputs[0].shape[1:]], tf.float32)
    # One trace for every batch size; `predict` would trace the short last batch anew.
    run = tf.function(lambda batch: model(batch, training=False), input_signature=[signature])
    parts = [run(images[i : i + _BATCH_SIZE]).numpy() for i in range(0, len(images), _BATCH_SIZE)]
    return np.concatenate(parts)


def compare(
    model: keras.Model,
    content: bytes,
    recipe: Recipe,
    images: np.ndarray,
    labels: np.ndarray,
    expected_logits: np.ndarray | None = None,
) -> Parity:
    """Runs both on the same images and checks the recipe's limits.

    Args:
        model: the Keras network the file was made from.
        content: the `.tflite` file.
        recipe: the recipe it was made by.
        images: float32 `[count, height, width, channels]` in [-1, 1].
        labels: true classes, `[count]`.
        expected_logits: what `keras_logits(model, images)` gave, when it is already known.

    Raises:
        ValueError: no images, as many labels as images are missing, or not a `.tflite` file.
        ParityError: a limit of the recipe is exceeded; the message has the figures.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(
            f"expected images and as many labels, received {len(images)} and {len(labels)}"
        )
    expected = keras_logits(model, images) if expected_logits is None else expected_logits
    received = interpreter.predict(content, images)
    for source, logits in (("Keras network", expected), ("file", received)):
        if not np.all(np.isfinite(logits)):
            raise ParityError(f"{recipe.name}: the logits of the {source} are not all finite")
    difference = np.abs(expected - received)
    classes, tflite_classes = expected.argmax(axis=1), received.argmax(axis=1)
    parity = Parity(
        recipe=recipe.name,
        num_images=len(images),
        max_abs_difference=float(difference.max()),
        mean_abs_difference=float(difference.mean()),
        max_abs_logit=float(np.abs(expected).max()),
        top1_agreement=float(np.mean(classes == tflite_classes)),
        accuracy_keras=float(np.mean(classes == labels)),
        accuracy_tflite=float(np.mean(tflite_classes == labels)),
        size_bytes=len(content),
        operators=flatbuffer.operators(content),
        oldest_runtime=flatbuffer.oldest_runtime(content),
        int8_tensors=flatbuffer.tensor_types(content).get("int8", 0),
        runtime=interpreter.runtime(),
        provenance=files.provenance(),
    )
    check(parity, recipe)
    return parity


def check(parity: Parity, recipe: Recipe) -> None:
    """Holds a comparison against the limits of its recipe.

    Agreement and accuracy are estimates: on n images a share q of disagreements is measured with
    the standard error sqrt(q(1-q)/n), and the accuracy lost with at most sqrt(d/n), d being the
    share of images the two disagree on (McNemar 1947). Three of them are granted, so that a
    hundred images do not fail what ten thousand would pass.

    Raises:
        ParityError: a limit is exceeded; the message has every figure that is.
    """
    n = parity.num_images
    faults = []
    relative = parity.max_abs_difference / max(
        parity.max_abs_logit, float(np.finfo(np.float32).tiny)
    )
    limit = recipe.max_relative_difference
    if limit is not None and relative > limit:
        faults.append(
            f"largest difference {parity.max_abs_difference:.3g} is {relative:.2g} of the largest "
            f"logit {parity.max_abs_logit:.3g}, allowed {limit:g}"
        )
    if recipe.min_top1_agreement is not None:
        allowed = 1.0 - recipe.min_top1_agreement
        margin = _SIGMAS * math.sqrt(allowed * (1.0 - allowed) / n)
        if 1.0 - parity.top1_agreement > allowed + margin:
            faults.append(
                f"top-1 agreement {parity.top1_agreement:.2%}, expected "
                f"{recipe.min_top1_agreement:.2%}"
            )
    drop = parity.accuracy_keras - parity.accuracy_tflite
    margin = _SIGMAS * math.sqrt((1.0 - parity.top1_agreement) / n)
    if drop > recipe.max_accuracy_drop + margin:
        faults.append(
            f"accuracy {parity.accuracy_tflite:.2%} against {parity.accuracy_keras:.2%} in Keras, "
            f"allowed to lose {recipe.max_accuracy_drop:.2%}"
        )
    if faults:
        raise ParityError(
            f"{recipe.name}: the file strays from its Keras network on {n} images: "
            + "; ".join(faults),
            parity,
        )
