"""One network, written by any recipe: trained further where asked, converted, checked, packaged."""

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

# A float input is quantized inside the file, where pixels half-way between two levels would be
# rounded by chance: 254 steps from -1 to 1 keep all but the middle two apart. An integer input is
# a pixel, which 255 steps fit.
_LOWEST = {"float32": -128 / 127, "int8": -1.0, "uint8": -1.0}


def check_examples(
    recipe: Recipe, examples: Examples, about: About, settings: jobs.Settings
) -> None:
    """Refuses what a recipe could not be written from, before any work.

    Raises:
        ValueError: images of a kind or the network's description are missing, there are fewer
            images to train on than a step takes, or the recipe cannot write an operation of the
            network.
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
        raise ValueError(f"{recipe.name}: expected training images, received none")
    batching.steps_per_epoch(examples.training, settings.batch_size)
    if about.child is None:
        raise ValueError(
            f"{recipe.name}: expected a child.json beside the model, found none; copy the one the "
            "network was trained from"
        )


class Writer:
    """Writes one network.

    Each kind of further training is done once, whatever number of recipes ask for it.

    Args:
        model: images in [-1, 1] to logits.
        examples: the images.
        about: what else is known of the network; its child must be what the model was built from.
        settings: of further training; the defaults where None.
        track: called like tqdm, for progress.

    Raises:
        ValueError: weights that are not finite, or another network than `about` says.
    """

    def __init__(
        self,
        model: keras.Model,
        examples: Examples,
        about: About,
        settings: jobs.Settings | None = None,
        track: process.Track = process.untracked,
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
        """Of the network as it is, on the test images."""
        return self._logits(self._model)

    def held_logits(self, recipe: Recipe) -> np.ndarray | None:
        """Of the network with the weights as a recipe's file holds them, where it rounds them.

        None where the weights are its own, or integers, or `rounding` does not know them.
        """
        rounded = rounding.to_float16(self._model) if recipe.weights == "float16" else None
        return None if rounded is None else self._logits(rounded)

    def write(self, recipe: Recipe) -> tuple[bytes, parity.FineTunedLogits | None]:
        """The file of a recipe, and what further training made of the network, if there was any.

        Raises:
            ValueError: missing images or description, an operation that is not built in, or more
                operations than the network needs.
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
        """The images, the ends of the range of all pixels among them."""
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
                f"{recipe.name}: expected the operations {_listed(expected)}; the converter made "
                f"{_listed(found)}; use the versions of TensorFlow and Keras in pyproject.toml"
            )

    def _outcome(self, kind: FineTuning | None) -> jobs.Outcome:
        if kind not in self._outcomes:
            training, network = self._examples.training, self._about.child
            if training is None or network is None:
                raise ValueError("further training: expected images and a child, received none")
            job = jobs.Job(
                kind=kind,
                child=network,
                weights={layer.name: layer.get_weights() for layer in self._model.layers},
                training=training,
                test_images=self._examples.test_images,
                settings=self._settings,
            )
            self._outcomes[kind] = process.run(job, self._track)
        return self._outcomes[kind]

    @functools.cached_property
    def _parent_logits(self) -> np.ndarray:
        # Without a change, ordinary layers are what is left.
        trained = cast(jobs.TrainedWeights, self._outcome(None))
        return self._logits(self._with(trained))

    def _with(self, trained: jobs.TrainedWeights) -> keras.Model:
        model = keras.models.clone_model(self._model)
        for layer in model.layers:
            layer.set_weights(trained.by_layer[layer.name])
        return model


def _listed(operators: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in operators.items())
