"""One child of a comparison: trained and exported like all others, in processes of its own."""

import pathlib
from collections.abc import Mapping
from typing import Any

from tools import data_flags, subcommand


def arguments(given: Mapping[str, Any]) -> list[str]:
    """Command line of a tool that takes the flags `given` and the same images as this one."""
    given = {**given, **data_flags.for_another_process()}
    return [f"--{name}={value}" for name, value in given.items()]


def train(path: pathlib.Path, seed: int, asked: Mapping[str, Any]) -> None:
    """Trains `path/child.json` and exports it by the recipe of the latency model.

    Args:
        path: a work dir; gets `child.keras`, `child_<recipe>.tflite` and its parity.
        seed: of the training.
        asked: `train_epochs`, `max_train_examples`, `validation_size` and `latency_model`, as
            `tools.compare_search` has them.
    """
    from nas import files

    given = {
        "child": (path / "child.json").resolve(),
        "epochs": asked["train_epochs"],
        "seed": seed,
        "max_train_examples": asked["max_train_examples"],
        "validation_size": asked["validation_size"],
        "workdir": path.resolve(),
    }
    subcommand.run("train", arguments(given), path / "train.log")
    given = {
        "model": (path / "child.keras").resolve(),
        "recipes": files.read_json(asked["latency_model"])["recipe"],
        "workdir": path.resolve(),
    }
    subcommand.run("export_tflite", arguments(given), path / "export.log")
