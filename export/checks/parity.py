"""Checks that a `.tflite` file computes the same as its Keras network."""

import dataclasses
import datetime
import math
import zlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.checks import interpreter
from export.checks.app_preparation import AppImages
from export.content import flatbuffer
from export.recipes import Recipe
from nas import class_scores, files

SCHEMA_VERSION = 1
_BATCH_SIZE = 256
# Tolerance of figures estimated from a sample, in standard errors: one false alarm in 700.
_SIGMAS = 3.0


@dataclasses.dataclass(frozen=True)
class FineTuned:
    """Fine-tuning of a network, compared with a float network that was trained as long.

    Attributes:
        settings: epochs, learning rate and the like.
        accuracy_parent: test accuracy of the float network that was trained as long.
        accuracy_network: test accuracy of the fine-tuned network, before it was written.
        parent_agreement: share of images on which the file and that float network agree.
        figures: size of the change, such as the share of weights that are zero.
    """

    settings: dict[str, Any]
    accuracy_parent: float
    accuracy_network: float
    parent_agreement: float
    figures: dict[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class FineTunedLogits:
    """Logits after fine-tuning, on the images of a comparison.

    Attributes:
        network: float32 `[count, classes]`, of the network that the file is written from.
        parent: likewise, of the float network that was trained as long.
        settings: settings of the training.
        figures: size of the change.
    """

    network: np.ndarray
    parent: np.ndarray
    settings: dict[str, Any]
    figures: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Parity:
    """Comparison of one file with its Keras network, on the same images.

    Attributes:
        recipe: name of the recipe.
        num_images: number of images compared.
        max_abs_difference: largest difference of any logit from the network that the file was
            written from: the Keras network, fine-tuned if the recipe does so.
        mean_abs_difference: mean difference over all logits.
        max_abs_logit: largest absolute logit of that network, the scale of a difference.
        max_unexplained_difference: largest difference from that network with its weights rounded to
            float16 as in the file; None if no such network was given.
        top1_agreement: share of images with the same top-1 class.
        accuracy_keras: top-1 accuracy of the Keras network, as a fraction.
        accuracy_tflite: top-1 accuracy of the file in LiteRT.
        size_bytes: size of the file.
        compressed_size_bytes: size after DEFLATE, as in an app package or a download from a store.
        operators: number of occurrences of each operation in the file.
        oldest_runtime: oldest TensorFlow Lite release that can load the file, by the versions of
            its operations (`export.checks.other_runtime` tries a real one); None if the converter
            noted none.
        int8_tensors: names of the int8 tensors.
        runtime: name and version of the runtime that ran the file.
        fine_tuning: how the network was fine-tuned, and its effect; None if it was not.
        provenance: how and when the comparison was made.
        by_class: of the file, the balanced accuracy, the accuracy of each class, and that of always
            naming the largest class, as `nas.class_scores` writes them.
        by_class_keras: likewise of the Keras network.
        in_app: the accuracy if an app prepares the photos as docs/android.md says, the number of
            photos, the accuracy on the same ones as the test prepares them, and how often the file
            answers the same; None if the test images were stored in the network's size.
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
    compressed_size_bytes: int
    operators: dict[str, int]
    oldest_runtime: str | None
    int8_tensors: list[str]
    runtime: str
    provenance: dict[str, Any]
    fine_tuning: FineTuned | None = None
    max_unexplained_difference: float | None = None
    by_class: dict[str, Any] | None = None
    by_class_keras: dict[str, Any] | None = None
    in_app: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the comparison as JSON values, with its `schema_version`."""
        return {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}


class ParityError(ValueError):
    """A file differs from its Keras network by more than its recipe allows.

    Attributes:
        parity: the comparison that failed; None if logits were not finite.
    """

    def __init__(self, message: str, parity: Parity | None = None) -> None:
        """Keeps the comparison beside the message."""
        super().__init__(message)
        self.parity = parity


def logits_of(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Computes the logits of the Keras network, float32 `[count, classes]`."""
    signature = tf.TensorSpec([None, *model.inputs[0].shape[1:]], tf.float32)
    # One trace for all batch sizes; `predict` would trace the short last batch again.
    run = tf.function(
        lambda batch: model(batch, training=False), input_signature=[signature], autograph=False
    )
    parts = [run(images[i : i + _BATCH_SIZE]).numpy() for i in range(0, len(images), _BATCH_SIZE)]
    return np.concatenate(parts)


def compare(
    content: bytes,
    recipe: Recipe,
    images: np.ndarray,
    labels: np.ndarray,
    keras_logits: np.ndarray,
    fine_tuned: FineTunedLogits | None = None,
    held_logits: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    app: AppImages | None = None,
) -> Parity:
    """Runs a file on images, compares its logits and checks the recipe's limits.

    Args:
        content: the `.tflite` file.
        recipe: the recipe it was made by.
        images: float32 `[count, height, width, channels]` in [-1, 1].
        labels: true classes, `[count]`.
        keras_logits: logits of the Keras network for the images, from `logits_of`.
        fine_tuned: logits after fine-tuning; None if the recipe does not fine-tune.
        held_logits: logits of the network with its weights rounded as in the file
            (`export.conversion.rounding`); None if the file does not round them.
        class_names: name of each class; None for their numbers.
        app: some of the images as an app prepares them; None if these are the same.

    Raises:
        ValueError: there are no images, the numbers of images and labels differ, or the content is
            no `.tflite` file.
        ParityError: a limit of the recipe is exceeded; the message has the figures.

    Example:
        >>> import export, nas, numpy as np
        >>> model = nas.build_child(nas.load_space("tiny").child([0, 1, 2]))
        >>> images = np.random.default_rng(0).uniform(-1, 1, (20, 32, 32, 3)).astype(np.float32)
        >>> labels, logits = np.arange(20) % 10, model.predict(images, verbose=0)
        >>> recipe = export.recipe("float32")
        >>> parity = export.compare(export.convert(model, recipe), recipe, images, labels, logits)
        >>> parity.top1_agreement, parity.max_abs_difference < 1e-4 * parity.max_abs_logit
        (1.0, True)
    """
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(
            f"expected images and as many labels, received {len(images)} and {len(labels)}"
        )
    expected = keras_logits if fine_tuned is None else fine_tuned.network
    received = interpreter.predict(content, images)
    held = expected if held_logits is None else held_logits
    sources = (("Keras network", expected), ("rounded network", held), ("file", received))
    for source, logits in sources:
        if not np.all(np.isfinite(logits)):
            raise ParityError(f"{recipe.name}: the logits of the {source} are not all finite")
    difference = np.abs(expected - received)
    names = class_names or [str(i) for i in range(expected.shape[1])]
    keras_classes = keras_logits.argmax(axis=1)
    tflite_classes = received.argmax(axis=1)
    parity = Parity(
        recipe=recipe.name,
        num_images=len(images),
        max_abs_difference=float(difference.max()),
        mean_abs_difference=float(difference.mean()),
        max_abs_logit=float(np.abs(expected).max()),
        top1_agreement=float(np.mean(expected.argmax(axis=1) == tflite_classes)),
        accuracy_keras=float(np.mean(keras_classes == labels)),
        accuracy_tflite=float(np.mean(tflite_classes == labels)),
        size_bytes=len(content),
        compressed_size_bytes=len(zlib.compress(content, 9)),
        operators=flatbuffer.operators(content),
        oldest_runtime=flatbuffer.oldest_runtime(content),
        int8_tensors=flatbuffer.tensor_names(content, "int8"),
        runtime=interpreter.runtime(),
        provenance=files.provenance(date=_now()),
        fine_tuning=None if fine_tuned is None else _summary(fine_tuned, tflite_classes, labels),
        max_unexplained_difference=(
            None if held_logits is None else float(np.abs(held_logits - received).max())
        ),
        by_class=class_scores.scores(labels, tflite_classes, len(names)).to_dict(names),
        in_app=None if app is None else app.compare(content, tflite_classes, labels),
        by_class_keras=class_scores.scores(labels, keras_classes, len(names)).to_dict(names),
    )
    check(parity, recipe)
    return parity


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _summary(
    fine_tuned: FineTunedLogits, tflite_classes: np.ndarray, labels: np.ndarray
) -> FineTuned:
    parent_classes = fine_tuned.parent.argmax(axis=1)
    return FineTuned(
        settings=fine_tuned.settings,
        accuracy_parent=float(np.mean(parent_classes == labels)),
        accuracy_network=float(np.mean(fine_tuned.network.argmax(axis=1) == labels)),
        parent_agreement=float(np.mean(parent_classes == tflite_classes)),
        figures=fine_tuned.figures,
    )


def check(parity: Parity, recipe: Recipe) -> None:
    """Checks a comparison against the limits of its recipe.

    Agreement and accuracy are estimates. On n images a share q of disagreements has the standard
    error sqrt(q(1-q)/n), and the accuracy lost has at most sqrt(d/n), where d is the share of
    images on which the two disagree (McNemar 1947). The limits are widened by three standard
    errors, so that a hundred images do not fail a file that ten thousand would pass.

    Raises:
        ParityError: limits are exceeded; the message has every figure that exceeds its limit.
    """
    n = parity.num_images
    faults = []
    difference, source = parity.max_abs_difference, ""
    if recipe.weights == "float16":
        difference = parity.max_unexplained_difference or 0.0
        source = " from the network with the same rounded weights"
    relative = difference / max(parity.max_abs_logit, float(np.finfo(np.float32).tiny))
    limit = recipe.max_relative_difference
    if limit is not None and relative > limit:
        faults.append(
            f"largest difference{source} {difference:.3g} is {relative:.2g} of the largest "
            f"logit {parity.max_abs_logit:.3g}, allowed {limit:g}"
        )
    if recipe.min_top1_agreement is not None:
        allowed = 1.0 - recipe.min_top1_agreement
        margin = _SIGMAS * math.sqrt(allowed * (1.0 - allowed) / n)
        if 1.0 - parity.top1_agreement > allowed + margin:
            # If the file computes correctly with its weights, the rounding alone is the cause.
            blame = ", caused by rounding the weights: use the recipe float32"
            faults.append(
                f"top-1 agreement {parity.top1_agreement:.2%}, expected "
                f"{recipe.min_top1_agreement:.2%}"
                + ("" if faults or parity.max_unexplained_difference is None else blame)
            )
    parent, where, agreement = parity.accuracy_keras, "in Keras", parity.top1_agreement
    if parity.fine_tuning is not None:
        parent, where = parity.fine_tuning.accuracy_parent, "in float, trained as long"
        agreement = parity.fine_tuning.parent_agreement
    drop = parent - parity.accuracy_tflite
    margin = _SIGMAS * math.sqrt((1.0 - agreement) / n)
    if drop > recipe.max_accuracy_drop + margin:
        faults.append(
            f"accuracy {parity.accuracy_tflite:.2%} against {parent:.2%} {where}, "
            f"allowed to lose {recipe.max_accuracy_drop:.2%}"
        )
    if faults:
        raise ParityError(
            f"{recipe.name}: the file differs too much from its Keras network on {n} images: "
            + "; ".join(faults),
            parity,
        )
