"""The folder that holds all data sets."""

import pathlib

import tensorflow_datasets as tfds


def data_root(data_dir: str | None) -> pathlib.Path:
    """Returns the folder of all data sets: `data_dir`, or TFDS' own default."""
    return pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
