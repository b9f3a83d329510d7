"""Writes one network by any recipe: fine-tunes it if the recipe says so, converts and packages."""

import functools
from typing import cast

import keras
import numpy as np

from export import support
from export.checks import parity
from export.content import flatbuffer, footprint, packaging
from export.content.metadata import About
from export.conversion import rounding, tflite
from export.examples import Examples
from export.fine_tuning import jobs, process
from export.recipes import FineTuning, Recipe
from nas.data import batching
from nas.layers import keras_network
from nas.progress import Track, untracked

# A float input is quantized inside the file. There a pixel half-way between two levels could be
# rounded either way; with 254 steps from -1 to 1 all pixels but the middle two get a level of their
# own. An integer input is the pixel itself, for which 255 steps fit.
_LOWEST = {"float32": -128 / 127, "int8": -1.0, "uint8": -1.0}


def check_examples(
    recipe: Recipe, examples: Examples, about: About, settings: jobs.Settings
) -> None:
    """Checks, before any work, that everything a recipe needs is there.

    Raises:
        ValueError: calibration images, training images or the network's `child.json` are missing,
            there are fewer training images than a batch, or the recipe cannot write an operation
            of the network.
    """
    if about.child is not None:
        support.check(about.child, recipe.name)
    if recipe.needs_calibration and examples.calibration_images is None:
        raise ValueError(
            f"{recipe.name}: expected calibration images, received none; pass a hundred or more "
            "training images"
        )
    if recipe.fine_tuning is None:
        return
    if examples.training is None:
        raise ValueError(
            f"{recipe.name}: expected training images to fine-tune on, received none; pass those "
            "of the data set"
        )
    batching.steps_per_epoch(examples.training, settings.batch_size)
    if about.child is None:
        raise ValueError(
            f"{recipe.name}: expected a child.json beside the model, found none; copy the file "
            "that the network was trained from"
        )


class Writer:
    """Writes one network by several recipes.

    Each kind of fine-tuning is done only once, even if several recipes use it.

    Args:
        model: the network, from images in [-1, 1] to logits.
        examples: the images.
        about: description of the network; the model must have been built from its child.
        settings: settings of fine-tuning; None for the defaults.
        track: called like tqdm, for progress.

    Raises:
        ValueError: weights are not finite, or the model is another network than `about` says.
    """

    def __init__(
        self,
        model: keras.Model,
        examples: Examples,
        about: About,
        settings: jobs.Settings | None = None,
        track: Track = untracked,
    ) -> None:
        """Checks the network."""
        tflite.check_weights(model)
        if about.child is not None:
            keras_network.check_built_from(model, about.child)
        self._model = model
        self._examples = examples
        self._about = about
        self._settings = settings or jobs.Settings()
        self._track = track
        self._outcomes: dict[FineTuning | None, jobs.Outcome] = {}

    @functools.cached_property
    def logits(self) -> np.ndarray:
        """Logits of the unchanged network on the test images."""
        return self._logits(self._model)

    def held_logits(self, recipe: Recipe) -> np.ndarray | None:
        """Returns the logits of the network with its weights rounded to float16 as in the file.

        None if the recipe does not round to float16, or `rounding` does not support the network.
        """
        rounded = rounding.to_float16(self._model) if recipe.weights == "float16" else None
        return None if rounded is None else self._logits(rounded)

    def write(self, recipe: Recipe) -> tuple[bytes, parity.FineTunedLogits | None]:
        """Writes the file of a recipe; returns it with the results of fine-tuning, if any.

        Raises:
            ValueError: images or the description are missing, an operation is not built in, or
                there are more operations than the network needs.
        """
        tuned = None
        if recipe.fine_tuning is None:
            content = self._convert(self._model, recipe)
        else:
            content, tuned = self._write_trained(recipe, recipe.fine_tuning)
        self._check_operators(content, recipe)
        return packaging.package(content, self._model.name, recipe.name, self._about), tuned

    def _write_trained(
        self, recipe: Recipe, kind: FineTuning
    ) -> tuple[bytes, parity.FineTunedLogits]:
        outcome = self._outcome(kind)
        if isinstance(outcome, jobs.QuantizedFile):
            content, logits, figures = outcome.content, outcome.logits, {}
        else:
            model = self._with(outcome)
            content, logits = self._convert(model, recipe), self._logits(model)
            figures = jobs.figures(kind, outcome.by_layer)
        return content, parity.FineTunedLogits(
            logits, self._parent_logits, self._settings.to_dict(kind), figures
        )

    def _convert(self, model: keras.Model, recipe: Recipe) -> bytes:
        return tflite.convert(model, recipe, self._calibration(recipe))

    def _logits(self, model: keras.Model) -> np.ndarray:
        return parity.logits_of(model, self._examples.test_images)

    def _calibration(self, recipe: Recipe) -> np.ndarray | None:
        """Returns the calibration images, with both ends of the pixel range set in the first."""
        images = self._examples.calibration_images
        if images is None or not recipe.needs_calibration:
            return images
        images = images.copy()
        images[0, 0, 0], images[0, -1, -1] = _LOWEST[recipe.interface], 1.0
        return images

    def _check_operators(self, content: bytes, recipe: Recipe) -> None:
        if self._about.child is None:
            return
        expected = footprint.fewest_operators(self._about.child, recipe)
        found = flatbuffer.operators(content)
        if not footprint.is_minimal(found, expected):
            raise ValueError(
                f"{recipe.name}: expected the operations {_listed(expected)}, received "
                f"{_listed(found)} from the converter; use the versions of TensorFlow and Keras in "
                "pyproject.toml"
            )

    def _outcome(self, kind: FineTuning | None) -> jobs.Outcome:
        if kind not in self._outcomes:
            training, network = self._examples.training, self._about.child
            if training is None or network is None:
                raise ValueError(
                    "fine-tuning: expected training images and a child, received none; pass both"
                )
            job = jobs.Job(
                kind=kind,
                child=network,
                weights={layer.name: layer.get_weights() for layer in self._model.layers},
                training=training,
                test_images=self._examples.test_images,
                settings=self._settings,
                class_weights=self._examples.class_weights,
            )
            self._outcomes[kind] = process.run(job, self._track)
        return self._outcomes[kind]

    @functools.cached_property
    def _parent_logits(self) -> np.ndarray:
        # Training without a change always returns weights, never a quantized file.
        trained = cast(jobs.TrainedWeights, self._outcome(None))
        return self._logits(self._with(trained))

    def _with(self, trained: jobs.TrainedWeights) -> keras.Model:
        model = keras.models.clone_model(self._model)
        for layer in model.layers:
            layer.set_weights(trained.by_layer[layer.name])
        return model


def _listed(operators: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in operators.items())
