"""Where encoded images lie, so that any one can be read alone."""

import abc
import collections
import dataclasses
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from nas import files

# More than are ever read ahead of the image that is decoded.
_RECENT = 1 << 16


def recent_rows() -> collections.deque[int]:
    """An empty memory of what was read last."""
    return collections.deque(maxlen=_RECENT)


class ImageIndex(abc.ABC):
    """Encoded images in a fixed order; a row is the number of one of them.

    A subclass is a frozen dataclass with the attributes below; it can be pickled.

    Attributes:
        lengths: int64 `[n]`, bytes of each image.
        sizes: int32 `[n, 2]`, height and width, of an upright image.
        digests: uint8 `[n, d]`, of each image's bytes.
        by_pillow: bool `[n]`, which images TensorFlow would decode otherwise than Pillow, or not
            at all.
        recent: rows that were read last, for the message about one that cannot be decoded.
        advice: what to do about an image that cannot be decoded.
    """

    lengths: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    by_pillow: np.ndarray
    recent: collections.deque[int]
    advice: str

    def __len__(self) -> int:
        """Number of images."""
        return len(self.lengths)

    def rows(self, source: str | np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Where images stand here, int64 `[n]`.

        Args:
            source: of which split they are; one name, or `[n]`.
            positions: int64 `[n]`, where in it.
        """
        return positions

    @abc.abstractmethod
    def title(self, row: int) -> str:
        """An image in messages."""

    @abc.abstractmethod
    def read(self, row: int) -> bytes:
        """An encoded image. Threads may read at the same time.

        Raises:
            OSError: its file cannot be read.
            ValueError: it is not what it was.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class JoinedIndex(ImageIndex):
    """The images of several splits, one split after the other.

    Attributes:
        parts: the index of each split, by its name.
        starts: int64 `[k]`, of each split the first row.
        lengths: as every index has them, and so on.
    """

    parts: Mapping[str, ImageIndex]
    starts: np.ndarray
    lengths: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    by_pillow: np.ndarray
    recent: collections.deque[int] = dataclasses.field(default_factory=recent_rows, repr=False)

    @property
    def advice(self) -> str:  # type: ignore[override]
        """What to do about an image that cannot be decoded."""
        return next(iter(self.parts.values())).advice

    def rows(self, source: str | np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Where images of these splits stand here."""
        starts = dict(zip(self.parts, self.starts.tolist(), strict=True))
        if isinstance(source, str):
            return positions + starts[source]
        names, which = np.unique(source, return_inverse=True)
        return positions + np.array([starts[str(name)] for name in names], np.int64)[which]

    def title(self, row: int) -> str:
        """As its split calls an image."""
        part, place = self._found(row)
        return part.title(place)

    def read(self, row: int) -> bytes:
        """Reads an image from its split."""
        part, place = self._found(row)
        return part.read(place)

    def _found(self, row: int) -> tuple[ImageIndex, int]:
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return list(self.parts.values())[number], int(row - self.starts[number])


def joined(parts: Mapping[str, ImageIndex]) -> JoinedIndex:
    """One index of several splits.

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
    )


def kept_arrays(path: pathlib.Path, identity: str) -> dict[str, Any] | None:
    """What `keep_arrays` wrote; None where there is nothing, half a file, or another's.

    Args:
        path: of the file.
        identity: tells what the arrays were made from, and by which version.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = dict(content)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):  # Half a file, as from a full disk.
        return None
    return arrays if str(arrays.pop("identity", "")) == identity else None


def keep_arrays(path: pathlib.Path, identity: str, arrays: Mapping[str, Any]) -> None:
    """Writes an index for the next time; arguments as of `kept_arrays`.

    Raises:
        OSError: it cannot be written.
    """

    def save(to: files.Path) -> None:
        with open(to, "wb") as file:
            np.savez(file, identity=np.array(identity), **arrays)

    files.write_with(path, save)
