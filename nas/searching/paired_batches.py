"""The data of a search: a training batch and, where alpha is updated, a validation batch."""

import numpy as np
import tensorflow as tf

from nas.data import batching
from nas.data.splits import dataset
from nas.searching.search_config import SearchConfig


def paired_batches(
    dataset: dataset.Dataset,
    config: SearchConfig,
    first_step: int = 0,
    learns_alpha: bool = True,
    share: batching.Share = batching.WHOLE,
) -> tf.data.Dataset:
    """Returns endless pairs ((images, labels), (validation images, validation labels)).

    The validation batch is empty in the warm-up and between architecture steps, where no image is
    loaded for it. If alpha is not learned, it is always empty. With a share, only its slices of
    both batches are returned, one after the other.

    Example:
        >>> import nas, numpy as np
        >>> images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
        >>> data = nas.dataset_from_arrays(images, np.arange(40) % 2)
        >>> config = nas.SearchConfig(warmup_epochs=1, batch_size=8, arch_period=2)
        >>> batches = nas.paired_batches(data, config).take(6)
        >>> [(len(labels), len(others)) for (_, labels), (_, others) in batches]
        [(8, 0), (8, 0), (8, 0), (8, 8), (8, 0), (8, 8)]
    """
    steps = batching.steps_per_epoch(dataset.train, config.batch_size)
    warmup = config.warmup_epochs * steps
    period = config.arch_period

    def is_due(step: int | tf.Tensor) -> tf.Tensor:
        return tf.logical_and(learns_alpha and step >= warmup, (step - warmup) % period == 0)

    arch_steps_before = max(0, -(-(first_step - warmup) // period))
    loaded = batching.training_batches(
        dataset.validation,
        config.batch_size,
        config.seed + 1,
        first_step=arch_steps_before,
        share=share,
    )
    empty = tf.data.Dataset.from_tensors(
        tuple(tf.zeros([0, *spec.shape[1:]], spec.dtype) for spec in loaded.element_spec)
    ).repeat()
    plain = tf.autograph.experimental.do_not_convert
    turns = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    turns = turns.map(plain(lambda step: tf.cast(is_due(step), tf.int64)))
    if share.count > 1:
        turns = turns.flat_map(
            plain(lambda turn: tf.data.Dataset.from_tensors(turn).repeat(share.count))
        )
    validation = tf.data.Dataset.choose_from_datasets([empty, loaded], turns)
    weights = batching.training_batches(
        dataset.train, config.batch_size, config.seed, first_step=first_step, share=share
    )
    return tf.data.Dataset.zip(weights, validation).prefetch(2)
