"""Flags for the data set and its images, shared by every command that reads images."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from absl import flags

if TYPE_CHECKING:
    from nas.data.image_options import ImageOptions

DATASET = flags.DEFINE_string(
    "dataset",
    "cifar10",
    "TFDS name of an image data set, or folder:DIR for your own images in DIR/<class>/ or "
    "DIR/<split>/<class>/. tools.pipeline uses the preset's data set if this is not given.",
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "TFDS folder; TFDS' own default if not given.")
RESOLUTION = flags.DEFINE_integer(
    "resolution",
    None,
    "Height and width to resize images to. If not given: that of a network read from a file, "
    "otherwise their own size; if sizes differ, the median of their shorter sides, at most 224.",
    lower_bound=1,
)
FLIP = flags.DEFINE_bool(
    "flip",
    None,
    "Mirror training images at random. If not given, all images but digits and letters are.",
)
SKIP_UNREADABLE = flags.DEFINE_bool(
    "skip_unreadable", False, "Leave out images that cannot be read, instead of stopping."
)

CACHE = flags.DEFINE_enum(
    "cache",
    "auto",
    ["auto", "pixels", "memory", "files"],
    "How to keep images. pixels: decoded, in memory. memory or files: encoded, in memory or in "
    "their files, and decoded anew for every batch, with random crops of any size. auto: pixels, "
    "unless they need too much memory.",
)

CHANNELS = flags.DEFINE_enum(
    "channels",
    "auto",
    ["auto", "rgb", "gray"],
    "Colours of the network's input. auto: gray if all images are gray. MediaPipe takes rgb only.",
)
CLASS_WEIGHTS = flags.DEFINE_enum(
    "class_weights",
    "none",
    ["none", "balanced"],
    "What counts in losses and rewards. none: every image alike. balanced: every class alike, for "
    "classes of unequal size.",
)

_OF_IMAGES = (RESOLUTION, FLIP, SKIP_UNREADABLE, CACHE, CHANNELS, CLASS_WEIGHTS)
# Names of the flags that say which images are read.
NAMES = tuple(flag.name for flag in (DATASET, *_OF_IMAGES))


def options(
    preferred_resolution: int | None = None, own_resolution: int | None = None
) -> "ImageOptions":
    """The image options that the flags give.

    Args:
        preferred_resolution: used without --resolution, for a folder's images and for TFDS images
            of various sizes.
        own_resolution: resolution of a network that keeps it; used without --resolution, for all
            images.
    """
    from nas.data.image_options import ImageOptions

    return ImageOptions(
        resolution=RESOLUTION.value or own_resolution,
        flip=FLIP.value,
        skip_unreadable=SKIP_UNREADABLE.value,
        preferred_resolution=preferred_resolution,
        cache=CACHE.value,
        channels=CHANNELS.value,
        class_weights=CLASS_WEIGHTS.value,
    )


def given() -> dict[str, Any]:
    """The image flags that were given, for a work dir's settings; empty if none was."""
    return {flag.name: flag.value for flag in _OF_IMAGES if flag.value != flag.default}


def take(asked: Mapping[str, Any]) -> None:
    """Sets the flags to the values in a work dir's settings, for a command that builds on it."""
    for flag in (DATASET, *_OF_IMAGES):
        flags.FLAGS[flag.name].value = asked.get(flag.name, flag.default)


def for_another_process() -> dict[str, Any]:
    """The flags with which another command, run in any folder, reads the same images."""
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
