"""A network by name, before anybody trained it: what its files weigh, how fast they are.

Weights are random, and two things keep a comparison of its files meaningful. Behind random weights,
moments of batch normalization that were never measured let activations grow or vanish from layer to
layer; they are measured on images of the data set. And every normalized block makes a difference
between two inputs larger (Yang et al. 2019, "A mean field theory of batch normalization"), so that
behind sixty random layers the last bits of the weights decide, where training would have the
branches add little to what passes them by. The branches of n residual blocks therefore begin with
a scale of 1/sqrt(n) (De & Smith 2020, "Batch normalization biases residual blocks towards the
identity function in deep networks").
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

# So many pixels at a time, in at most so many images: one of 224x224 takes a hundred megabytes on
# its way, and of few images with few pixels the moments of the last layers would be noise.
_PIXELS, _MOST_IMAGES, _BATCHES = 16 * 224 * 224, 200, 10


def write(name: str, dataset: Dataset, workdir: files.Path, seed: int = 0) -> pathlib.Path:
    """Writes `child.keras` and `child.json` of a published network, unless they are there.

    Args:
        name: of the network, for example `proxyless_mobile`.
        dataset: gives classes, resolution, channels and the images for batch normalization.
        workdir: gets both files.
        seed: of the weights.

    Returns:
        Path of `child.keras`.

    Raises:
        ValueError: no network of that name, or `workdir` belongs to another one.
    """
    child = spaces.load_child(name).with_task(
        dataset.num_classes, dataset.resolution, dataset.channels
    )
    folder = pathlib.Path(workdir)
    path, description = folder / f"{exporting.STEM}.keras", folder / exporting.CHILD_FILE
    known = spaces.load_child(str(description)) if description.exists() else None
    if known != child and (known is not None or path.exists()):
        raise ValueError(
            f"{workdir} belongs to another network than {name} for {dataset.name}: "
            "choose another --workdir"
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
