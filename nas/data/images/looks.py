"""What an image looks like, in 200 bytes, to find files that show the same picture.

A perceptual hash (ImageHash's `phash`, 64 bits) compares the low frequencies of the brightness. It
survives another file format, compression or size. It says nothing about colours or plain surfaces,
and different simple pictures may have the same one. So the mean colours of 8x8 fields decide.
"""

from collections.abc import Iterator

import imagehash
import numpy as np
from PIL import Image

_HASH_BYTES, _FIELDS = 8, 8
SIZE_BYTES = _HASH_BYTES + 3 * _FIELDS**2
# Side in pixels of the image that `of` expects.
SIDE = 64

# Limits for nearly equal images: different bits, difference of the mean colour of any channel, and
# mean difference of the fields after that. 99 % of 300 CIFAR images stay within them as JPEG of
# quality 50, and all as JPEG of quality 75. Of 500,000 pairs of different Fashion-MNIST images,
# which are simple and often alike, none does.
MOST_BITS = 4
MOST_BRIGHTER, MOST_APART = 16.0, 5.0
# Difference between the channels of a gray image that was stored as a JPEG in colour.
_GRAY = 2
# Bits of each part of a hash. Hashes of at most `MOST_BITS` different bits have an equal part.
_PARTS = (13, 13, 13, 13, 12)


def of(image: Image.Image) -> bytes:
    """Returns the look of an image.

    Args:
        image: in the mode RGB, `SIDE` x `SIDE` pixels.
    """
    bits = imagehash.phash(image).hash
    fields = image.resize((_FIELDS, _FIELDS), Image.Resampling.BOX)
    return np.packbits(bits).tobytes() + fields.tobytes()


def are_gray(looks: np.ndarray) -> np.ndarray:
    """Returns which images have no colours, bool `[n]`.

    Args:
        looks: uint8 `[n, SIZE_BYTES]`.
    """
    fields = looks[:, _HASH_BYTES:].reshape(len(looks), -1, 3).astype(np.int16)
    return np.ptp(fields, axis=2).max(axis=1) <= _GRAY


def near_pairs(looks: np.ndarray) -> np.ndarray:
    """Finds the nearly equal images among different looks.

    Only images whose hashes have an equal part are compared, which are few.

    Args:
        looks: uint8 `[n, SIZE_BYTES]`.

    Returns:
        Numbers of two images each, integers `[pairs, 2]`; a pair may occur several times.
    """
    hashes = np.ascontiguousarray(looks[:, :_HASH_BYTES]).view(np.uint64)[:, 0]
    fields = looks[:, _HASH_BYTES:].reshape(len(looks), -1, 3)
    found = [np.empty((0, 2), np.int64)]
    for part in _parts(hashes):
        order = np.argsort(part, kind="stable")
        values = part[order]
        # Places in the order whose next, next but one, ... has the same part.
        places, step = np.arange(len(order)), 1
        while len(places):
            places = places[places + step < len(order)]
            places = places[values[places] == values[places + step]]
            pairs = np.stack([order[places], order[places + step]], axis=1)
            pairs = pairs[np.bitwise_count(hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]) <= MOST_BITS]
            found.append(pairs[_are_near(fields, pairs)])
            step += 1
    return np.concatenate(found)


def _parts(hashes: np.ndarray) -> Iterator[np.ndarray]:
    shift = 0
    for bits in _PARTS:
        yield (hashes >> np.uint64(shift)) & np.uint64((1 << bits) - 1)
        shift += bits


def _are_near(fields: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Compares the colours of two images each, bool `[pairs]`."""
    change = fields[pairs[:, 0]].astype(np.float32) - fields[pairs[:, 1]]
    brighter = change.mean(axis=1, keepdims=True)
    apart = np.abs(change - brighter).mean(axis=(1, 2))
    return (np.abs(brighter).max(axis=(1, 2)) <= MOST_BRIGHTER) & (apart <= MOST_APART)
