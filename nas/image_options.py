"""What a user may ask of the images of a data set."""

import dataclasses

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
    """

    resolution: int | None = None
    flip: bool | None = None
    skip_unreadable: bool = False
    keep_decoded: bool = True
    preferred_resolution: int | None = None

    def __post_init__(self) -> None:
        """Checks the fields."""
        if self.resolution is not None and self.resolution not in _RESOLUTIONS:
            raise ValueError(
                f"resolution: expected {_RESOLUTIONS[0]} to {_RESOLUTIONS[-1]} pixels, received "
                f"{self.resolution}"
            )


SUITABLE = ImageOptions()
