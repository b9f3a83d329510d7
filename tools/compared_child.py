"""One child of a comparison: trained and exported like all others, in processes of its own."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from tools import subcommand


def arguments(given: Mapping[str, Any], data_dir: str | None) -> list[str]:
    """Command line of a tool that takes the flags `given` and a data set."""
    if data_dir:
        given = {**given, "data_dir": os.path.abspath(data_dir)}
    return [f"--{name}={value}" for name, value in given.items()]


def train(path: pathlib.Path, seed: int, asked: Mapping[str, Any], data_dir: str | None) -> None:
    """Trains `path/child.json` and exports it by the recipe of the latency model.

    Args:
        path: a work dir; gets `child.keras`, `child_<recipe>.tflite` and its parity.
        seed: of the training.
        asked: `dataset`, `train_epochs`, `max_train_examples`, `validation_size` and
            `latency_model`, as `tools.compare_search` has them.
        data_dir: TFDS folder; TFDS' own default when None.
    """
    from nas import files

    given = {
        "child": (path / "child.json").resolve(),
        "dataset": asked["dataset"],
        "epochs": asked["train_epochs"],
        "seed": seed,
        "max_train_examples": asked["max_train_examples"],
        "validation_size": asked["validation_size"],
        "workdir": path.resolve(),
    }
    subcommand.run("train", arguments(given, data_dir), path / "train.log")
    given = {
        "model": (path / "child.keras").resolve(),
        "recipes": files.read_json(asked["latency_model"])["recipe"],
        "dataset": asked["dataset"],
        "workdir": path.resolve(),
    }
    subcommand.run("export_tflite", arguments(given, data_dir), path / "export.log")
