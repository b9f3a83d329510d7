"""A split whose images stay encoded: photographs of differing sizes, too many for memory.

Each is read from the data set's own files (or from memory, where all of them fit), decoded as far
as a crop needs it, and resized. What is random, and which crop, is settled for a batch at once;
decoding and all that follows is done with each image alone, on all cores.
"""

import dataclasses
import functools
import re
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nas.data.image_options import ImageOptions
from nas.data.images import decoding, image_decoding, photo_augmentation
from nas.data.images.photo_augmentation import PhotoAugmentation
from nas.data.splits import machine_memory
from nas.data.splits.image_index import ImageIndex
from nas.data.splits.split import Finisher, Reader, Split, TrainingReader

# Images read at a time where a whole split is read: disks answer faster to several.
_READERS = 16
_AT_ONCE = 64


class Unfinished(NamedTuple):
    """Encoded images and what is to be done with each; of one image, without the first axis.

    Attributes:
        encoded: strings `[n]`.
        changes: crops, flips and colours.
        by_pillow: bool `[n]`, which of them Pillow decodes.
    """

    encoded: tf.Tensor
    changes: photo_augmentation.Changes
    by_pillow: tf.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedSplit(Split):
    """Labelled photographs, encoded.

    Attributes:
        index: where the images of the data set lie.
        labels: int64 `[n]`.
        source: name of the split that they are of; or one name for each, `[n]`.
        positions: int64 `[n]`, which of its images these are.
        augmentation: what suits them.
        resolution: height and width of what a network is given, in pixels.
        channels: 3 or 1.
        contents: the encoded images themselves, bytes `[n]`; None to read them when needed.
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
        """Without the images themselves: another process reads them from their files."""
        return {**self.__dict__, "contents": None}

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.resolution, self.resolution, self.channels

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """int64 `[n]`, which images of the index these are."""
        return self.index.rows(self.source, self.positions)

    @property
    def size_bytes(self) -> int:
        """Of all encoded images together."""
        return int(self.index.lengths[self.rows].sum())

    def take(self, indices: np.ndarray) -> "EncodedSplit":
        """The examples at `indices`, in that order."""
        contents = None if self.contents is None else self.contents[indices]
        return dataclasses.replace(self, contents=contents, **self._taken(indices))

    def join(self, other: Split) -> "EncodedSplit":
        """These examples, followed by others of the same data set."""
        if not isinstance(other, EncodedSplit) or other.index is not self.index:
            raise TypeError("expected two parts of one data set of encoded images")
        contents = None
        if self.contents is not None and other.contents is not None:
            contents = np.concatenate([self.contents, other.contents])
        return dataclasses.replace(self, contents=contents, **self._joined(other))

    def in_memory(self) -> "EncodedSplit":
        """The same with its encoded images read into memory, which is faster on slow disks.

        Raises:
            ValueError: they take more than half of the memory that is free.
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
        """Images as a network is evaluated on them, uint8 `[n, height, width, channels]`.

        Raises:
            ValueError: one of them cannot be decoded; it is named.
        """
        chosen = np.arange(len(self))[indices]
        found = np.empty((len(chosen), *self.input_shape), np.uint8)
        stream = tf.data.Dataset.from_tensor_slices(chosen).batch(_AT_ONCE)
        stream = stream.map(self.evaluation_reader()).unbatch()
        stream = stream.map(self.finisher(augmented=False), tf.data.AUTOTUNE).prefetch(_AT_ONCE)
        try:
            for place, image in enumerate(stream.as_numpy_iterator()):
                found[place] = image
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(self.explain(error) or str(error)) from error
        return found

    def image_digests(self) -> list[bytes]:
        """One digest an image, of its encoded bytes."""
        return [digest.tobytes() for digest in self.index.digests[self.rows]]

    def evaluation_reader(self) -> Reader:
        """Reads images and says which crop an evaluation takes."""
        return self._reader(lambda sizes, *draw: photo_augmentation.unchanged(sizes, self.channels))

    def training_reader(self, augmentation: PhotoAugmentation) -> TrainingReader:
        """Reads images and draws what is done with each."""
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
        """Encoded images, bytes `[n]`."""
        contents = np.empty(len(indices), object)
        self.index.recent.extend(self.rows[indices].tolist())
        for place, index in enumerate(indices):
            kept = self.contents
            contents[place] = self.index.read(self.rows[index]) if kept is None else kept[index]
        return contents

    def finisher(self, augmented: bool) -> Finisher:
        """Decodes and resizes; for an evaluation to whole pixels, as an app has them."""
        if augmented:
            return self._augmented
        return lambda image: tf.round(self._resized(image))

    def _augmented(self, image: Unfinished) -> tf.Tensor:
        pixels = image_decoding.flip(self._resized(image), image.changes.flips)
        return image_decoding.colour(pixels, image.changes.colours)

    def decode(self, image: Unfinished) -> tf.Tensor:
        """The crop of one image, uint8 `[height, width, channels]`."""
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
        return decoding.decode_crop(encoded, box.tolist(), self.channels)

    def _resized(self, image: Unfinished) -> tf.Tensor:
        crop = self.decode(image)
        crop.set_shape([None, None, self.channels])
        pixels = image_decoding.resize(crop, self.resolution)
        pixels.set_shape(self.input_shape)
        return pixels

    def explain(self, error: Exception) -> str | None:
        """Names the image that made a reader or decoder fail: one of those that were read last."""
        if not re.search("jpeg|png|gif|bmp|image|expected", str(error), re.IGNORECASE):
            return None
        for row in dict.fromkeys(self.index.recent):
            try:
                encoded = self.index.read(row)
            except ValueError as reason:
                return str(reason)
            try:
                if self.index.by_pillow[row]:
                    decoding.examine(encoded)
                else:
                    tf.io.decode_image(encoded, expand_animations=False)
            except (tf.errors.InvalidArgumentError, decoding.UnreadableImageError):
                return (
                    f"{self.index.title(row)}: expected an image, received {len(encoded)} bytes "
                    f"that cannot be decoded; {self.index.advice}"
                )
        return None


def kept(whole: EncodedSplit, options: ImageOptions, report: Callable[[str], None]) -> EncodedSplit:
    """The same examples, in memory if that is asked for.

    Args:
        whole: all examples of a data set.
        options: with `cache="memory"` the encoded images are read into memory.
        report: is told where they are and what is done to them.

    Raises:
        ValueError: less memory than asked for.
    """
    in_memory = options.cache == "memory"
    where = "in memory" if in_memory else "in their files"
    side = whole.resolution
    report(
        f"{len(whole):,} encoded images ({whole.size_bytes / 1e9:.3g} GB) {where}; random crops "
        f"resized to {side}x{side}"
    )
    return whole.in_memory() if in_memory else whole
