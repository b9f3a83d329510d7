"""Where each encoded image of a prepared TFDS split lies, so that any one can be read alone.

Making an index reads the whole split once: for ImageNet minutes on a local disk, as long as the
disk takes for 140 GB. It is kept beside the split's files, 70 bytes an image, and read from there
afterwards. With it an image is one `pread`: an epoch is shuffled evenly over all images, training
goes on at any step without reading what came before, and a host reads its own share alone.
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

_VERSION = 1
# What TensorFlow decodes.
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP")
_FORMAT_NAMES = "JPEG, PNG, GIF or BMP"
# A record in a file: its length and a checksum, its content, another checksum.
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
        name: of data set and split, such as `imagenet2012 train`.
        paths: the split's files.
        names: bytes `[n]`, the data set's own names of its images, where it has them, for messages.
        files: int32 `[n]`, in which of `paths` an image lies.
        offsets: int64 `[n]`, where in it.
        lengths: int64 `[n]`, of how many bytes.
        sizes: int32 `[n, 2]`, height and width.
        labels: int64 `[n]`.
        digests: uint8 `[n, 16]`, of each image's bytes.
        by_pillow: bool `[n]`, none of them: what TensorFlow does not decode is refused.
        recent: which images were read last, for the message about one that cannot be decoded.
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
    advice = "mend or remove it and prepare the data set anew"

    def title(self, row: int) -> str:
        """An image in messages, such as `imagenet2012 train/123 (n01440764_10026.JPEG)`."""
        return _title(self.name, row, self.names[row])

    def read(self, row: int) -> bytes:
        """An encoded image. Threads may read at the same time.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is shorter than it was.
        """
        path = self.paths[self.files[row]]
        length = int(self.lengths[row])
        descriptor = os.open(path, os.O_RDONLY)
        try:
            content = os.pread(descriptor, length, int(self.offsets[row]))
        finally:
            os.close(descriptor)
        if len(content) != length:
            raise ValueError(f"{path}: expected more bytes than it has; prepare the data set anew")
        return content


def load(
    builder: tfds.core.DatasetBuilder, split: str, track: tfds_layout.Track = tfds_layout.untracked
) -> RecordIndex:
    """The index of a split; made now if it was not, and kept where the data set lies.

    Args:
        builder: of a prepared data set.
        split: its name.
        track: may show the progress of making it.

    Raises:
        ValueError: files of another format, or an image that cannot be read; it is named.
    """
    info = builder.info.splits[split]
    kind = builder.info.file_format
    if kind is not None and kind.value != "tfrecord":
        raise ValueError(
            f"{builder.name}: expected files of the format tfrecord, which can be read in any "
            f"order, found {kind.value}; prepare it anew in another folder"
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
            pass  # Where others prepared it and it cannot be written to: made anew each time.
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
    track: tfds_layout.Track,
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
    """Height and width of an image, of which the header alone is read.

    Raises:
        ValueError: it is none, or it has no end.
    """
    try:
        with PIL.Image.open(io.BytesIO(encoded)) as image:
            width, height = image.size
            kind = image.format
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        reason = str(error).partition(" <_io")[0]
        raise ValueError(
            f"{where}: expected an image, received {len(encoded)} bytes that are none ({reason}); "
            "mend or remove it and prepare the data set anew"
        ) from None
    if kind not in _FORMATS:
        raise ValueError(f"{where}: expected a {_FORMAT_NAMES} file, received {kind}")
    if kind == "JPEG" and _END_OF_JPEG not in encoded[len(encoded) // 2 :]:
        raise ValueError(
            f"{where}: expected a whole JPEG, received {len(encoded)} bytes whose end is missing; "
            "mend or remove it and prepare the data set anew"
        )
    return height, width
