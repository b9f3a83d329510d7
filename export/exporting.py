"""From a trained Keras file to checked `.tflite` files, skipping what is already done."""

import hashlib
import pathlib
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from export import recipes, writing
from export.checks import parity
from export.content import flatbuffer, metadata
from export.conversion import tflite
from export.examples import Examples
from export.fine_tuning import jobs, process
from nas import files
from nas.architecture import spaces
from nas.data.splits.dataset import Dataset

STEM = "child"
CHILD_FILE = "child.json"


def tflite_path(workdir: files.Path, recipe: str) -> pathlib.Path:
    """Where `export` writes the file of a recipe."""
    return pathlib.Path(workdir) / f"{STEM}_{recipe}.tflite"


def parity_path(workdir: files.Path, recipe: str) -> pathlib.Path:
    """Where `export` writes the comparison of a recipe."""
    return pathlib.Path(workdir) / f"parity_{recipe}.json"


def comparison(workdir: files.Path, recipe: str) -> dict[str, Any]:
    """What stands in `parity_<recipe>.json`.

    Raises:
        ValueError: it is missing or damaged.
    """
    return files.read_json(parity_path(workdir, recipe))


def note(workdir: files.Path, recipe: str, **entries: Any) -> None:
    """Adds to a comparison what was found out about its file later, such as its latency.

    Raises:
        ValueError: there is no such comparison.
    """
    files.write_json(parity_path(workdir, recipe), comparison(workdir, recipe) | entries)


def load_model(path: files.Path) -> keras.Model:
    """Reads a `.keras` file of stock layers.

    Raises:
        ValueError: no such file, not a `.keras` file, or layers Keras itself does not have.
    """
    if not zipfile.is_zipfile(path):
        found = "something else" if pathlib.Path(path).exists() else "none"
        raise ValueError(f"{path}: expected a .keras file, found {found}")
    try:
        return keras.saving.load_model(path, compile=False)
    # Of a damaged file zipfile, zlib, json, h5py and Keras complain, each with errors of its own.
    except Exception as error:
        # Keras prints whole configurations before it comes to the point, and advice after it.
        point = str(error).rpartition("Exception encountered: ")[2].strip()
        reason = point.partition("\n")[0].partition(". ")[0].rstrip(".") or type(error).__name__
        raise ValueError(
            f"{path}: expected a .keras file of Keras' own layers; it cannot be read ({reason})"
        ) from error


def check_task(model: keras.Model, input_shape: Sequence[int], num_classes: int) -> None:
    """Refuses a data set the network was not made for.

    Args:
        model: images to logits.
        input_shape: height, width, channels of the data set's images.
        num_classes: classes of the data set.

    Raises:
        ValueError: the images' shape or the number of classes differ, or the network has several
            inputs or outputs.
    """
    takes, makes = tflite.input_shape(model), model.output_shape[-1]
    if takes != tuple(input_shape) or makes != num_classes:
        raise ValueError(
            f"{model.name} takes images {takes} and knows {makes} classes, the data set has images "
            f"{tuple(input_shape)} and {num_classes} classes; name the data set it was trained on, "
            "and the --resolution if one was given"
        )


def describe(model_path: files.Path, dataset: Dataset) -> metadata.About:
    """What is known of a network: its data set, and the `child.json` beside its file.

    Raises:
        ValueError: a fault in `child.json`.
    """
    path = pathlib.Path(model_path).with_name(CHILD_FILE)
    child = spaces.load_child(str(path)) if path.exists() else None
    return metadata.About(dataset.name, dataset.class_names, child)


def export(
    model_path: files.Path,
    recipe_names: Sequence[str],
    workdir: files.Path,
    examples: Examples,
    about: metadata.About,
    settings: jobs.Settings | None = None,
    report: Callable[[str], None] = lambda line: None,
    track: process.Track = process.untracked,
) -> dict[str, dict[str, Any]]:
    """Writes and checks one `.tflite` file a recipe.

    A file whose comparison is there and was made from the same network, images and settings is
    kept. A file that fails its comparison is not written, what was written before stays.

    Args:
        model_path: the trained network, a `.keras` file.
        recipe_names: keys of `recipes.RECIPES`.
        workdir: gets `child_<recipe>.tflite` and `parity_<recipe>.json`.
        examples: the images.
        about: what else is known of the network; goes into the files.
        settings: of the recipes that train further; the defaults where None.
        report: called with one line about each step.
        track: called like tqdm, for progress.

    Returns:
        What stands in `parity_<recipe>.json`, by recipe.

    Raises:
        ValueError: an unknown recipe, a bad model file, missing images, weights that are not
            finite, another network than `about` says, or operations that are not wanted.
        parity.ParityError: a file strays from the network further than its recipe allows.
        OSError: `workdir` cannot be written, or the disk is full.
    """
    wanted = [recipes.recipe(name) for name in recipe_names]
    if not pathlib.Path(model_path).is_file():
        raise ValueError(f"{model_path}: expected a .keras file, found none")
    settings = settings or jobs.Settings()
    for recipe in wanted:
        writing.check_examples(recipe, examples, about, settings)
    digest = hashlib.sha256(pathlib.Path(model_path).read_bytes()).hexdigest()
    _check_owner(workdir, model_path, digest)
    files.check_writable(workdir)
    common = {
        "model_sha256": digest,
        "about_sha256": hashlib.sha256(repr(about).encode()).hexdigest(),
        "test_sha256": _digest(examples.test_images, examples.test_labels),
    }
    writer = None
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
        report(f"{recipe.name}: {recipe.description}")
        content, tuned = writer.write(recipe)
        if recipe.quantizes_weights and "int8" not in flatbuffer.tensor_types(content):
            report(f"{recipe.name}: no weight has the 1024 values it takes to be quantized")
        compared = _compared(workdir, recipe, content, examples, writer, tuned)
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
    """Refuses the folder of another network, whose files would no longer be its own."""
    own = pathlib.Path(workdir) / f"{STEM}.keras"
    if own.is_file() and hashlib.sha256(own.read_bytes()).hexdigest() != digest:
        raise ValueError(
            f"{workdir} belongs to another network than {model_path}, to {own}: choose another "
            "--workdir"
        )


def _compared(
    workdir: files.Path,
    recipe: recipes.Recipe,
    content: bytes,
    examples: Examples,
    writer: writing.Writer,
    tuned: parity.FineTunedLogits | None,
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
        )
    except parity.ParityError as error:
        earlier = tflite_path(workdir, recipe.name)
        if not earlier.exists():
            raise
        raise parity.ParityError(
            f"{error}; {earlier} is what an earlier run left", error.parity
        ) from error


def _inputs(recipe: recipes.Recipe, examples: Examples, settings: jobs.Settings) -> dict[str, Any]:
    """What decides on a file beside the network: digests and settings, None where not used."""
    calibration = examples.calibration_images if recipe.needs_calibration else None
    training = examples.training if recipe.fine_tuning else None
    return {
        "calibration_sha256": None if calibration is None else _digest(calibration),
        "training_sha256": None if training is None else training.digest,
        "settings": settings.to_dict(recipe.fine_tuning) if recipe.fine_tuning else None,
    }


def _finished(workdir: files.Path, recipe: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
    """The comparison of an earlier run on the same inputs, when its file is still whole."""
    path = tflite_path(workdir, recipe)
    if not path.is_file():
        return None
    try:
        result = comparison(workdir, recipe)
    except ValueError:  # None, or damaged: both are written anew.
        return None
    if not isinstance(result, dict):
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
