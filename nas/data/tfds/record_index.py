"""An index of the encoded images in a prepared TFDS split, so that each can be read on its own.

Making the index reads the whole split once. For ImageNet that takes as long as the disk needs for
140 GB, minutes on a local disk. The index is stored beside the split's files, 70 bytes per image,
and loaded from there afterwards. With it, reading an image is one `pread`. An epoch is therefore
shuffled evenly over all images, training resumes at any step without reading earlier images, and
each host reads only its own share.
"""

import collections
import dataclasses
import hashlib
import io
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import PIL.Image
import tensorflow as tf
import tensorflow_datasets as tfds

from nas import chatter
from nas.data.splits import image_index
from nas.data.splits.image_index import ImageIndex
from nas.data.tfds import tfds_layout
from nas.progress import Track, untracked

_VERSION = 1
# Formats that TensorFlow decodes.
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP")
_FORMAT_NAMES = "JPEG, PNG, GIF or BMP"
# A TFRecord file stores each record as: length and checksum, content, another checksum.
_BEFORE, _AFTER = 12, 4
_ARRAYS = {
    "names": np.bytes_,
    "files": np.int32,
    "offsets": np.int64,
    "lengths": np.int64,
    "sizes": np.int32,
    "labels": np.int64,
    "digests": np.uint8,
}
_END_OF_JPEG = b"\xff\xd9"


@dataclasses.dataclass(frozen=True, eq=False)
class RecordIndex(ImageIndex):
    """The encoded images of a split, in stored order.

    Attributes:
        name: names of data set and split, such as `imagenet2012 train`.
        paths: the split's files.
        names: bytes `[n]`, the data set's own image names, for messages; empty if it has none.
        files: int32 `[n]`, which of `paths` holds the image.
        offsets: int64 `[n]`, byte offset of the image in that file.
        lengths: int64 `[n]`, bytes of the image.
        sizes: int32 `[n, 2]`, height and width.
        labels: int64 `[n]`.
        digests: uint8 `[n, 16]`, digest of each image's bytes.
        by_pillow: bool `[n]`, all false: images that TensorFlow does not decode are refused.
        recent: rows that were read last, to name an image that cannot be decoded.
    """

    name: str
    paths: tuple[str, ...]
    names: np.ndarray
    files: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    digests: np.ndarray
    by_pillow: np.ndarray
    recent: collections.deque[int] = dataclasses.field(
        default_factory=image_index.recent_rows, repr=False
    )
    advice = "repair or remove it and prepare the data set again"

    def title(self, row: int) -> str:
        """Names an image in messages, such as `imagenet2012 train/123 (n01440764_10026.JPEG)`."""
        return _title(self.name, row, self.names[row])

    def read(self, row: int) -> bytes:
        """Reads one encoded image. Several threads may read at the same time.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is shorter than when the index was made.
        """
        path = self.paths[self.files[row]]
        length = int(self.lengths[row])
        descriptor = os.open(path, os.O_RDONLY)
        try:
            content = os.pread(descriptor, length, int(self.offsets[row]))
        finally:
            os.close(descriptor)
        if len(content) != length:
            raise ValueError(
                f"{path}: expected {length:,} bytes of an image, received {len(content):,}: the "
                "file has become shorter; prepare the data set again"
            )
        return content


def load(builder: tfds.core.DatasetBuilder, split: str, track: Track = untracked) -> RecordIndex:
    """Loads the index of a split, or makes it and stores it in the data set's folder.

    Args:
        builder: TFDS builder of a prepared data set.
        split: name of the split.
        track: may show the progress of making the index.

    Raises:
        ValueError: the files have another format, or an image cannot be read; the message names it.
    """
    info = builder.info.splits[split]
    kind = builder.info.file_format
    if kind is not None and kind.value != "tfrecord":
        raise ValueError(
            f"{builder.name}: expected files of the format tfrecord, which can be read in any "
            f"order, found {kind.value}; prepare the data set again in another folder"
        )
    paths = tuple(os.fspath(path) for path in info.filepaths)
    lengths = tuple(info.shard_lengths)
    stored = pathlib.Path(builder.data_dir) / f"index_{split}.npz"
    identity = _identity(paths, lengths)
    arrays = image_index.kept_arrays(stored, identity)
    if arrays is None:
        arrays = _collected(builder, split, paths, lengths, track)
        try:
            image_index.keep_arrays(stored, identity, arrays)
        except OSError:
            pass  # The folder is read-only, as for shared data sets: made again each time.
    by_pillow = np.zeros(len(arrays["labels"]), bool)
    return RecordIndex(f"{builder.name} {split}", paths, **arrays, by_pillow=by_pillow)


def _identity(paths: Sequence[str], lengths: Sequence[int]) -> str:
    sizes = [(os.path.basename(path), os.path.getsize(path)) for path in paths]
    return hashlib.sha256(repr((_VERSION, sizes, lengths)).encode()).hexdigest()


def _collected(
    builder: tfds.core.DatasetBuilder,
    split: str,
    paths: Sequence[str],
    shard_lengths: Sequence[int],
    track: Track,
) -> dict[str, Any]:
    image, label = tfds_layout.image_and_label(builder)
    has_names = isinstance(dict(builder.info.features.items()).get("file_name"), tfds.features.Text)
    with chatter.silenced():
        records = _records(paths, image, label, has_names)
    rows = []
    shard, left, offset = -1, 0, 0
    total = sum(shard_lengths)
    for number, record in enumerate(track(records, total, f"indexing {builder.name} {split}")):
        while not left:
            shard, offset = shard + 1, 0
            left = shard_lengths[shard]
        content, encoded, name = record["record"], record["image"], record["name"]
        where = _title(f"{builder.name} {split}", number, name)
        rows.append(
            {
                "names": name,
                "files": shard,
                "offsets": offset + _BEFORE + content.find(encoded),
                "lengths": len(encoded),
                "sizes": _size(encoded, where),
                "labels": record["label"],
                "digests": np.frombuffer(hashlib.sha256(encoded).digest()[:16], np.uint8),
            }
        )
        offset += _BEFORE + len(content) + _AFTER
        left -= 1
    return {key: np.array([row[key] for row in rows], kind) for key, kind in _ARRAYS.items()}


def _records(
    paths: Sequence[str], image: str, label: str, has_names: bool
) -> Iterator[dict[str, np.ndarray]]:
    parsed = {
        image: tf.io.FixedLenFeature([], tf.string),
        label: tf.io.FixedLenFeature([], tf.int64),
    }
    if has_names:
        parsed["file_name"] = tf.io.FixedLenFeature([], tf.string)

    @tf.autograph.experimental.do_not_convert
    def parse(record: tf.Tensor) -> dict[str, tf.Tensor]:
        example = tf.io.parse_single_example(record, parsed)
        return {
            "record": record,
            "image": example[image],
            "label": example[label],
            "name": example.get("file_name", tf.constant("")),
        }

    stream = tf.data.TFRecordDataset(list(paths), buffer_size=8 << 20)
    return stream.map(parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(64).as_numpy_iterator()


def _title(split: str, number: int, name: bytes) -> str:
    return f"{split}/{number}" + (f" ({name.decode('utf-8', 'replace')})" if name else "")


def _size(encoded: bytes, where: str) -> tuple[int, int]:
    """Returns height and width of an image, read from its header alone.

    Raises:
        ValueError: the bytes are no image, or the end of a JPEG is missing.
    """
    try:
        with PIL.Image.open(io.BytesIO(encoded)) as image:
            width, height = image.size
            kind = image.format
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        reason = str(error).partition(" <_io")[0]
        raise ValueError(
            f"{where}: expected an image, received {len(encoded)} bytes of something else "
            f"({reason}); {RecordIndex.advice}"
        ) from None
    if kind not in _FORMATS:
        raise ValueError(
            f"{where}: expected a {_FORMAT_NAMES} file, received {kind}; convert it and prepare "
            "the data set again"
        )
    if kind == "JPEG" and _END_OF_JPEG not in encoded[len(encoded) // 2 :]:
        raise ValueError(
            f"{where}: expected a complete JPEG, received {len(encoded)} bytes without its end; "
            f"{RecordIndex.advice}"
        )
    return height, width
