"""Makes small folders of images."""

import numpy as np
from PIL import Image


def save_picture(path, size=(12, 10), mode="RGB", seed=0):
    """Saves a random picture of `(width, height)` pixels; the suffix determines the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = len(mode) if mode in ("RGB", "RGBA", "LA") else 1
    shape = (size[1], size[0], bands) if bands > 1 else (size[1], size[0])
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def save_classes(folder, counts, **picture):
    """Saves `counts[name]` different pictures in each class folder; returns `folder`."""
    for c, (name, count) in enumerate(counts.items()):
        for i in range(count):
            save_picture(folder / name / f"{i:03d}.png", seed=1000 * c + i, **picture)
    return folder
