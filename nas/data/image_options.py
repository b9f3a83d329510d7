"""The user's options for the images of a data set."""

import dataclasses
from typing import Any, Literal

from nas import class_scores, known_names

CHANNELS = ("rgb", "gray", "auto")
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
        channels: `rgb` or `gray`, whatever the images are; `auto`: gray if all of them are.
        class_weights: how much each class counts in losses and rewards, one of
            `class_scores.KINDS`: every image alike, or every class.
    """

    resolution: int | None = None
    flip: bool | None = None
    skip_unreadable: bool = False
    keep_decoded: bool = True
    preferred_resolution: int | None = None
    cache: Literal["auto", "pixels", "memory", "files"] = "auto"
    channels: Literal["rgb", "gray", "auto"] = "auto"
    class_weights: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        """Checks the fields."""
        if self.resolution is not None and self.resolution not in _RESOLUTIONS:
            raise ValueError(
                f"resolution: expected {_RESOLUTIONS[0]} to {_RESOLUTIONS[-1]} pixels, received "
                f"{self.resolution}"
            )
        known_names.check("cache", self.cache, CACHES)
        known_names.check("channels", self.channels, CHANNELS)
        known_names.check("class_weights", self.class_weights, class_scores.KINDS)

    def num_channels(self, own: int) -> int:
        """Returns the channels of the network's input, 1 or 3.

        Args:
            own: 1 if all images of the data set are gray, else 3.
        """
        return {"rgb": 3, "gray": 1}.get(self.channels, own)

    def changed(self) -> dict[str, Any]:
        """Returns the fields by name; those that were added later only if they are not default."""
        later = {"channels": "auto", "class_weights": "none"}
        fields = dataclasses.asdict(self)
        return {name: v for name, v in fields.items() if later.get(name) != v}


SUITABLE = ImageOptions()
