"""Exports a trained Keras file as checked `.tflite` files; skips recipes that are already done."""

import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from export import recipes, writing
from export.checks import app_preparation, parity, parity_record
from export.content import flatbuffer, metadata
from export.conversion import tflite
from export.examples import Examples
from export.fine_tuning import jobs
from nas import files, reading
from nas.architecture import spaces
from nas.data.splits.dataset import Dataset
from nas.file_kinds import KERAS
from nas.layers import keras_file
from nas.progress import Track, untracked

STEM = "child"
CHILD_FILE = "child.json"
_GRAY = (
    "the network takes gray images of one channel: LiteRT runs it, MediaPipe refuses it; for a "
    "file that both run, train with --channels=rgb"
)


def tflite_path(workdir: files.Path, recipe: str) -> pathlib.Path:
    """Returns the path of a recipe's `.tflite` file."""
    return pathlib.Path(workdir) / f"{STEM}_{recipe}.tflite"


def parity_path(workdir: files.Path, recipe: str) -> pathlib.Path:
    """Returns the path of a recipe's comparison."""
    return pathlib.Path(workdir) / f"parity_{recipe}.json"


def comparison(workdir: files.Path, recipe: str) -> dict[str, Any]:
    """Reads a recipe's comparison, `parity_<recipe>.json`.

    Raises:
        ValueError: the file is missing or damaged.
    """
    return parity_record.read_all(parity_path(workdir, recipe))


def note(workdir: files.Path, recipe: str, **entries: Any) -> None:
    """Adds later results about a recipe's file, such as its latency, to its comparison.

    Raises:
        ValueError: there is no such comparison.
    """
    files.write_json(parity_path(workdir, recipe), comparison(workdir, recipe) | entries)


def load_model(path: files.Path) -> keras.Model:
    """Reads a `.keras` file of stock layers.

    Raises:
        ValueError: the file is missing, no `.keras` file, or has layers that are not Keras' own.
    """
    return keras_file.load(path)


def check_task(model: keras.Model, input_shape: Sequence[int], num_classes: int) -> None:
    """Checks that the data set has the network's image shape and number of classes.

    Args:
        model: the network, from images to logits.
        input_shape: height, width, channels of the data set's images.
        num_classes: classes of the data set.

    Raises:
        ValueError: the image shape or the number of classes differs, or the network has several
            inputs or outputs.
    """
    takes, makes = tflite.input_shape(model), model.output_shape[-1]
    if takes != tuple(input_shape) or makes != num_classes:
        raise ValueError(
            f"{model.name}: expected images {takes} and {makes} classes, received a data set with "
            f"images {tuple(input_shape)} and {num_classes} classes; give the data set it was "
            "trained on, and its --resolution if one was given"
        )


def describe(model_path: files.Path, dataset: Dataset) -> metadata.About:
    """Describes a network by its data set and the `child.json` beside its file.

    Raises:
        ValueError: `child.json` has a fault.
    """
    path = pathlib.Path(model_path).with_name(CHILD_FILE)
    child = spaces.load_child(str(path)) if path.exists() else None
    notes = [dataset.levels.describe()] if dataset.levels else []
    share = dataset.test.evaluated_share
    if share != 1.0:
        notes.append(f"tested on the middle square of {share:.3g} of the shorter side")
    return metadata.About(dataset.name, dataset.class_names, child, "; ".join(notes))


def export(
    model_path: files.Path,
    recipe_names: Sequence[str],
    workdir: files.Path,
    examples: Examples,
    about: metadata.About,
    settings: jobs.Settings | None = None,
    report: Callable[[str], None] = lambda line: None,
    track: Track = untracked,
    failed: dict[str, str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Writes and checks one `.tflite` file per recipe.

    A recipe is skipped if its file and comparison exist and were made from the same network, images
    and settings. A file that fails its comparison is not written, and an earlier file is kept.

    Args:
        model_path: the trained network, a `.keras` file.
        recipe_names: keys of `recipes.RECIPES`.
        workdir: folder for `child_<recipe>.tflite` and `parity_<recipe>.json`.
        examples: the images.
        about: description of the network, stored in the files.
        settings: settings of fine-tuning; None for the defaults.
        report: receives one line for each step.
        track: called like tqdm, for progress.
        failed: receives the reason by recipe if a file differs from the network by more than its
            recipe allows; the other recipes are written. If None, the first such file is an error.

    Returns:
        The contents of `parity_<recipe>.json`, by recipe.

    Raises:
        ValueError: a recipe is unknown, the model file is bad, images are missing, weights are not
            finite, the model is another network than `about` says, or the converter made unwanted
            operations.
        parity.ParityError: a file differs from the network by more than its recipe allows, and
            `failed` is None.
        OSError: `workdir` cannot be written, or the disk is full.

    Example:
        >>> import export, nas, numpy as np, os, tempfile
        >>> images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), np.uint8)
        >>> data = nas.dataset_from_arrays(images, np.arange(50) % 2, ["cat", "dog"])
        >>> model = nas.build_child(nas.load_space("tiny").with_task(2, 16).child([0, 1, 2]))
        >>> examples = export.examples_from_dataset(data)
        >>> about = export.About(data.name, data.class_names)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/child.keras")
        ...     found = export.export(f"{folder}/child.keras", ["float32"], folder, examples, about)
        ...     os.path.getsize(f"{folder}/child_float32.tflite") == found["float32"]["size_bytes"]
        True
    """
    wanted = [recipes.recipe(name) for name in recipe_names]
    content = reading.content(model_path, KERAS)
    settings = settings or jobs.Settings()
    for recipe in wanted:
        writing.check_examples(recipe, examples, about, settings)
    digest = hashlib.sha256(content).hexdigest()
    files.check_writable(workdir)
    _check_owner(workdir, model_path, digest)
    common = {
        "model_sha256": digest,
        "about_sha256": hashlib.sha256(repr(about).encode()).hexdigest(),
        "test_sha256": _digest(examples.test_images, examples.test_labels),
    }
    writer, app = None, None
    results = {}
    for recipe in wanted:
        inputs = {**common, **_inputs(recipe, examples, settings)}
        done = _finished(workdir, recipe.name, inputs)
        if done is not None:
            report(f"{recipe.name}: already exported")
            results[recipe.name] = done
            continue
        if writer is None:
            writer = writing.Writer(load_model(model_path), examples, about, settings, track)
            app = app_preparation.of_examples(examples, track)
            if examples.test_images.shape[-1] == 1:
                report(_GRAY)
        report(f"{recipe.name}: {recipe.description}")
        content, tuned = writer.write(recipe)
        if recipe.quantizes_weights and "int8" not in flatbuffer.tensor_types(content):
            report(f"{recipe.name}: no weights quantized, since none has 1024 values or more")
        names = about.class_names
        try:
            compared = _compared(workdir, recipe, content, examples, writer, tuned, names, app)
        except parity.ParityError as error:
            if failed is None:
                raise
            failed[recipe.name] = str(error)
            report(f"{error}; going on with the other recipes")
            continue
        result = {
            **compared.to_dict(),
            **inputs,
            "tflite_sha256": hashlib.sha256(content).hexdigest(),
        }
        files.write_together(
            {
                tflite_path(workdir, recipe.name): content,
                parity_path(workdir, recipe.name): files.json_bytes(result),
            }
        )
        results[recipe.name] = result
    return results


def _check_owner(workdir: files.Path, model_path: files.Path, digest: str) -> None:
    """Refuses a work dir that holds another network, since its files would be replaced."""
    own = pathlib.Path(workdir) / f"{STEM}.keras"
    if reading.exists(own) and hashlib.sha256(reading.content(own, KERAS)).hexdigest() != digest:
        raise ValueError(
            f"{workdir}: expected the work dir of {model_path}, found another network ({own}); "
            "choose another --workdir"
        )


def _compared(
    workdir: files.Path,
    recipe: recipes.Recipe,
    content: bytes,
    examples: Examples,
    writer: writing.Writer,
    tuned: parity.FineTunedLogits | None,
    class_names: Sequence[str],
    app: app_preparation.AppImages | None,
) -> parity.Parity:
    try:
        return parity.compare(
            content,
            recipe,
            examples.test_images,
            examples.test_labels,
            writer.logits,
            tuned,
            writer.held_logits(recipe),
            class_names,
            app,
        )
    except parity.ParityError as error:
        earlier = tflite_path(workdir, recipe.name)
        if not earlier.exists():
            raise
        raise parity.ParityError(
            f"{error}; {earlier} is from an earlier run", error.parity
        ) from error


def _inputs(recipe: recipes.Recipe, examples: Examples, settings: jobs.Settings) -> dict[str, Any]:
    """Returns digests and settings that, beside the network, determine a file; None if not used."""
    calibration = examples.calibration_images if recipe.needs_calibration else None
    training = examples.training if recipe.fine_tuning else None
    return {
        "calibration_sha256": None if calibration is None else _digest(calibration),
        "training_sha256": None if training is None else training.digest,
        "settings": settings.to_dict(recipe.fine_tuning) if recipe.fine_tuning else None,
        **_weights(recipe, examples),
    }


def _weights(recipe: recipes.Recipe, examples: Examples) -> dict[str, Any]:
    if recipe.fine_tuning is None or examples.class_weights is None:
        return {}
    return {"class_weights": examples.class_weights.tolist()}


def _finished(workdir: files.Path, recipe: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the comparison of an earlier run with the same inputs and an unchanged file."""
    path = tflite_path(workdir, recipe)
    if not path.is_file():
        return None
    try:
        result = comparison(workdir, recipe)
    except reading.Unreadable:
        raise
    except ValueError:  # Missing or damaged: file and comparison are written again.
        return None
    expected = {
        **inputs,
        "schema_version": parity.SCHEMA_VERSION,
        "tflite_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    return result if expected.items() <= result.items() else None


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
