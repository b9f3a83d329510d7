"""Which images of a data set show the same picture, equal or nearly equal.

An image that a network was trained on says nothing about other images, and its copy just as little.
So copies must not lie in different splits.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from nas.data.images import looks as looks_lib
from nas.data.splits.split import Split

# More different images than this that are nearly equal to each other (or more than a twentieth of
# all) are not copies of one photo, nor photos of one moment.
_MOST_NEAR = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Likeness:
    """Groups of images that show the same picture.

    Attributes:
        groups: number of the group of every image that is not alone, by its id (`Split.ids`).
        too_alike: ids of images that are nearly equal to so many others that this says nothing
            about them, as those of a fixed camera; in groups they are only with equal ones.
    """

    groups: Mapping[str, int]
    too_alike: tuple[str, ...] = ()

    def of(self, split: Split) -> np.ndarray:
        """Returns a group for every image of a split, int64 `[n]`; images alone have their own."""
        numbers = -1 - np.arange(len(split))
        if self.groups:
            for i, name in enumerate(split.ids.tolist()):
                numbers[i] = self.groups.get(name, numbers[i])
        return numbers


NO_LIKENESS = Likeness({})


def find(ids: Sequence[str], digests: np.ndarray, looks: np.ndarray | None) -> Likeness:
    """Compares all images of a data set.

    Args:
        ids: id of each image, `[n]`.
        digests: uint8 `[n, d]`, equal for equal images.
        looks: uint8 `[n, looks.SIZE_BYTES]`, what each looks like; None to compare digests only.
    """
    equal = groups = _equal(digests)
    too_alike = np.zeros(len(ids), bool)
    if looks is not None:
        near = _nearly_equal(equal, looks)
        different = np.unique(np.stack([near, equal], axis=1), axis=0)[:, 0]
        too_alike = np.bincount(different, minlength=1)[near] > max(_MOST_NEAR, len(ids) // 20)
        groups = np.where(too_alike, near.max(initial=0) + 1 + equal, near)
    sizes = np.bincount(groups, minlength=1)
    shared = np.flatnonzero(sizes[groups] > 1)
    return Likeness(
        {str(ids[i]): int(groups[i]) for i in shared.tolist()},
        tuple(str(ids[i]) for i in np.flatnonzero(too_alike).tolist()),
    )


def _nearly_equal(equal: np.ndarray, looks: np.ndarray) -> np.ndarray:
    """Returns the same number for images that are equal or connected by nearly equal ones."""
    groups = _joined(equal, _equal(looks))
    distinct = np.unique(groups, return_index=True)[1]
    return _components(len(distinct), looks_lib.near_pairs(looks[distinct]))[groups]


def _equal(rows: np.ndarray) -> np.ndarray:
    """Returns the same number for equal rows of bytes, integers `[n]`."""
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1])))[:, 0]
    return np.unique(whole, return_inverse=True)[1].reshape(-1)


def _joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the same number for rows that are connected in one of two groupings."""
    count = int(one.max(initial=-1)) + 1
    pairs = np.stack([one, count + other], axis=1)
    together = _components(count + int(other.max(initial=-1)) + 1, pairs)[one]
    return np.unique(together, return_inverse=True)[1].reshape(-1)


def _components(count: int, pairs: np.ndarray) -> np.ndarray:
    """Returns the connected component of each of `count` nodes."""
    ones = np.ones(len(pairs), bool)
    # Imported here, since it takes a while and few commands need it.
    from scipy import sparse
    from scipy.sparse import csgraph

    edges = sparse.coo_array((ones, (pairs[:, 0], pairs[:, 1])), (count, count))
    return csgraph.connected_components(edges, directed=False)[1]
