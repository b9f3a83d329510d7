"""What a user may ask of the images of a data set."""

import dataclasses

LARGEST_RESOLUTION = 1024


@dataclasses.dataclass(frozen=True)
class ImageOptions:
    """How images become arrays of one size.

    Attributes:
        resolution: height and width in pixels; None for the images' own size, or for what suits
            images of various sizes.
        flip: whether training images are mirrored at random; None for what suits the data set.
        skip_unreadable: leave out files that cannot be decoded, instead of refusing them all.
    """

    resolution: int | None = None
    flip: bool | None = None
    skip_unreadable: bool = False

    def __post_init__(self) -> None:
        """Checks the fields."""
        if self.resolution is not None and not 8 <= self.resolution <= LARGEST_RESOLUTION:
            raise ValueError(
                f"resolution: expected 8 to {LARGEST_RESOLUTION} pixels, received {self.resolution}"
            )


SUITABLE = ImageOptions()
