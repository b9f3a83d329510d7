"""A supernet that begins with the weights of a pretrained network of its space."""

import math

import numpy as np
import tensorflow as tf

from nas.architecture.specs import SearchSpace
from nas.data import batching
from nas.data.splits import dataset
from nas.data.splits.split import Split
from nas.pretrained import init_names, seeds
from nas.pretrained.adapting import Seed
from nas.supernet import routes
from nas.supernet.supernet import Supernet
from nas.training import closed_form_head

# Probability with which a decision other than the resolution begins at the option of the seed.
# Where every decision is drawn uniformly, hardly a path has anything left of what the seed learned,
# and the losses say which rubble learns fastest. So paths have a few changes each.
_KEPT = 0.75
# Images whose features the classifier is fitted to, and images at once.
_IMAGES, _BATCH = 4000, 100


def seed_of(space: SearchSpace, init: str) -> Seed | None:
    """Returns the network that the supernet begins with; None for random weights.

    Args:
        space: the space.
        init: `random`, or as for `seeds.load`.

    Raises:
        ValueError: its weights cannot be read, or it is not a network of the space.
    """
    if init == init_names.RANDOM:
        return None
    found = seeds.load(init, space)
    choices_of(space, found)
    return found


def choices_of(space: SearchSpace, seed: Seed) -> tuple[int, ...]:
    """Returns the choices of the seed, with the middle one of several resolutions.

    Raises:
        ValueError: the seed is not a network of the space.
    """
    sizes = sorted(space.resolutions)
    child = seed.weights.child.with_task(
        space.num_classes, sizes[len(sizes) // 2], space.input_channels
    )
    try:
        return space.choices(child)
    except ValueError as error:
        raise ValueError(
            f"init: expected the weights of a network of {space.name}, received {error}; use a "
            "space that contains it"
        ) from error


def at_every_resolution(space: SearchSpace, seed: Seed) -> list[tuple[int, ...]]:
    """Returns the choices of the seed at every resolution of the space, the smallest first.

    Raises:
        ValueError: as `choices_of`.
    """
    choices, row = list(choices_of(space, seed)), space.resolution_row
    if row is None:
        return [tuple(choices)]
    by_size = sorted(range(len(space.resolutions)), key=lambda i: space.resolutions[i])
    return [tuple(choices[:row] + [i] + choices[row + 1 :]) for i in by_size]


def prefer_seed(supernet: Supernet, seed: Seed) -> None:
    """Moves alpha so that sampled paths are the seed with a few changes, at any resolution.

    An option of the seed begins with probability 3/4; the others of its decision are equal.

    Args:
        supernet: as it begins; only its alpha changes.
        seed: the network that it began with.
    """
    space = supernet.space
    alpha = supernet.alpha.numpy()
    decisions = zip(choices_of(space, seed), space.option_counts, strict=True)
    for row, (choice, count) in enumerate(decisions):
        if row != space.resolution_row and count > 1:
            alpha[row, choice] += math.log(_KEPT / (1.0 - _KEPT) * (count - 1))
    supernet.alpha.assign(alpha)


def fit_classifier(supernet: Supernet, seed: Seed, split: Split) -> None:
    """Fits the classifier in closed form to the features of the seed.

    It depends on the seed's weights and the images alone. A classifier of the right classes, which
    the seed brought along, is kept.

    Args:
        supernet: as it begins; only its classifier changes.
        seed: the network that it began with.
        split: the training images; at most 4000 of them are used, balanced by class.
    """
    space = supernet.space
    if seed.weights.child.num_classes == space.num_classes:
        return
    path = routes.Path(tf.constant(choices_of(space, seed), tf.int32))
    selections = supernet.read(path)

    @tf.function(autograph=False, jit_compile=False, reduce_retracing=True)
    def pooled(images: tf.Tensor) -> tf.Tensor:
        features, _ = supernet.features(images, path, selections, training=False)
        return tf.reduce_mean(tf.cast(features, tf.float32), axis=[1, 2])

    chosen = dataset.balanced_order(split.labels, 0)[:_IMAGES]
    parts = np.array_split(chosen, -(-len(chosen) // split.images_at_once(_BATCH)))
    features = [pooled(batching.to_float(split.pixels(part))).numpy() for part in parts]
    supernet.classifier.set(
        *closed_form_head.fit(np.concatenate(features), split.labels[chosen], space.num_classes)
    )
