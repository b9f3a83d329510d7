"""Builds child networks as functional models of stock Keras layers.

Images are floats in [-1, 1], NHWC; the output is logits. The same builder makes whole networks and
single blocks for latency benchmarks. With another `api` it makes the same network in another Keras
(`tf_keras`, for tools that do not support Keras 3).
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from nas.architecture.blocks import Block, Head
from nas.architecture.operations import Stage
from nas.architecture.specs import Child
from nas.layers import stage_layers

# Prefixes of the layer names of a head's stages.
_HEAD_NAMES = ("head", "pooled")


def build_child(
    child: Child, api: Any = keras, batch_norm: Callable | None = None, dtype: str | None = None
) -> keras.Model:
    """Builds the network of `child`, with fresh weights drawn with Keras' global seed.

    Args:
        child: the network to build.
        api: the Keras to build it with: a module with `Input`, `Model`, `layers`, `initializers`.
        batch_norm: makes a normalization layer; by default `api.layers.BatchNormalization`.
        dtype: policy of the layers, for training in mixed precision; pooling and logits stay
            float32. By default the policy of `api`.

    Returns:
        Model from images `[batch, height, width, channels]` to logits `[batch, classes]`.

    Example:
        >>> import nas, numpy as np
        >>> child = nas.load_space("tiny").child([0, 1, 2])
        >>> model = nas.build_child(child)
        >>> model.count_params() > nas.num_params(child)  # Moving moments are not trained.
        True
        >>> model.predict(np.zeros((4, *child.input_shape)), verbose=0).shape
        (4, 10)
    """
    build = _Builder(api, batch_norm, dtype)
    x = inputs = api.Input(child.input_shape, name="image")
    x = build.stage(x, child.stem.stage(child.input_channels), "stem")
    for i, block in enumerate(child.layers):
        x = build.block(x, block, _block_name(i))
    x = build.head(x, child.head, child.num_classes)
    return api.Model(inputs, x, name=child.name)


def check_built_from(model: keras.Model, child: Child) -> None:
    """Checks that a model has the layers and weights that `build_child` makes from `child`.

    Raises:
        ValueError: layers or shapes of weights differ; the message names the first difference.
    """
    pairs = itertools.zip_longest(_layers(build_child(child)), _layers(model))
    for wanted, found in pairs:
        if wanted != found:
            raise ValueError(
                f"{model.name} is not the network of its description, {child.name}: expected "
                f"{wanted or 'no further layer'}, received {found or 'no further layer'}"
            )


def _layers(model: keras.Model) -> list[str]:
    """Returns one line per layer: its name, its settings and the shapes of its weights."""
    settings = ("strides", "padding", "max_value", "rate")
    return [
        " ".join(
            [
                layer.name,
                *(f"{key}={getattr(layer, key)}" for key in settings if hasattr(layer, key)),
                *(f"{weight.name}{tuple(weight.shape)}" for weight in layer.weights),
            ]
        )
        for layer in model.layers
    ]


def build_stem(child: Child, api: Any = keras) -> keras.Model:
    """Builds the stem alone, on the input of the network."""
    inputs = api.Input(child.input_shape, name="image")
    outputs = _Builder(api).stage(inputs, child.stem.stage(child.input_channels), "stem")
    return api.Model(inputs, outputs, name="stem")


def build_block(block: Block, resolution: int, api: Any = keras) -> keras.Model:
    """Builds one block alone, on an input `[batch, resolution, resolution, block.input_width]`."""
    inputs = api.Input((resolution, resolution, block.input_width), name="input")
    outputs = _Builder(api).block(inputs, block, "block")
    return api.Model(inputs, outputs, name="block")


def build_head(child: Child, api: Any = keras) -> keras.Model:
    """Builds the head alone: last convolution, pooling and classifier."""
    resolution = child.input_resolutions[-1]
    inputs = api.Input((resolution, resolution, child.layers[-1].output_width), name="input")
    outputs = _Builder(api).head(inputs, child.head, child.num_classes)
    return api.Model(inputs, outputs, name="head")


def stage_names(child: Child) -> list[list[str]]:
    """Returns the prefixes of layer names for the stem, the stages of each block, and the head."""
    blocks = [
        [_stage_name(_block_name(i), j) for j in range(len(block.stages))]
        for i, block in enumerate(child.layers)
    ]
    head = child.head.stages(child.layers[-1].output_width)
    return [["stem"], *blocks, list(_HEAD_NAMES[: len(head)])]


def set_stage_weights(
    model: keras.Model, names: Sequence[str], weights: Iterator[np.ndarray]
) -> None:
    """Sets the weights of the stages `names` of `model`.

    Args:
        model: a model from `build_child`.
        names: prefixes of layer names, from `stage_names`.
        weights: the arrays of every stage, in the order of `Stage.weights`.
    """
    for name in names:
        for layer in model.layers:
            if layer.name.startswith(f"{name}_") and layer.weights:
                # A dense kernel has two axes here and, as every kernel, four in its description.
                layer.set_weights([next(weights).reshape(w.shape) for w in layer.weights])


def _block_name(index: int) -> str:
    return f"layer{index:02d}"


def _stage_name(block: str, index: int) -> str:
    return f"{block}_{index}"


class _Builder:
    """Applies stages, blocks and heads as layers of one Keras."""

    def __init__(
        self, api: Any, batch_norm: Callable | None = None, dtype: str | None = None
    ) -> None:
        self._api = api
        self._dtype = dtype
        batch_norm = batch_norm or api.layers.BatchNormalization
        self._make = stage_layers.LayerMaker(api, batch_norm, dtype)

    def stage(self, x: Any, stage: Stage, name: str) -> Any:
        return stage_layers.apply_stage(self._make, x, stage, name)

    def block(self, x: Any, block: Block, name: str) -> Any:
        shortcut = x
        for i, stage in enumerate(block.stages):
            x = self.stage(x, stage, _stage_name(name, i))
        if block.has_residual:
            x = self._api.layers.Add(dtype=self._dtype, name=f"{name}_add")([x, shortcut])
        return x

    def head(self, x: Any, head: Head, num_classes: int) -> Any:
        layers = self._api.layers
        dtype = self._make.head_dtype
        for stage, name in zip(head.stages(x.shape[-1]), _HEAD_NAMES, strict=False):
            x = self.stage(x, stage, name)
        if head.pooled_width is None:
            x = layers.GlobalAveragePooling2D(dtype=dtype, name="pool")(x)
        if head.dropout:
            x = layers.Dropout(head.dropout, dtype=dtype, name="dropout")(x)
        initializer = self._api.initializers.RandomNormal(stddev=0.01)
        return layers.Dense(
            num_classes, kernel_initializer=initializer, dtype=dtype, name="logits"
        )(x)
