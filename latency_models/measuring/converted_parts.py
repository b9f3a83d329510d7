"""Parts of networks as Keras models with fresh weights, converted to `.tflite`.

Benchmarks do not need it: they write the same files from the specs (`export.direct`). It is what
those files are compared with.
"""

import keras
import numpy as np

from export.conversion import tflite
from export.recipes import Recipe
from latency_models.measuring.parts import Part
from nas.architecture.blocks import Block
from nas.layers import keras_network

_CALIBRATION_IMAGES = 4


def build(part: Part) -> keras.Model:
    """Builds a part as a Keras model with fresh weights, drawn with Keras' global seed."""
    if isinstance(part.source, Block):
        return keras_network.build_block(part.source, part.resolution)
    builders = {
        "stem": keras_network.build_stem,
        "head": keras_network.build_head,
        "network": keras_network.build_child,
    }
    return builders[part.kind](part.source)


def convert(part: Part, recipe: Recipe) -> bytes:
    """Builds a part and converts it; calibrates on noise if the recipe needs it."""
    model = build(part)
    shape = (_CALIBRATION_IMAGES, *model.input_shape[1:])
    images = np.random.default_rng(0).uniform(-1.0, 1.0, shape).astype(np.float32)
    return tflite.convert(model, recipe, images)
