"""The folder in which all data sets lie."""

import pathlib

import tensorflow_datasets as tfds


def data_root(data_dir: str | None) -> pathlib.Path:
    """The folder of all data sets: `data_dir`, or TFDS' own default."""
    return pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
