"""MobileNets with the weights that Keras publishes (`keras.applications`)."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from nas import files
from nas.architecture.operations.pooled_stages import Squeeze
from nas.architecture.spaces import PUBLISHED_CHILDREN
from nas.architecture.specs import Child
from nas.pretrained import network_weights
from nas.pretrained.network_weights import NetworkWeights

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "mobilenet_v2": keras.applications.MobileNetV2,
    "mobilenet_v3_large": keras.applications.MobileNetV3Large,
    "mobilenet_v3_small": keras.applications.MobileNetV3Small,
}
NAMES = tuple(BUILDERS)
# The files that Keras downloads.
FILES = {
    "mobilenet_v2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
    "mobilenet_v3_large": "weights_mobilenet_v3_large_224_1.0_float.h5",
    "mobilenet_v3_small": "weights_mobilenet_v3_small_224_1.0_float.h5",
}


def load(name: str, path: files.Path | None = None) -> NetworkWeights:
    """Reads the weights that Keras publishes for ImageNet.

    These networks take pixel / 127.5 - 1, as everything here does.

    Args:
        name: one of `NAMES`.
        path: the `.h5` file that Keras would download; downloaded if not given, and kept by Keras.

    Raises:
        ValueError: the file cannot be had, or has the weights of another network.
    """
    given = os.fspath(path) if path is not None else "imagenet"
    try:
        model = BUILDERS[name](input_shape=(224, 224, 3), weights=given, classifier_activation=None)
    # A download ends in a bare Exception, and a wrong or damaged file in many others.
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        if path is None:
            raise ValueError(
                f"init: expected the weights of {name}, could not download them ({reason}); bring "
                f"{FILES[name]}, which keras.applications publishes, and give it as --init=FILE"
            ) from error
        raise ValueError(
            f"{path}: expected the weights of {name} as keras.applications publishes them "
            f"({FILES[name]}), received another file ({reason})"
        ) from error
    return of_application(name, model)


def of_application(name: str, model: keras.Model) -> NetworkWeights:
    """Returns the weights of a model of `keras.applications`, for our network of the same name.

    The gate of squeeze-and-excitation is `relu6(z + 3) / 6` there and `relu6(z)` here: its bias
    takes the 3, and the convolution after it the 6.

    Args:
        name: one of `NAMES`.
        model: as `keras.applications` builds it, with 1,000 classes.

    Raises:
        ValueError: it is another network.
    """
    child = PUBLISHED_CHILDREN[name]
    arrays = (array for layer in model.layers for array in layer.get_weights())
    return network_weights.arrange(child, _rescaled(child, arrays), name)


def _rescaled(child: Child, arrays: Iterator[Any]) -> Iterator[np.ndarray]:
    stages = [stage for chain in network_weights.stage_chains(child) for stage in chain]
    follows_gate = False
    for stage in stages:
        own = [np.asarray(next(arrays, np.empty([0]))) for _ in stage.weights]
        if follows_gate:
            own[0] = own[0] / 6.0
        follows_gate = isinstance(stage, Squeeze)
        if follows_gate:
            own[-1] = own[-1] + 3.0
        yield from own
    yield from arrays
