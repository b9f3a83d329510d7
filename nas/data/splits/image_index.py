"""An index of encoded images: where each lies, so that it can be read on its own."""

import abc
import collections
import dataclasses
from collections.abc import Mapping

import numpy as np

from nas.data.images import depth
from nas.data.images.depth import Levels

# More images than are ever read ahead of the one being decoded.
_RECENT = 1 << 16


def recent_rows() -> collections.deque[int]:
    """Makes an empty queue for the rows that were read last."""
    return collections.deque(maxlen=_RECENT)


class ImageIndex(abc.ABC):
    """Encoded images in a fixed order; a row is the number of an image.

    A subclass is a frozen dataclass with the attributes below; it can be pickled.

    Attributes:
        lengths: int64 `[n]`, bytes of each image.
        sizes: int32 `[n, 2]`, height and width of the upright image.
        digests: uint8 `[n, d]`, digest of each image's bytes.
        by_pillow: bool `[n]`, whether Pillow decodes the image, because TensorFlow would decode it
            differently or not at all.
        levels: range of the values of 16-bit images; None if there is none.
        recent: rows that were read last, to name an image that cannot be decoded.
        advice: for messages: what to do about an image that cannot be decoded.
    """

    lengths: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    by_pillow: np.ndarray
    levels: Levels | None
    recent: collections.deque[int]
    advice: str

    def __len__(self) -> int:
        """Number of images."""
        return len(self.lengths)

    def rows(self, source: str | np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Returns the rows of images, int64 `[n]`.

        Args:
            source: name of their source split; one for all, or `[n]`.
            positions: int64 `[n]`, numbers of the images in their source split.
        """
        return positions

    @abc.abstractmethod
    def title(self, row: int) -> str:
        """Names an image in messages."""

    @abc.abstractmethod
    def read(self, row: int) -> bytes:
        """Reads one encoded image. Several threads may read at the same time.

        Raises:
            OSError: its file cannot be read.
            ValueError: the file has changed since the index was made.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class JoinedIndex(ImageIndex):
    """The images of several splits, one split after the other.

    Attributes:
        parts: the index of each split, by its name.
        starts: int64 `[k]`, first row of each split.
        lengths: this and the following attributes are as in `ImageIndex`.
    """

    parts: Mapping[str, ImageIndex]
    starts: np.ndarray
    lengths: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    by_pillow: np.ndarray
    levels: Levels | None = None
    recent: collections.deque[int] = dataclasses.field(default_factory=recent_rows, repr=False)

    @property
    def advice(self) -> str:  # type: ignore[override]
        """What to do about an image that cannot be decoded."""
        return next(iter(self.parts.values())).advice

    def rows(self, source: str | np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Returns the rows of images of these splits."""
        starts = dict(zip(self.parts, self.starts.tolist(), strict=True))
        if isinstance(source, str):
            return positions + starts[source]
        names, which = np.unique(source, return_inverse=True)
        return positions + np.array([starts[str(name)] for name in names], np.int64)[which]

    def title(self, row: int) -> str:
        """Names an image as its split's index does."""
        part, place = self._found(row)
        return part.title(place)

    def read(self, row: int) -> bytes:
        """Reads an image through its split's index."""
        part, place = self._found(row)
        return part.read(place)

    def _found(self, row: int) -> tuple[ImageIndex, int]:
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return list(self.parts.values())[number], int(row - self.starts[number])


def joined(parts: Mapping[str, ImageIndex]) -> JoinedIndex:
    """Joins the indices of several splits.

    Args:
        parts: the index of each split, by its name.
    """
    indices = list(parts.values())
    return JoinedIndex(
        parts=dict(parts),
        starts=np.cumsum([0, *(len(part) for part in indices[:-1])]),
        lengths=np.concatenate([part.lengths for part in indices]),
        sizes=np.concatenate([part.sizes for part in indices]),
        digests=np.concatenate([part.digests for part in indices]),
        by_pillow=np.concatenate([part.by_pillow for part in indices]),
        levels=depth.joined(part.levels for part in indices if part.levels),
    )
