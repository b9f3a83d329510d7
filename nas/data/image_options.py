"""What a user may ask of the images of a data set."""

import dataclasses
from typing import Literal

CACHES = ("auto", "pixels", "memory", "files")
_RESOLUTIONS = range(8, 1025)


@dataclasses.dataclass(frozen=True)
class ImageOptions:
    """How images become arrays of one size.

    Attributes:
        resolution: height and width in pixels; None for the images' own size, or for what suits
            images of various sizes.
        flip: whether training images are mirrored at random; None for what suits the data set.
        skip_unreadable: leave out files that cannot be decoded, instead of refusing them all.
        keep_decoded: keep what was decoded for the next time, on disk.
        preferred_resolution: where none is asked for, of a folder's images and of TFDS images of
            various sizes.
        cache: how images are kept while they are used: as `pixels` of that resolution in memory;
            encoded as they are, in `memory` or in their `files`, and decoded for every batch,
            which allows random crops of any size; `auto` for pixels, unless those of a folder, or
            TFDS images of various sizes, are too many for that.
    """

    resolution: int | None = None
    flip: bool | None = None
    skip_unreadable: bool = False
    keep_decoded: bool = True
    preferred_resolution: int | None = None
    cache: Literal["auto", "pixels", "memory", "files"] = "auto"

    def __post_init__(self) -> None:
        """Checks the fields."""
        if self.resolution is not None and self.resolution not in _RESOLUTIONS:
            raise ValueError(
                f"resolution: expected {_RESOLUTIONS[0]} to {_RESOLUTIONS[-1]} pixels, received "
                f"{self.resolution}"
            )
        if self.cache not in CACHES:
            raise ValueError(f"cache: expected one of {', '.join(CACHES)}; received {self.cache}")


SUITABLE = ImageOptions()
