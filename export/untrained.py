"""Writes a published network with random weights, to measure size and latency before training.

Two measures keep a parity check of its files meaningful. First, batch normalization moments that
were never measured would let activations grow or vanish from layer to layer, so they are measured
on images of the data set. Second, every normalized block with random weights enlarges the
difference between two inputs (Yang et al. 2019, "A mean field theory of batch normalization"), so
that after sixty layers the last bits of the weights would decide the class. In a trained network
the branches add little to the residual connections. Therefore the branches of n residual blocks
start with a scale of 1/sqrt(n) (De & Smith 2020, "Batch normalization biases residual blocks
towards the identity function in deep networks").
"""

import math
import pathlib

import keras
import numpy as np

from export import exporting
from nas import files
from nas.architecture import spaces, spec_json, specs
from nas.data import batching
from nas.data.splits.dataset import Dataset
from nas.layers import keras_network
from nas.training import recalibration

# Pixels and images per batch, and number of batches. An image of 224x224 takes a hundred megabytes
# of activations; moments of the last layers from few images with few pixels would be noise.
_PIXELS, _MOST_IMAGES, _BATCHES = 16 * 224 * 224, 200, 10


def write(name: str, dataset: Dataset, workdir: files.Path, seed: int = 0) -> pathlib.Path:
    """Writes `child.keras` and `child.json` of a published network, unless they are there.

    Args:
        name: name of the network, for example `proxyless_mobile`.
        dataset: defines classes, resolution, channels and the images for batch normalization.
        workdir: folder for both files.
        seed: seed of the weights.

    Returns:
        Path of `child.keras`.

    Raises:
        ValueError: there is no network of that name, or `workdir` belongs to another one.
    """
    child = spaces.load_child(name).with_task(
        dataset.num_classes, dataset.resolution, dataset.channels
    )
    folder = pathlib.Path(workdir)
    path, description = folder / f"{exporting.STEM}.keras", folder / exporting.CHILD_FILE
    known = spaces.load_child(str(description)) if description.exists() else None
    if known != child and (known is not None or path.exists()):
        raise ValueError(
            f"{workdir}: expected the work dir of {name} for {dataset.name}, found that of another "
            "network; choose another --workdir"
        )
    if not path.exists():
        keras.utils.set_random_seed(seed)
        model = keras_network.build_child(child)
        _damp_branches(model, child)
        batch = max(1, min(_MOST_IMAGES, _PIXELS // dataset.resolution**2))
        count = min(_BATCHES * batch, len(dataset.train))
        images = batching.calibration_images(dataset.train, count, seed)
        recalibration.recalibrate(model, np.array_split(images, -(-count // batch)))
        files.write_json(
            description, {**spec_json.to_dict(child), "provenance": files.provenance()}
        )
        files.write_with(path, model.save)
    return path


def _damp_branches(model: keras.Model, child: specs.Child) -> None:
    _, *blocks, _ = keras_network.stage_names(child)
    residual = [
        names for names, block in zip(blocks, child.layers, strict=True) if block.has_residual
    ]
    for names in residual:
        gamma = model.get_layer(f"{names[-1]}_bn").gamma
        gamma.assign(np.full(gamma.shape, 1.0 / math.sqrt(len(residual))))
