"""An index of the encoded images in a prepared TFDS split, so that each can be read on its own.

Making the index decodes the whole split once, so that damaged images are named at the start. For
ImageNet that takes as long as an epoch without training. The index is stored beside the split's
files, 170 bytes per image, and loaded from there afterwards. With it, reading an image is one
`pread`. An epoch is therefore shuffled evenly over all images, training resumes at any step without
reading earlier images, and each host reads only its own share.
"""

import collections
import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent import futures
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nas import chatter
from nas.data.images import (
    decoded_images,
    decoding,
    examination,
    looks,
    opening,
    stored_arrays,
)
from nas.data.images.depth import Levels
from nas.data.splits import image_index
from nas.data.splits.image_index import ImageIndex
from nas.data.tfds import tfds_layout
from nas.progress import Track, untracked

_VERSION = 2
# A TFRecord file stores each record as: length and checksum, content, another checksum.
_BEFORE, _AFTER = 12, 4
_ADVICE = "repair or remove them and prepare the data set again"
_ARRAYS = {
    "names": np.bytes_,
    "files": np.int32,
    "offsets": np.int64,
    "lengths": np.int64,
    "sizes": np.int32,
    "labels": np.int64,
    "digests": np.uint8,
    "by_pillow": np.bool_,
    "looks": np.uint8,
    "ranges": np.int32,
}


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
        sizes: int32 `[n, 2]`, height and width of the upright image; 0 if it is damaged.
        labels: int64 `[n]`.
        digests: uint8 `[n, 16]`, digest of each image's bytes.
        by_pillow: bool `[n]`, whether Pillow decodes the image; see `decoding.Examined.is_plain`.
        looks: uint8 `[n, looks.SIZE_BYTES]`, what each looks like.
        ranges: int32 `[n, 2]`, smallest and largest value of an image of 16 bits, else -1.
        damaged: for each unreadable image, by its row, the reason.
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
    looks: np.ndarray
    ranges: np.ndarray
    damaged: dict[int, str]
    recent: collections.deque[int] = dataclasses.field(
        default_factory=image_index.recent_rows, repr=False
    )
    advice = _ADVICE

    @property
    def levels(self) -> Levels | None:  # type: ignore[override]
        """Range of the values of 16-bit images."""
        return examination.joined_levels(self.ranges)

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


def load(
    builder: tfds.core.DatasetBuilder,
    split: str,
    track: Track = untracked,
    skip_unreadable: bool = False,
) -> RecordIndex:
    """Loads the index of a split, or makes it and stores it in the data set's folder.

    Args:
        builder: TFDS builder of a prepared data set.
        split: name of the split.
        track: may show the progress of making the index.
        skip_unreadable: whether damaged images may be among its rows; otherwise they are an error.

    Raises:
        ValueError: the files have another format, or images cannot be read; the message names them.
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
    arrays = stored_arrays.load(stored, identity)
    if arrays is None:
        arrays = _collected(builder, split, paths, lengths, track)
        try:
            stored_arrays.keep(stored, identity, arrays)
        except OSError:
            pass  # The folder is read-only, as for shared data sets: made again each time.
    damaged = {int(i): why for i, why in json.loads(str(arrays.pop("damaged"))).items()}
    index = RecordIndex(f"{builder.name} {split}", paths, **arrays, damaged=damaged)
    if len(damaged) == len(index) or damaged and not skip_unreadable:
        names = {row: index.title(row).partition(" ")[2] for row in damaged}
        raise decoded_images.refusal(builder.name, len(index), names, damaged, _ADVICE)
    return index


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
    rows: list[dict[str, Any]] = []
    damaged: dict[int, str] = {}
    tracked = track(records, sum(shard_lengths), f"decoding {builder.name} {split} once")
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        placed = decoded_images.chunks(_placed(tracked, shard_lengths), decoded_images.CHUNK)
        for chunk in placed:
            for row, fault in pool.map(_row, chunk):
                if fault:
                    damaged[len(rows)] = fault
                rows.append(row)
    arrays: dict[str, Any] = {
        key: np.array([row[key] for row in rows], kind) for key, kind in _ARRAYS.items()
    }
    return arrays | {"damaged": np.array(json.dumps(damaged))}


def _placed(
    records: Iterable[dict[str, Any]], shard_lengths: Sequence[int]
) -> Iterator[tuple[dict[str, Any], int, int]]:
    """Yields every record with the number of its file and its byte offset there."""
    shard, left, offset = -1, 0, 0
    for record in records:
        while not left:
            shard, offset = shard + 1, 0
            left = shard_lengths[shard]
        yield record, shard, offset + _BEFORE
        offset += _BEFORE + len(record["record"]) + _AFTER
        left -= 1


def _row(placed: tuple[dict[str, Any], int, int]) -> tuple[dict[str, Any], str]:
    """Returns what the index says about one image, and its fault; an empty text if it has none."""
    record, shard, offset = placed
    encoded, fault = record["image"], ""
    try:
        found = decoding.examine(encoded)
    except opening.UnreadableImageError as error:
        found = decoding.Examined(0, 0, False, bytes(looks.SIZE_BYTES))
        fault = f"{len(encoded):,} bytes: {error}"
    row = {
        "names": record["name"],
        "files": shard,
        "offsets": offset + record["record"].find(encoded),
        "lengths": len(encoded),
        "sizes": (found.height, found.width),
        "labels": record["label"],
        "digests": np.frombuffer(hashlib.sha256(encoded).digest()[:16], np.uint8),
        "by_pillow": not found.is_plain,
        "looks": np.frombuffer(found.look, np.uint8),
        "ranges": found.levels or examination.NOT_DEEP,
    }
    return row, fault


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
