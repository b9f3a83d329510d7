"""Trains and exports the children of a comparison, all in the same way, in their own processes."""

import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nas import files
from tools.experiments import subcommand
from tools.flags import data_flags
from tools.terminal import console
from tools.workflow import workdir

# Difference between the seeds of a child's trainings, larger than the seeds of searches.
_SEEDS_APART = 1000


def arguments(given: Mapping[str, Any]) -> list[str]:
    """Command-line flags for another tool: those `given`, and the same data flags as here."""
    given = {**given, **data_flags.for_another_process()}
    return [f"--{name}={value}" for name, value in given.items()]


class Training(NamedTuple):
    """One training of a child.

    Attributes:
        folder: folder of its files, relative to the work dir of the comparison.
        seed: seed of the training.
        child: the child's file, relative to that work dir.
    """

    folder: str
    seed: int
    child: str


def trainings(folder: str, seed: int, count: int) -> list[Training]:
    """The trainings of `folder/child.json`; the first has seed `seed` and is in `folder` itself."""
    return [
        Training(
            f"{folder}/repeat_{number}" if number else folder,
            seed + _SEEDS_APART * number,
            f"{folder}/child.json",
        )
        for number in range(count)
    ]


def parity(asked: Mapping[str, Any]) -> str:
    """Name of the file with the child's accuracy after a training."""
    return f"parity_{asked['model']['recipe']}.json"


def train(wanted: Sequence[Training], asked: Mapping[str, Any], owned: workdir.WorkDir) -> None:
    """Trains and exports what is not finished, in parallel on all cores.

    Each folder gets `child.keras`, `child_<recipe>.tflite` with the recipe of the latency model,
    and its parity file.

    Args:
        wanted: the trainings.
        asked: settings of `tools.compare_search`: `train_epochs`, `max_train_examples`,
            `validation_size`, and `model`, the content of a latency model.
        owned: work dir of the comparison, with independent stages; records what is finished.
    """
    todo = [one for one in wanted if not owned.finished(f"train {one.folder}")]
    at_once = subcommand.core_count()
    groups = [todo[first : first + at_once] for first in range(0, len(todo), at_once)]
    for group in console.progress(groups, label="training", unit="rounds"):
        start = time.monotonic()
        train_together(group, asked, owned.path)
        paths = [(owned.path / one.folder).resolve() for one in group]
        subcommand.run_side_by_side([_export(path, asked) for path in paths])
        spent = time.monotonic() - start
        for one in group:
            outputs = [f"{one.folder}/child.keras", f"{one.folder}/{parity(asked)}"]
            owned.mark(f"train {one.folder}", spent, outputs, [one.child])


def train_together(
    group: Sequence[Training], asked: Mapping[str, Any], directory: pathlib.Path
) -> list[subcommand.Usage]:
    """Runs trainings in parallel, at most as many as there are cores; resumes stopped ones.

    Each folder gets `child.keras` and `train/result.json`.

    Args:
        group: the trainings.
        asked: `train_epochs`, `max_train_examples` and `validation_size`.
        directory: the folder that their paths are relative to.
    """
    for one in group:
        if one.child != f"{one.folder}/child.json":
            content = (directory / one.child).read_bytes()
            files.write_bytes(directory / one.folder / "child.json", content)
    paths = [(directory / one.folder).resolve() for one in group]
    return subcommand.run_side_by_side(
        [_training(path, one.seed, asked) for path, one in zip(paths, group, strict=True)]
    )


def _of_child(given: Mapping[str, Any], path: pathlib.Path) -> list[str]:
    """Flags for a command that reads the child in `path`, at the child's own resolution."""
    from nas.architecture import spaces

    passed = {**given, **data_flags.for_another_process()}
    if "resolution" in passed:
        # Of a space with several resolutions it is the largest.
        passed["resolution"] = spaces.load_child(str(path / "child.json")).resolution
    return [f"--{name}={value}" for name, value in passed.items()]


def _training(path: pathlib.Path, seed: int, asked: Mapping[str, Any]) -> subcommand.Command:
    given = {
        "child": path / "child.json",
        "epochs": asked["train_epochs"],
        "seed": seed,
        "max_train_examples": asked["max_train_examples"],
        "validation_size": asked["validation_size"],
        "workdir": path,
    }
    return subcommand.Command("train", _of_child(given, path), path / "train.log")


def _export(path: pathlib.Path, asked: Mapping[str, Any]) -> subcommand.Command:
    given = {
        "model": path / "child.keras",
        "recipes": asked["model"]["recipe"],
        "workdir": path,
    }
    return subcommand.Command("export_tflite", _of_child(given, path), path / "export.log")
