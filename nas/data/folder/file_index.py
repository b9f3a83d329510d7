"""An index of a user's folder of images that stay encoded in their files."""

import collections
import dataclasses
import pathlib

import numpy as np

from nas.data.folder import naming
from nas.data.images.depth import Levels
from nas.data.images.examination import Examination
from nas.data.splits import image_index
from nas.data.splits.image_index import ImageIndex


@dataclasses.dataclass(frozen=True, eq=False)
class FileIndex(ImageIndex):
    """The encoded images of a folder, one per file.

    Attributes:
        name: name of the data set, such as `folder:photos`.
        root: the folder.
        names: paths of the files below the folder.
        lengths: int64 `[n]`, bytes of each file; this and the following are 0 for damaged files.
        sizes: int32 `[n, 2]`, height and width of the upright image.
        digests: uint8 `[n, 8]`, digest of each file's bytes.
        by_pillow: bool `[n]`, whether Pillow decodes the image: it is neither JPEG nor PNG, turned
            by the camera, transparent, very large, or not 8-bit gray or RGB.
        levels: range of the values of 16-bit images; None if there is none.
        recent: rows that were read last, to name an image that cannot be decoded.
    """

    name: str
    root: pathlib.Path
    names: tuple[str, ...]
    lengths: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    by_pillow: np.ndarray
    levels: Levels | None = None
    recent: collections.deque[int] = dataclasses.field(
        default_factory=image_index.recent_rows, repr=False
    )
    advice = "repair or remove it"

    def title(self, row: int) -> str:
        """Names an image in messages, such as `folder:photos: cat/1.jpg`."""
        return f"{self.name}: {naming.printable(self.names[row])}"

    def read(self, row: int) -> bytes:
        """Reads the bytes of a file. Several threads may read at the same time.

        Raises:
            ValueError: the file cannot be read or its length has changed; the message names it.
        """
        length = int(self.lengths[row])
        try:
            content = (self.root / self.names[row]).read_bytes()
        except OSError as error:
            raise ValueError(
                f"{self.title(row)}: expected a readable file, received "
                f"{error.strerror or type(error).__name__}; {self.advice}"
            ) from error
        if len(content) != length:
            raise ValueError(
                f"{self.title(row)}: expected {length:,} bytes as before, received "
                f"{len(content):,}; run the command again to read the changed files"
            )
        return content


def of(name: str, root: pathlib.Path, names: tuple[str, ...], examined: Examination) -> FileIndex:
    """Returns the index of a folder.

    Args:
        name: name of the data set.
        root: the folder.
        names: paths of its files below the folder.
        examined: properties of these files.
    """
    return FileIndex(
        name,
        root,
        names,
        examined.lengths,
        examined.sizes,
        examined.digests,
        examined.by_pillow,
        examined.levels,
    )
