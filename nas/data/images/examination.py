"""What decoding every image of a source once tells: which are damaged, sizes, looks, depth.

This is done before anything else, so that unreadable files are named before any training begins,
and by the decoder that a training uses. The result is stored in the folder for decoded images, 120
bytes per image, and made again when an image changes. It depends on no option, so that all commands
divide the images alike.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from nas.data.images import decoded_cache, decoded_images, decoding, depth, looks, stored_arrays
from nas.data.images.decoded_images import ImageSource, Opener, Track
from nas.data.images.depth import Levels

_VERSION = 2
_FILE_NAME = "files.npz"
_ARRAYS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "lengths": (np.int64, ()),
    "sizes": (np.int32, (2,)),
    "digests": (np.uint8, (8,)),
    "by_pillow": (np.bool_, ()),
    "looks": (np.uint8, (looks.SIZE_BYTES,)),
    "ranges": (np.int32, (2,)),
}
# Range of an image of 8 bits.
NOT_DEEP = (-1, -1)
# The range of a data set over that of its usual image, from which on two bits are lost.
_FAR_BRIGHTER = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Examination:
    """Properties of all images of a source, found by decoding them.

    Attributes:
        lengths: int64 `[n]`, bytes of each encoded image.
        sizes: int32 `[n, 2]`, height and width of the upright image.
        digests: uint8 `[n, 8]`, digest of each encoded image.
        by_pillow: bool `[n]`, whether Pillow decodes the image; see `decoding.Examined.is_plain`.
        looks: uint8 `[n, looks.SIZE_BYTES]`, what each looks like.
        ranges: int32 `[n, 2]`, smallest and largest value of an image of 16 bits, else -1.
        damaged: for each unreadable image, by its row, the reason; its other entries are 0.
    """

    lengths: np.ndarray
    sizes: np.ndarray
    digests: np.ndarray
    by_pillow: np.ndarray
    looks: np.ndarray
    ranges: np.ndarray
    damaged: dict[int, str] = dataclasses.field(default_factory=dict)

    @property
    def kept(self) -> np.ndarray:
        """Rows of the readable images, ascending, int64."""
        count = len(self.lengths)
        return np.setdiff1d(np.arange(count), np.array([*self.damaged], np.int64))

    @property
    def levels(self) -> Levels | None:
        """Range of the values of all images of 16 bits; None if there is none."""
        return joined_levels(self.ranges[self.kept])


def dark_images(ranges: np.ndarray, name: Callable[[int], str]) -> str | None:
    """Returns a sentence if a few bright images of 16 bits make the others dark, or None.

    Args:
        ranges: as for `joined_levels`.
        name: names the image of a row, for the message.
    """
    deep = np.flatnonzero(ranges[:, 0] >= 0)
    if not len(deep):
        return None
    black, brightest = int(ranges[deep, 0].min()), int(deep[ranges[deep, 1].argmax()])
    usual, white = int(np.median(ranges[deep, 1])), int(ranges[brightest, 1])
    if white - black < _FAR_BRIGHTER * max(1, usual - black):
        return None
    return (
        f"half of the 16-bit images have no value above {usual:,}, but {name(brightest)} has "
        f"{white:,}: they become dark; if it is damaged or of another camera, remove or rescale it"
    )


def joined_levels(ranges: np.ndarray) -> Levels | None:
    """Returns the range of several images.

    Args:
        ranges: int32 `[n, 2]`, smallest and largest value of each; -1 for images of 8 bits.
    """
    deep = ranges[ranges[:, 0] >= 0]
    return depth.joined(Levels(int(low), int(high)) for low, high in deep)


def load(
    source: ImageSource,
    cache: pathlib.Path | None,
    skip_unreadable: bool,
    track: Track,
    report: Callable[[str], None],
) -> Examination:
    """Loads the examination of a source, or makes and stores it.

    Args:
        source: the images.
        cache: folder in which it is stored; None not to store it.
        skip_unreadable: whether unreadable images are left out; otherwise they are an error.
        track: may show progress.
        report: receives a line if it cannot be stored, and one if 16-bit values become dark.

    Raises:
        ValueError: images cannot be read; the message names them.
    """
    identity = f"{_VERSION} {decoded_cache.key_of(source)}"
    stored = None if cache is None else cache / _FILE_NAME
    arrays = None if stored is None else stored_arrays.load(stored, identity)
    if arrays is None:
        arrays = _made(source, track)
        if stored is not None:
            decoded_cache.keep(lambda: stored_arrays.keep(stored, identity, arrays), stored, report)
    damaged = {int(i): why for i, why in json.loads(str(arrays.pop("damaged"))).items()}
    found = Examination(**arrays, damaged=damaged)
    if not len(found.kept) or damaged and not skip_unreadable:
        raise decoded_images.refusal(source.title, len(source.names), source.names, damaged)
    kept = found.kept
    dark = dark_images(found.ranges[kept], lambda row: source.names[kept[row]])
    if dark:
        report(f"{source.title}: {dark}")
    return found


def _made(source: ImageSource, track: Track) -> dict[str, Any]:
    count = len(source.names)
    arrays: dict[str, Any] = {
        name: np.zeros((count, *shape), kind) for name, (kind, shape) in _ARRAYS.items()
    }

    def examine_one(i: int, opener: Opener) -> None:
        with opener() as file:
            content = file.read()
        found = decoding.examine(content)
        arrays["lengths"][i] = len(content)
        arrays["sizes"][i] = found.height, found.width
        arrays["digests"][i] = np.frombuffer(decoded_images.digest(content), np.uint8)
        arrays["by_pillow"][i] = not found.is_plain
        arrays["looks"][i] = np.frombuffer(found.look, np.uint8)
        arrays["ranges"][i] = found.levels or NOT_DEEP

    damaged = decoded_images.for_all(source, examine_one, track, "decoding all images once")
    return arrays | {"damaged": np.array(json.dumps(damaged))}
