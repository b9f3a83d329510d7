"""A user's folder of images that stay encoded: each is a file of its own.

Making an index reads and decodes every file once, so that what cannot be read is named before any
training begins. What was learned is kept where decoded images would be, some 30 bytes a file; it is
made anew when a file changes.
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
    """The encoded images of a folder, one a file.

    Attributes:
        name: of the data set, such as `folder:photos`.
        root: the folder.
        names: of the files, below the folder.
        lengths: int64 `[n]`, of how many bytes each is.
        sizes: int32 `[n, 2]`, height and width of the upright image.
        digests: uint8 `[n, 8]`, of each file's bytes.
        by_pillow: bool `[n]`: not JPEG or PNG, turned by the camera, transparent, or of other
            colours than 8 bits of gray or RGB.
        damaged: why files cannot be read, by their rows; all else about these is 0.
        recent: rows that were read last.
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
    advice = "mend or remove it"

    @property
    def kept(self) -> np.ndarray:
        """Rows of the files that can be read, ascending."""
        return np.array([i for i in range(len(self)) if i not in self.damaged], np.int64)

    def title(self, row: int) -> str:
        """An image in messages, such as `folder:photos: cat/1.jpg`."""
        return f"{self.name}: {image_folder.printable(self.names[row])}"

    def read(self, row: int) -> bytes:
        """The bytes of a file. Threads may read at the same time.

        Raises:
            ValueError: it cannot be read, or is not as long as it was; it is named.
        """
        length = int(self.lengths[row])
        try:
            content = (self.root / self.names[row]).read_bytes()
        except OSError as error:
            raise ValueError(
                f"{self.title(row)}: expected a file that can be read, received "
                f"{error.strerror or type(error).__name__}"
            ) from error
        if len(content) != length:
            raise ValueError(
                f"{self.title(row)}: expected {length:,} bytes as before, received "
                f"{len(content):,}; give the command again to read changed files anew"
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
    """What an earlier call learned of a folder's files, or what they tell now.

    Args:
        source: the images.
        root: the folder that they lie in.
        names: of their files, below it.
        cache: where the index is kept; None to keep none.
        track: may show progress.
        report: is told when it cannot be kept.
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

    def look(i: int, opener: Opener) -> None:
        with opener() as file:
            content = file.read()
        found = decoding.examine(content)
        arrays["lengths"][i] = len(content)
        arrays["sizes"][i] = found.height, found.width
        arrays["digests"][i] = np.frombuffer(decoded_images.digest(content), np.uint8)
        arrays["by_pillow"][i] = not found.is_plain

    damaged = decoded_images.for_all(source, look, track, "reading all images once")
    return arrays | {"damaged": np.array(json.dumps(damaged))}
