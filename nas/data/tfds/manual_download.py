"""Data sets that TFDS cannot download because their owners require a registration."""

import os
import pathlib

import tensorflow_datasets as tfds

# If one of these archives is missing, TFDS prepares half a data set without complaint.
_ARCHIVES = {
    "imagenet2012": (
        ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"),
        "register at https://image-net.org/download-images to get them",
    ),
}


def folder(builder: tfds.core.DatasetBuilder, manual_dir: str | None = None) -> pathlib.Path:
    """Returns the folder in which manually downloaded files are expected.

    Args:
        builder: TFDS builder of the data set.
        manual_dir: the user's own choice; None for TFDS' default, `downloads/manual`.
    """
    if manual_dir:
        return pathlib.Path(os.path.expanduser(manual_dir))
    return pathlib.Path(builder.data_dir_root) / "downloads" / "manual"


def missing(builder: tfds.core.DatasetBuilder, manual_dir: str | None = None) -> str | None:
    """Says in one line which files the user must put where; None if none is known to be missing."""
    where = folder(builder, manual_dir)
    if builder.name in _ARCHIVES:
        names, how = _ARCHIVES[builder.name]
        absent = [name for name in names if not (where / name).is_file()]
        if not absent:
            return None
        return f"expected {' and '.join(absent)} in {where}, found no such file; {how}"
    instructions = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
    if instructions and not (where.is_dir() and any(where.iterdir())):
        return f"expected files in {where}, found none; TFDS says: {' '.join(instructions.split())}"
    return None
