"""Stages as stock Keras layers; `STAGE_LAYERS` has a row for each type of stage.

The layers of a stage are named `{name}_...` and hold its weights in the order of `Stage.weights`.
`keras_network.set_stage_weights` relies on that order.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from nas.architecture.operations import Conv, Depthwise, Stage
from nas.architecture.operations.weights import Weight
from nas.layers.stage_functions import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM


class ActivationLayer(NamedTuple):
    """An activation as a Keras layer.

    Attributes:
        suffix: end of the layer's name.
        make: makes the layer from a Keras and the keyword arguments of the layer.
    """

    suffix: str
    make: Callable[..., Any]


ACTIVATION_LAYERS = {
    "relu": ActivationLayer("relu", lambda api, **kwargs: api.layers.ReLU(**kwargs)),
    "relu6": ActivationLayer("relu", lambda api, **kwargs: api.layers.ReLU(6.0, **kwargs)),
}


@dataclasses.dataclass(frozen=True)
class LayerMaker:
    """Makes the layers of stages in one Keras.

    Attributes:
        api: the Keras to make them with: a module with `layers` and `initializers`.
        batch_norm: makes a normalization layer.
        dtype: policy of the layers; None for the default of `api`.
    """

    api: Any
    batch_norm: Callable
    dtype: str | None = None

    def initializer(self, weight: Weight) -> Any:
        """Returns an initializer that draws a weight as its description says."""
        return self.api.initializers.RandomNormal(mean=weight.start, stddev=weight.deviation)

    def convolution(self, stage: Conv | Depthwise, name: str) -> dict[str, Any]:
        """Returns the arguments that both kinds of convolution have in common."""
        return {
            "kernel_size": stage.kernel_size,
            "strides": stage.stride,
            "padding": "same",
            "use_bias": False,
            "dtype": self.dtype,
            "name": f"{name}_conv",
        }

    def normalize(self, x: Any, activation: str | None, name: str) -> Any:
        """Applies batch normalization, then the activation."""
        x = self.batch_norm(
            momentum=BATCH_NORM_MOMENTUM,
            epsilon=BATCH_NORM_EPSILON,
            dtype=self.dtype,
            name=f"{name}_bn",
        )(x)
        return self.activate(x, activation, name)

    def activate(self, x: Any, activation: str | None, name: str) -> Any:
        """Applies the activation; returns `x` itself for None."""
        if activation is None:
            return x
        suffix, make = ACTIVATION_LAYERS[activation]
        return make(self.api, dtype=self.dtype, name=f"{name}_{suffix}")(x)


def _conv(make: LayerMaker, x: Any, stage: Conv, name: str) -> Any:
    (kernel,) = stage.kernels
    x = make.api.layers.Conv2D(
        stage.output_width,
        kernel_initializer=make.initializer(kernel),
        **make.convolution(stage, name),
    )(x)
    return make.normalize(x, stage.activation, name)


def _depthwise(make: LayerMaker, x: Any, stage: Depthwise, name: str) -> Any:
    (kernel,) = stage.kernels
    x = make.api.layers.DepthwiseConv2D(
        depthwise_initializer=make.initializer(kernel),
        **make.convolution(stage, name),
    )(x)
    return make.normalize(x, stage.activation, name)


STAGE_LAYERS: dict[str, Callable[[LayerMaker, Any, Any, str], Any]] = {
    "conv": _conv,
    "depthwise": _depthwise,
}


def apply_stage(make: LayerMaker, x: Any, stage: Stage, name: str) -> Any:
    """Returns the output of the layers of `stage`, a symbolic tensor.

    Args:
        make: makes the layers.
        x: symbolic input `[batch, height, width, channels]`.
        stage: the stage.
        name: prefix of the names of the layers.
    """
    return STAGE_LAYERS[stage.type](make, x, stage, name)
