"""Trains found networks as often and in the same way as the networks of a truth.

The folder of a training is named after the network and the seed, so searches that found one network
share its trainings. A stopped training goes on from its checkpoints.
"""

import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from nas import files, reading
from nas.architecture import spec_json
from nas.data import sources
from tools.experiments import compared_child, finished_runs, subcommand
from tools.experiments.truth.finished_search import FinishedSearch
from tools.experiments.truth.networks import Truth
from tools.flags import data_flags
from tools.terminal import console


def accuracies(truth: Truth, choices: Sequence[int], directory: pathlib.Path) -> dict[int, float]:
    """Returns the test accuracies of a network by the seeds of its trainings; may be empty.

    Those of the truth if it is one of its networks, otherwise those in `directory`.
    """
    for network in truth.networks:
        if network.row.choices == tuple(choices):
            return network.accuracies
    results = {
        seed: directory / _folder(choices, seed) / "train/result.json" for seed in truth.seeds
    }
    return {
        seed: finished_runs.result(path).test_accuracy
        for seed, path in results.items()
        if reading.exists(path)
    }


def missing(
    truth: Truth, searches: Sequence[FinishedSearch], directory: pathlib.Path
) -> list[tuple[FinishedSearch, int]]:
    """Returns the trainings that are missing, each network once: a search that found it, a seed.

    Every network is trained once before any is trained again.
    """
    known = {network.row.choices for network in truth.networks}
    unknown = {one.choices: one for one in searches if one.choices not in known}
    return [
        (search, seed)
        for seed in truth.seeds
        for search in unknown.values()
        if seed not in accuracies(truth, search.choices, directory)
    ]


def train(
    wanted: Sequence[tuple[FinishedSearch, int]], truth: Truth, directory: pathlib.Path
) -> None:
    """Runs trainings in parallel on all cores.

    Args:
        wanted: see `missing`.
        truth: its settings are those of the trainings. The data flags must have its values.
        directory: folder for the trainings.
    """
    sources.prepare(truth.settings.dataset, data_flags.DATA_DIR.value, report=console.say)
    asked: dict[str, Any] = dict(truth.asked)
    at_once = subcommand.core_count()
    groups = [wanted[first : first + at_once] for first in range(0, len(wanted), at_once)]
    for group in console.progress(groups, label="training", unit="rounds"):
        trainings = []
        for search, seed in group:
            folder = _folder(search.choices, seed)
            child = search.space.child(search.choices, "found")
            files.write_json(directory / folder / "child.json", spec_json.to_dict(child))
            trainings.append(compared_child.Training(folder, seed, f"{folder}/child.json"))
        compared_child.train_together(trainings, asked, directory)


def _folder(choices: Sequence[int], seed: int) -> str:
    # The choices themselves may be longer than a name can be.
    digest = hashlib.sha256(json.dumps(list(choices)).encode()).hexdigest()
    return f"trainings/{digest[:12]}_{seed}"
