"""Writes a truth of the `tiny` space, and searches in it, without training anything."""

import itertools
import pathlib

import made_workdir
import numpy as np

import latency_models
from nas import files, json_lines
from nas.architecture import counting
from tools.experiments.truth import trainings

TARGET_MS = made_workdir.TARGET_MS
SETTINGS = {
    "space": "tiny",
    "dataset": "fashion_mnist",
    "train_epochs": 1,
    "max_train_examples": 200,
    "validation_size": 50,
    "seed": 0,
}
# Every network of `tiny`.
CHOICES = tuple(itertools.product(range(2), range(2), range(3)))


def rows(model, target_ms=TARGET_MS, repeats=2, settings=None):
    """A training for each of the networks and repeats: the deeper a network, the better."""
    rng = np.random.default_rng(0)
    space = made_workdir.space()
    found = []
    for seed, (number, choices) in itertools.product(range(repeats), enumerate(CHOICES)):
        child = space.child(choices)
        depth = 3 - (choices[2] == 2)
        accuracy = 0.6 + 0.03 * depth + 0.01 * choices[0] + 0.002 * rng.standard_normal()
        row = trainings.Training(
            "drawn", number, target_ms, model.predict(child), choices, seed, float(accuracy),
            counting.num_params(child), counting.num_macs(child), settings or SETTINGS,
            made_workdir.provenance(),
        )  # fmt: skip
        found.append(row)
    first = found[0]
    return [trainings.Training(**{**vars(first), "group": "width"}), *found]


def write(path: pathlib.Path, model_file: pathlib.Path, **changes) -> pathlib.Path:
    """Writes the work dir of a truth; `changes` are those of `rows`."""
    model = latency_models.load(model_file)
    own = rows(model, **changes)
    json_lines.append(path / trainings.FILE_NAME, [vars(row) for row in own])
    flags = own[0].settings | {"model": model.to_dict()}
    files.write_json(path / "config.json", {"schema_version": 1, "make_truth": flags})
    return path


def write_search(
    path: pathlib.Path, model_file: pathlib.Path, algorithm="proxyless_gradient"
) -> pathlib.Path:
    """Writes a finished search that this truth can judge; its network is `made_workdir.CHOICES`."""
    made_workdir.write(path, model_file)
    made_workdir.change_search(path, algorithm=algorithm)
    notes = files.read_json(path / "child.json")["provenance"]
    notes["predicted_latency_ms"] = latency_models.load(model_file).predict(made_workdir.child())
    made_workdir.change(path, "child.json", provenance=notes)
    return path


class NoFlag:
    """A flag that was not given."""

    value = None
