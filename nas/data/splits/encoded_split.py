"""A split whose images stay encoded: photographs of various sizes, too many for memory as pixels.

Each image is read from the data set's own files (or from memory, if all encoded images fit),
decoded as far as its crop needs, and resized. Crops and all random numbers are drawn for a whole
batch at once; decoding and the steps after it run image by image, on all cores.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nas.data import machine_memory
from nas.data.image_options import ImageOptions
from nas.data.images import decoding, image_decoding, opening, photo_augmentation
from nas.data.images.photo_augmentation import PhotoAugmentation
from nas.data.splits.image_index import ImageIndex
from nas.data.splits.split import Finisher, Reader, Split, TrainingReader

# Threads that read a whole split into memory; disks are faster with several requests at a time.
_READERS = 16
_AT_ONCE = 64


class Unfinished(NamedTuple):
    """Encoded images and the changes to each. For one image the first axis is missing.

    Attributes:
        encoded: strings `[n]`.
        changes: crops, flips and colours.
        by_pillow: bool `[n]`, whether Pillow decodes the image.
    """

    encoded: tf.Tensor
    changes: photo_augmentation.Changes
    by_pillow: tf.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedSplit(Split):
    """Labelled photographs, encoded.

    Attributes:
        index: index of the data set's images.
        labels: int64 `[n]`.
        source: name of the source split of all images; or one name for each, `[n]`.
        positions: int64 `[n]`, number of each image in its source split.
        augmentation: random changes that suit these images.
        resolution: height and width of the network's input, in pixels.
        channels: 3 or 1.
        contents: the encoded images, bytes `[n]`; None to read them from files when needed.
    """

    index: ImageIndex
    labels: np.ndarray
    source: str | np.ndarray
    positions: np.ndarray
    resolution: int
    channels: int = 3
    augmentation: PhotoAugmentation = PhotoAugmentation()
    contents: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the images; another process reads them from their files."""
        return {**self.__dict__, "contents": None}

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.resolution, self.resolution, self.channels

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """Rows of these images in the index, int64 `[n]`."""
        return self.index.rows(self.source, self.positions)

    @property
    def size_bytes(self) -> int:
        """Size of all encoded images together."""
        return int(self.index.lengths[self.rows].sum())

    def take(self, indices: np.ndarray) -> "EncodedSplit":
        """Returns the examples at `indices`, in that order."""
        contents = None if self.contents is None else self.contents[indices]
        return dataclasses.replace(self, contents=contents, **self._taken(indices))

    def join(self, other: Split) -> "EncodedSplit":
        """Returns these examples, followed by others of the same data set."""
        if not isinstance(other, EncodedSplit) or other.index is not self.index:
            raise TypeError(
                "expected another split with the same index of encoded images, received "
                f"{type(other).__name__}; join splits of one data set only"
            )
        contents = None
        if self.contents is not None and other.contents is not None:
            contents = np.concatenate([self.contents, other.contents])
        return dataclasses.replace(self, contents=contents, **self._joined(other))

    def resized(self, resolution: int) -> "EncodedSplit":
        """Returns the same examples, to be decoded at another resolution."""
        return dataclasses.replace(self, resolution=resolution)

    def in_memory(self) -> "EncodedSplit":
        """Returns this split with its encoded images in memory, which is faster on slow disks.

        Raises:
            ValueError: they take more than half of the free memory.
        """
        machine_memory.check(self.size_bytes, f"{len(self):,} encoded images", "--cache=files")
        contents = np.empty(len(self), object)
        order = np.argsort(self.rows, kind="stable")
        with futures.ThreadPoolExecutor(_READERS) as pool:
            read = pool.map(self.index.read, self.rows[order])
            for place, content in zip(order, read, strict=True):
                contents[place] = content
        return dataclasses.replace(self, contents=contents)

    def pixels(self, indices: np.ndarray | slice) -> np.ndarray:
        """Returns images as used for evaluation, uint8 `[n, height, width, channels]`.

        Raises:
            ValueError: an image cannot be decoded; the message names it.
        """
        chosen = np.arange(len(self))[indices]
        found = np.empty((len(chosen), *self.input_shape), np.uint8)
        plain = tf.autograph.experimental.do_not_convert
        stream = tf.data.Dataset.from_tensor_slices(chosen).batch(_AT_ONCE)
        stream = stream.map(plain(self.evaluation_reader())).unbatch()
        stream = stream.map(plain(self.finisher(augmented=False)), tf.data.AUTOTUNE)
        stream = stream.prefetch(_AT_ONCE)
        try:
            for place, image in enumerate(stream.as_numpy_iterator()):
                found[place] = image
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(self.explain(error) or str(error)) from error
        return found

    def image_digests(self) -> list[bytes]:
        """Returns one digest per image, of its encoded bytes."""
        return [digest.tobytes() for digest in self.index.digests[self.rows]]

    def evaluation_reader(self) -> Reader:
        """Makes the function that reads images with their crops for evaluation."""
        return self._reader(lambda sizes, *draw: photo_augmentation.unchanged(sizes, self.channels))

    def training_reader(self, augmentation: PhotoAugmentation) -> TrainingReader:
        """Makes the function that reads images and draws the changes to each."""
        return self._reader(
            lambda sizes, *draw: photo_augmentation.draw(augmentation, sizes, self.channels, *draw)
        )

    def _reader(self, decide: Any) -> Any:
        with tf.device("CPU"):
            sizes = tf.constant(self.index.sizes[self.rows])
            by_pillow = tf.constant(self.index.by_pillow[self.rows])

        def read(indices: tf.Tensor, *draw: Any) -> Unfinished:
            encoded = tf.numpy_function(self.read, [indices], tf.string, stateful=False)
            encoded.set_shape(indices.shape)
            changes = decide(tf.gather(sizes, indices), *draw)
            return Unfinished(encoded, changes, tf.gather(by_pillow, indices))

        return read

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Reads encoded images, bytes `[n]`."""
        contents = np.empty(len(indices), object)
        self.index.recent.extend(self.rows[indices].tolist())
        for place, index in enumerate(indices):
            kept = self.contents
            contents[place] = self.index.read(self.rows[index]) if kept is None else kept[index]
        return contents

    @property
    def evaluated_share(self) -> float:
        """Side of the square that evaluation takes, over the shorter side of an image."""
        return photo_augmentation.EVALUATED

    def photos(self, indices: np.ndarray) -> Iterator[bytes]:
        """Yields the encoded images at `indices`."""
        for index in indices:
            yield self.read(np.array([index]))[0]

    def finisher(self, augmented: bool) -> Finisher:
        """Makes the function that decodes and resizes; evaluation rounds pixels as an app does."""
        if augmented:
            return self._augmented
        return lambda image: tf.round(self._resized(image))

    def _augmented(self, image: Unfinished) -> tf.Tensor:
        pixels = image_decoding.flip(self._resized(image), image.changes.flips)
        return image_decoding.colour(pixels, image.changes.colours)

    def decode(self, image: Unfinished) -> tf.Tensor:
        """Decodes the crop of one image, uint8 `[height, width, channels]`."""
        encoded, box = image.encoded, image.changes.boxes
        if not self._any_by_pillow:
            return image_decoding.decode_crop(encoded, box, self.channels)
        return tf.cond(
            image.by_pillow,
            lambda: tf.numpy_function(self._by_pillow, [encoded, box], tf.uint8, stateful=False),
            lambda: image_decoding.decode_crop(encoded, box, self.channels),
        )

    @functools.cached_property
    def _any_by_pillow(self) -> bool:
        return bool(self.index.by_pillow[self.rows].any())

    def _by_pillow(self, encoded: bytes, box: np.ndarray) -> np.ndarray:
        return decoding.decode_crop(
            encoded, box.tolist(), self.channels, self.index.levels, self.resolution
        )

    def _resized(self, image: Unfinished) -> tf.Tensor:
        crop = self.decode(image)
        crop.set_shape([None, None, self.channels])
        pixels = image_decoding.resize(crop, self.resolution)
        pixels.set_shape(self.input_shape)
        return pixels

    def explain(self, error: Exception) -> str | None:
        """Names the image that made a reader or decoder fail, found among those read last."""
        if not re.search("jpeg|png|gif|bmp|image|expected", str(error), re.IGNORECASE):
            return None
        for row in dict.fromkeys(self.index.recent):
            try:
                encoded = self.index.read(row)
            except ValueError as reason:
                return str(reason)
            try:
                decoding.examine(encoded)
            except opening.UnreadableImageError:
                return (
                    f"{self.index.title(row)}: expected an image, received {len(encoded)} bytes "
                    f"that cannot be decoded; {self.index.advice}"
                )
        return None


def kept(whole: EncodedSplit, options: ImageOptions, report: Callable[[str], None]) -> EncodedSplit:
    """Returns the same split, with its encoded images in memory if the options say so.

    Args:
        whole: all examples of a data set.
        options: with `cache="memory"` the encoded images are read into memory.
        report: receives a line that says where the images are kept and how they are resized.

    Raises:
        ValueError: there is too little memory.
    """
    in_memory = options.cache == "memory"
    where = "in memory" if in_memory else "in their files"
    side = whole.resolution
    report(
        f"{len(whole):,} encoded images ({whole.size_bytes / 1e9:.3g} GB) {where}; random crops "
        f"resized to {side}x{side}"
    )
    return whole.in_memory() if in_memory else whole
