"""Data sets that TFDS cannot download, since their owners ask for a registration first."""

import os
import pathlib

import tensorflow_datasets as tfds

# What TFDS would do without, and end up with half a data set.
_ARCHIVES = {
    "imagenet2012": (
        ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"),
        "register at https://image-net.org/download-images to get them",
    ),
}


def folder(builder: tfds.core.DatasetBuilder, manual_dir: str | None = None) -> pathlib.Path:
    """Where files that the user downloads are looked for.

    Args:
        builder: of the data set.
        manual_dir: the user's own choice; None for TFDS' default below its folder.
    """
    if manual_dir:
        return pathlib.Path(os.path.expanduser(manual_dir))
    return pathlib.Path(builder.data_dir_root) / "downloads" / "manual"


def missing(builder: tfds.core.DatasetBuilder, manual_dir: str | None = None) -> str | None:
    """What the user has to put where, in one line; None where nothing is known to be missing."""
    where = folder(builder, manual_dir)
    if builder.name in _ARCHIVES:
        names, how = _ARCHIVES[builder.name]
        absent = [name for name in names if not (where / name).is_file()]
        if not absent:
            return None
        return f"expected {' and '.join(absent)} in {where}, found nothing of that name; {how}"
    instructions = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    if instructions and not (where.is_dir() and any(where.iterdir())):
        return f"expected files in {where}, found none; TFDS says: {' '.join(instructions.split())}"
    return None
