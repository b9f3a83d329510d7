"""The folders of TensorFlow Datasets (TFDS): finding, reading and writing them."""

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nas import chatter

Example = dict[str, Any]
Track = Callable[[Iterable[Example], int, str], Iterable[Example]]


def untracked(examples: Iterable[Example], total: int, label: str) -> Iterable[Example]:
    """The `Track` that shows nothing."""
    return examples


def builder(name: str, data_dir: str | None = None) -> tfds.core.DatasetBuilder:
    """TFDS' own builder of the data set `name` in `data_dir` (None: TFDS' default folder).

    Raises:
        ValueError: TFDS knows no such data set.
    """
    found = None
    with chatter.silenced():
        try:
            found = tfds.builder(name, data_dir=os.path.expanduser(data_dir) if data_dir else None)
        except tfds.core.DatasetNotFoundError:
            pass
    if found is None:
        raise ValueError(
            f"expected the name of a data set in TensorFlow Datasets, received {name!r}; "
            "https://www.tensorflow.org/datasets/catalog lists them"
        )
    return found


def is_prepared(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether the data set lies in the builder's folder, complete."""
    with chatter.silenced():
        return builder.is_prepared()


def prepared_builder(name: str, data_dir: str | None = None) -> tfds.core.DatasetBuilder:
    """The builder of a data set that is prepared and holds labelled images.

    Raises:
        ValueError: it does not; the message says what to do.
    """
    found = builder(name, data_dir)
    if not is_prepared(found):
        raise ValueError(
            f"expected {name} in {found.data_dir}, found nothing; prepare it with "
            f"python -m tools.prepare_data --dataset={name} --data_dir={found.data_dir_root}"
        )
    features = dict(found.info.features.items())
    image, label = (features.get(key) for key in image_and_label(found))
    if not isinstance(image, tfds.features.Image) or not isinstance(
        label, tfds.features.ClassLabel
    ):
        raise ValueError(
            f"{name}: expected an image and its class in every example, as the features image and "
            f"label, found {list(features)}"
        )
    if image.np_dtype != np.uint8:
        raise ValueError(f"{name}: expected 8-bit images, found {image.np_dtype.__name__}")
    if label.num_classes is None or label.num_classes < 2:
        raise ValueError(f"{name}: expected two classes or more, found {label.num_classes}")
    if "train" not in found.info.splits:
        raise ValueError(f"{name}: expected the split train, found {sorted(found.info.splits)}")
    return found


def image_and_label(builder: tfds.core.DatasetBuilder) -> tuple[str, str]:
    """Names of the features that a classifier is given and is to tell."""
    keys = builder.info.supervised_keys
    if keys and len(keys) == 2 and all(isinstance(key, str) for key in keys):
        return keys
    return "image", "label"


def in_stored_order(
    builder: tfds.core.DatasetBuilder, split: str, encoded: bool = False
) -> tf.data.Dataset:
    """Examples of a prepared split as they lie on disk, shard by shard: always the same order.

    Args:
        builder: of a prepared data set.
        split: which of its splits.
        encoded: whether images come as the bytes of their files.
    """
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    decoders = {image_and_label(builder)[0]: tfds.decode.SkipDecoding()} if encoded else None
    return builder.as_dataset(
        split=split, shuffle_files=False, read_config=config, decoders=decoders
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TFDS' own lines and bars back, and leaves stderr to ours."""
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()


def write(
    builder_class: type[tfds.core.GeneratorBasedBuilder],
    splits: Mapping[str, Sequence[Example]],
    data_dir: str,
    class_names: list[str] | None = None,
    track: Track = untracked,
) -> None:
    """Writes examples as if `builder_class` had downloaded them.

    The folder appears only when it is complete.

    Args:
        builder_class: TFDS' own builder, which gives name, version and features.
        splits: for every split its examples, as that builder's features. They are numbered in
            order, as TFDS' builders of small images do it, and so are stored in the same order.
        data_dir: TFDS folder.
        class_names: names of the labels, where that builder learns them from the download.
        track: called as `track(examples, count, label)`; may show progress while it yields them.
    """
    with tfds.core.registered.skip_registration():

        class FromMemory(builder_class):
            name = builder_class.name

            def _split_generators(self, dl_manager):
                if class_names:
                    self.info.features["label"].names = class_names
                return {split: self._generate_examples(split) for split in splits}

            def _generate_examples(self, split):
                examples = splits[split]
                return enumerate(track(examples, len(examples), f"writing {self.name} {split}"))

    target = FromMemory(data_dir=os.path.expanduser(data_dir))
    with _quiet():
        try:
            target.download_and_prepare()
        except OSError:
            # Another process may have put the same data in place in the meantime.
            if not target.is_prepared():
                raise
