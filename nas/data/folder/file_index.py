"""An index of a user's folder of images that stay encoded in their files.

Making the index reads and decodes every file once, so that unreadable files are named before any
training begins. The index is stored in the folder for decoded images, some 30 bytes per file, and
made again when a file changes.
"""

import collections
import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nas.data.folder import image_folder
from nas.data.images import decoded_cache, decoded_images, decoding
from nas.data.images.decoded_images import ImageSource, Opener, Track
from nas.data.splits import image_index
from nas.data.splits.image_index import ImageIndex

_VERSION = 1
_ARRAYS = {
    "lengths": np.int64,
    "sizes": np.int32,
    "digests": np.uint8,
    "by_pillow": np.bool_,
}


@dataclasses.dataclass(frozen=True, eq=False)
class FileIndex(ImageIndex):
    """The encoded images of a folder, one per file.

    Attributes:
        name: name of the data set, such as `folder:photos`.
        root: the folder.
        names: paths of the files below the folder.
        lengths: int64 `[n]`, bytes of each file.
        sizes: int32 `[n, 2]`, height and width of the upright image.
        digests: uint8 `[n, 8]`, digest of each file's bytes.
        by_pillow: bool `[n]`, whether Pillow decodes the image: it is neither JPEG nor PNG, turned
            by the camera, transparent, or not 8-bit gray or RGB.
        damaged: for each unreadable file, by its row, the reason; its other entries are 0.
        recent: rows that were read last, to name an image that cannot be decoded.
    """

    name: str
    root: pathlib.Path
    names: tuple[str, ...]
    lengths: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    by_pillow: np.ndarray
    damaged: dict[int, str] = dataclasses.field(default_factory=dict)
    recent: collections.deque[int] = dataclasses.field(
        default_factory=image_index.recent_rows, repr=False
    )
    advice = "repair or remove it"

    @property
    def kept(self) -> np.ndarray:
        """Rows of the readable files, ascending."""
        return np.array([i for i in range(len(self)) if i not in self.damaged], np.int64)

    def title(self, row: int) -> str:
        """Names an image in messages, such as `folder:photos: cat/1.jpg`."""
        return f"{self.name}: {image_folder.printable(self.names[row])}"

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


def load(
    source: ImageSource,
    root: pathlib.Path,
    names: tuple[str, ...],
    cache: pathlib.Path | None,
    track: Track,
    report: Callable[[str], None],
) -> FileIndex:
    """Loads the index of a folder, or makes and stores it.

    Args:
        source: the images.
        root: the folder that holds them.
        names: paths of their files below it.
        cache: folder in which the index is stored; None not to store it.
        track: may show progress.
        report: receives a line if the index cannot be stored.
    """
    identity = f"{_VERSION} {decoded_cache.key_of(source)}"
    stored = None if cache is None else cache / "files.npz"
    arrays = None if stored is None else image_index.kept_arrays(stored, identity)
    if arrays is None:
        arrays = _collected(source, track)
        if stored is not None:
            decoded_cache.keep(
                lambda: image_index.keep_arrays(stored, identity, arrays), stored, report
            )
    damaged = {int(i): why for i, why in json.loads(str(arrays.pop("damaged"))).items()}
    return FileIndex(source.title, root, names, **arrays, damaged=damaged)


def _collected(source: ImageSource, track: Track) -> dict[str, Any]:
    count = len(source.names)
    shapes = {"lengths": [count], "sizes": [count, 2], "digests": [count, 8], "by_pillow": [count]}
    arrays: dict[str, Any] = {name: np.zeros(shapes[name], _ARRAYS[name]) for name in _ARRAYS}

    def examine_one(i: int, opener: Opener) -> None:
        with opener() as file:
            content = file.read()
        found = decoding.examine(content)
        arrays["lengths"][i] = len(content)
        arrays["sizes"][i] = found.height, found.width
        arrays["digests"][i] = np.frombuffer(decoded_images.digest(content), np.uint8)
        arrays["by_pillow"][i] = not found.is_plain

    damaged = decoded_images.for_all(source, examine_one, track, "reading all images once")
    return arrays | {"damaged": np.array(json.dumps(damaged))}
