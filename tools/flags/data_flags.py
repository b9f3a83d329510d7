"""Which images: the flags that every command with a data set has."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from absl import flags

if TYPE_CHECKING:
    from nas.data.image_options import ImageOptions

DATASET = flags.DEFINE_string(
    "dataset",
    "cifar10",
    "TFDS name of an image data set, or folder:DIR for images of your own in DIR/<class>/ or "
    "DIR/<split>/<class>/; for tools.pipeline the preset's, if not given.",
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "TFDS folder; TFDS' own default if not given.")
RESOLUTION = flags.DEFINE_integer(
    "resolution",
    None,
    "Height and width that images are resized to; without it their own size, or for various sizes "
    "the median of their shorter sides, at most 224.",
    lower_bound=1,
)
FLIP = flags.DEFINE_bool(
    "flip", None, "Mirror training images at random; without it all but digits and letters are."
)
SKIP_UNREADABLE = flags.DEFINE_bool(
    "skip_unreadable", False, "Leave out images that cannot be read, instead of refusing them."
)

CACHE = flags.DEFINE_enum(
    "cache",
    "auto",
    ["auto", "pixels", "memory", "files"],
    "How images are kept: as pixels in memory; encoded, in memory or in their files, and decoded "
    "anew for every batch with random crops of any size; auto is pixels, unless they are too many.",
)

_OF_IMAGES = (RESOLUTION, FLIP, SKIP_UNREADABLE, CACHE)


def options(preferred_resolution: int | None = None) -> "ImageOptions":
    """What the flags ask of the images.

    Args:
        preferred_resolution: without the flag, of a folder's images and of TFDS images of various
            sizes.
    """
    from nas.data.image_options import ImageOptions

    return ImageOptions(
        resolution=RESOLUTION.value,
        flip=FLIP.value,
        skip_unreadable=SKIP_UNREADABLE.value,
        preferred_resolution=preferred_resolution,
        cache=CACHE.value,
    )


def given() -> dict[str, Any]:
    """The flags about images that were given, for a work dir's settings; empty if none was."""
    return {flag.name: flag.value for flag in _OF_IMAGES if flag.value != flag.default}


def take(asked: Mapping[str, Any]) -> None:
    """Sets the flags to what a work dir's settings have, for a command that goes on from them."""
    for flag in (DATASET, *_OF_IMAGES):
        flags.FLAGS[flag.name].value = asked.get(flag.name, flag.default)


def for_another_process() -> dict[str, Any]:
    """All of these flags that another command needs to read the same images from any folder."""
    from nas.data.folder import image_folder

    name = DATASET.value
    if image_folder.is_folder(name):
        name = image_folder.PREFIX + os.path.abspath(
            os.path.expanduser(name.removeprefix(image_folder.PREFIX))
        )
    passed = {"dataset": name, **given()}
    if DATA_DIR.value:
        passed["data_dir"] = os.path.abspath(DATA_DIR.value)
    return passed
