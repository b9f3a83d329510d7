"""Whether a data set has images enough to train from nothing, and what to do otherwise.

With 220 images a class of CIFAR-10, EfficientNet-Lite0 has about twice the accuracy if it begins
with the weights of ImageNet (docs/results.md). With a thousand and more a class, a search from
nothing is an offer too: its networks can be smaller than any that has public weights.
"""

import numpy as np

from nas.data.splits.dataset import Dataset
from nas.pretrained import init_names

# Training images a class from which on a network can be trained from nothing.
ENOUGH = 1000


def images_per_class(dataset: Dataset) -> int:
    """Returns the median over the classes of the images that weights are trained on."""
    labels = dataset.train_and_validation.labels
    return int(np.median(np.bincount(labels, minlength=dataset.num_classes)))


def is_few(dataset: Dataset) -> bool:
    """Whether the data set has too few images to train from nothing."""
    return images_per_class(dataset) < ENOUGH


def text(dataset: Dataset, init: str | None = None) -> str:
    """Says how many images a class there are, and what that asks for.

    Args:
        dataset: the data set.
        init: what the training begins with, as for `nas.pretrained.seeds.load`; None if that is not
            decided yet.
    """
    count = f"{images_per_class(dataset):,} a class"
    if init is not None and init_names.is_pretrained(init):
        if is_few(dataset):
            return f"{count}, few: begins with pretrained weights, as such data sets should"
        return f"{count}, enough to train from nothing; begins with pretrained weights"
    if is_few(dataset):
        return f"{count}, too few to train from nothing: {_remedy(dataset)}"
    return f"{count}, enough to train from nothing"


def _remedy(dataset: Dataset) -> str:
    gray = ", and --channels=rgb" if dataset.channels == 1 else ""
    return f"begin with the weights of ImageNet (--preset=photos, or --init=imagenet{gray})"
