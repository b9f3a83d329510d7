"""The user's options for the images of a data set."""

import dataclasses
from typing import Literal

CACHES = ("auto", "pixels", "memory", "files")
_RESOLUTIONS = range(8, 1025)


@dataclasses.dataclass(frozen=True)
class ImageOptions:
    """How images become arrays of one size.

    Attributes:
        resolution: height and width in pixels; None for the images' own size, or a suitable size
            for images of various sizes.
        flip: whether training images are mirrored at random; None to decide by the data set.
        skip_unreadable: leave out files that cannot be decoded, instead of raising an error.
        keep_decoded: store decoded images on disk for later runs.
        preferred_resolution: used if `resolution` is None, for the images of a folder and for TFDS
            images of various sizes.
        cache: how images are kept during a run. `pixels`: decoded at that resolution, in memory.
            `memory` or `files`: encoded, in memory or in their files, and decoded for every batch,
            which allows random crops of any size. `auto`: `pixels`; or `files`, if the pixels of a
            folder or of TFDS images of various sizes are too many for memory.
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
