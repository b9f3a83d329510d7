"""Finds, reads and writes the folders of TensorFlow Datasets (TFDS)."""

import contextlib
import difflib
import io
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nas import chatter, disk_faults
from nas.progress import Track, untracked

Example = dict[str, Any]


def builder(name: str, data_dir: str | None = None) -> tfds.core.DatasetBuilder:
    """Returns TFDS' builder of the data set `name` in `data_dir` (None: TFDS' default folder).

    Raises:
        ValueError: TFDS has no such data set.
    """
    found, fault = None, ""
    with chatter.silenced():
        try:
            found = tfds.builder(name, data_dir=os.path.expanduser(data_dir) if data_dir else None)
        except tfds.core.DatasetNotFoundError:
            pass
        except (ValueError, AssertionError, KeyError) as error:
            fault = str(error).strip().partition("\n")[0] or type(error).__name__
    if found is None:
        told = f" ({fault})" if fault else ""
        raise ValueError(
            f"dataset: expected the name of a data set in TensorFlow Datasets, received {name!r}"
            f"{told}; {_nearest(name)}choose one of https://www.tensorflow.org/datasets/catalog"
        )
    return found


def _nearest(name: str) -> str:
    """Asks whether a similar name was meant; empty if there is none."""
    known = tfds.list_builders(with_community_datasets=False)
    found = difflib.get_close_matches(name.partition("/")[0].lower(), known, n=3)
    return f"did you mean {' or '.join(found)}? or " if found else ""


def is_prepared(builder: tfds.core.DatasetBuilder) -> bool:
    """Returns whether the builder's folder holds the complete data set."""
    with chatter.silenced():
        return builder.is_prepared()


def prepared_builder(name: str, data_dir: str | None = None) -> tfds.core.DatasetBuilder:
    """Returns the builder of a data set, which must be prepared and hold labelled images.

    Raises:
        ValueError: it is not prepared or has no labelled images; the message says what to do.
    """
    found = builder(name, data_dir)
    if not is_prepared(found):
        root = shlex.quote(str(found.data_dir_root))
        raise ValueError(
            f"expected {name} in {found.data_dir}, found no prepared data set; prepare it with "
            f"python -m tools.prepare_data --dataset={name} --data_dir={root}"
        )
    features = dict(found.info.features.items())
    image, label = (features.get(key) for key in image_and_label(found))
    if not isinstance(image, tfds.features.Image) or not isinstance(
        label, tfds.features.ClassLabel
    ):
        raise ValueError(
            f"{name}: expected examples with the features image and label (its class), found "
            f"{list(features)}; choose a data set for image classification"
        )
    if image.np_dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"{name}: expected images of 8 or 16 bits, found {np.dtype(image.np_dtype).name}; "
            "choose another data set, or convert its images"
        )
    if label.num_classes is None or label.num_classes < 2:
        raise ValueError(f"{name}: expected two classes or more, found {label.num_classes}")
    if "train" not in found.info.splits:
        raise ValueError(f"{name}: expected the split train, found {sorted(found.info.splits)}")
    return found


def image_and_label(builder: tfds.core.DatasetBuilder) -> tuple[str, str]:
    """Returns the names of the image feature and of the label feature."""
    keys = builder.info.supervised_keys
    if keys and len(keys) == 2 and all(isinstance(key, str) for key in keys):
        return keys
    return "image", "label"


def in_stored_order(
    builder: tfds.core.DatasetBuilder, split: str, encoded: bool = False
) -> tf.data.Dataset:
    """Reads a prepared split in the order of its shards on disk, which is always the same.

    Args:
        builder: TFDS builder of a prepared data set.
        split: name of the split.
        encoded: whether images are returned as the bytes of their files.
    """
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    decoders = {image_and_label(builder)[0]: tfds.decode.SkipDecoding()} if encoded else None
    return builder.as_dataset(
        split=split, shuffle_files=False, read_config=config, decoders=decoders
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides TFDS' own messages and progress bars, so that only ours appear on stderr."""
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()


def writing(builder: tfds.core.DatasetBuilder) -> contextlib.AbstractContextManager[None]:
    """A context in which TFDS writes a data set: a full disk is one error that names the folder.

    TFDS removes what it has written so far.
    """
    return disk_faults.named(
        builder.data_dir, f"the data set {builder.name}", "run the same command again"
    )


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
        builder_class: TFDS' own builder, which defines name, version and features.
        splits: the examples of each split, with that builder's features. They are numbered and
            stored in order, as TFDS' own builders of small images do.
        data_dir: TFDS folder.
        class_names: names of the labels, if that builder takes them from the download.
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
    with _quiet(), writing(target):
        try:
            target.download_and_prepare()
        except OSError:
            # Another process may have prepared the same data set in the meantime.
            if not target.is_prepared():
                raise
