"""A network by name, before anybody trained it: what its files weigh, how fast they are.

Weights are random. Behind random weights, moments of batch normalization that were never measured
let activations grow or vanish from layer to layer, and a comparison would say nothing; they are
measured on images of the data set.
"""

import pathlib

import keras
import numpy as np

from export import exporting
from nas import child as child_lib
from nas import data, files, recalibration, spaces, specs
from nas.dataset import Dataset

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
        model = child_lib.build_child(child)
        batch = max(1, min(_MOST_IMAGES, _PIXELS // dataset.resolution**2))
        count = min(_BATCHES * batch, len(dataset.train))
        images = data.calibration_images(dataset.train, count, seed)
        recalibration.recalibrate(model, np.array_split(images, -(-count // batch)))
        files.write_json(description, {**specs.to_dict(child), "provenance": files.provenance()})
        files.write_with(path, model.save)
    return path
