"""Stages as stock Keras layers; `STAGE_LAYERS` has a row for each type of stage.

The layers of a stage are named `{name}_...` and hold its weights in the order of `Stage.weights`.
`keras_network.set_stage_weights` relies on that order.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from nas.architecture.operations import Conv, Depthwise, Pooled, Squeeze, Stage
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
    "hard_swish": ActivationLayer(
        "hard_swish", lambda api, **kwargs: api.layers.Activation("hard_swish", **kwargs)
    ),
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

    def activate(self, x: Any, activation: str | None, name: str, dtype: str | None = None) -> Any:
        """Applies the activation; returns `x` itself for None. The default dtype is the maker's."""
        if activation is None:
            return x
        suffix, make = ACTIVATION_LAYERS[activation]
        return make(self.api, dtype=dtype or self.dtype, name=f"{name}_{suffix}")(x)

    @property
    def head_dtype(self) -> str | None:
        """Policy of pooling and everything after it: float32 also in mixed precision."""
        return self.dtype and "float32"


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


def _squeeze(make: LayerMaker, x: Any, stage: Squeeze, name: str) -> Any:
    def conv(z: Any, kernel: Weight, bias: Weight, activation: str, own: str) -> Any:
        z = make.api.layers.Conv2D(
            kernel.channels,
            1,
            kernel_initializer=make.initializer(kernel),
            bias_initializer=make.api.initializers.Constant(bias.start),
            dtype=make.dtype,
            name=f"{name}_{own}",
        )(z)
        return make.activate(z, activation, f"{name}_{own}")

    reduce, reduce_bias, expand, expand_bias = stage.weights
    pool = make.api.layers.GlobalAveragePooling2D
    z = pool(keepdims=True, dtype=make.dtype, name=f"{name}_pool")(x)
    z = conv(z, reduce, reduce_bias, "relu", "reduce")
    z = conv(z, expand, expand_bias, "relu6", "expand")
    return make.api.layers.Multiply(dtype=make.dtype, name=f"{name}_scale")([x, z])


def _pooled(make: LayerMaker, x: Any, stage: Pooled, name: str) -> Any:
    kernel, _ = stage.weights
    layers, dtype = make.api.layers, make.head_dtype
    x = layers.GlobalAveragePooling2D(dtype=dtype, name="pool")(x)
    x = layers.Dense(
        stage.output_width,
        kernel_initializer=make.initializer(kernel),
        dtype=dtype,
        name=f"{name}_dense",
    )(x)
    return make.activate(x, stage.activation, name, dtype)


STAGE_LAYERS: dict[str, Callable[[LayerMaker, Any, Any, str], Any]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "squeeze": _squeeze,
    "pooled": _pooled,
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
