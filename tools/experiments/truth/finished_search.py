"""A finished search: the network that it found, and the scores that it can give to any network."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import latency_models
from nas import file_kinds, reading, schemas
from nas.architecture import counting, spaces
from nas.architecture.specs import SearchSpace
from nas.data.folder import image_folder
from nas.searching import algorithm_names, alpha_file, estimating
from tools.experiments import finished_runs
from tools.experiments.truth.networks import Truth
from tools.reporting.data import records

# A larger score is a better network.
Score = Callable[[Sequence[int]], float]

# A search for the truth's target may have read it with other digits.
_SAME_TARGET = 0.01
# Two latency models that predict one network's latency so closely are taken for the same.
_SAME_LATENCY = 1e-6


@dataclasses.dataclass(frozen=True)
class FinishedSearch:
    """What is judged of a search.

    Attributes:
        path: its work dir.
        algorithm: its algorithm.
        target_ms: the target of the truth that it searched for, in milliseconds.
        space: its space, with the data set's classes and resolution.
        choices: the network that it found.
        predicted_ms: that network's predicted latency, in milliseconds.
        scores: by name: `estimate`, minus the loss by the regression over all weight steps, in
            nats; `alpha`, the log probability under the last alpha, in nats. Only those that the
            search has.
    """

    path: pathlib.Path
    algorithm: str
    target_ms: float
    space: SearchSpace
    choices: tuple[int, ...]
    predicted_ms: float
    scores: dict[str, Score]


def read(path: str | os.PathLike[str], truth: Truth) -> FinishedSearch:
    """Reads a finished search, and checks that the truth can judge it.

    Args:
        path: work dir of `tools.search`, `tools.pipeline`, or one search of `tools.compare_search`.
        truth: the truth; its space, latency model, data set and a target must be the search's.

    Raises:
        ValueError: the search is not finished, a file of it is damaged, or the truth is another's.
    """
    folder = pathlib.Path(path)
    _check_finished(folder)
    file = folder / "child.json"
    child = spaces.load_child(str(file))
    space = spaces.load_space(str(folder / "space.json"))
    with reading.named(file, folder / "space.json"):
        choices = space.choices(child)
    notes = finished_runs.search_notes(file)
    if notes.search is None or notes.search.get("algorithm") is None:
        place = "provenance.search"
        raise reading.fault(file, place, "the settings of a search", "none", file_kinds.CHILD)
    settings = schemas.parse(
        records.SearchSettings, notes.search, str(file), file_kinds.CHILD, "provenance.search"
    )
    _check_dataset(folder, truth)
    _check_space(folder, space, truth)
    target_ms = _target(file, settings, notes, truth)
    _check_latency(file, space, choices, notes, truth)
    return FinishedSearch(
        path=folder,
        algorithm=str(settings.algorithm),
        target_ms=target_ms,
        space=space,
        choices=choices,
        predicted_ms=float(notes.predicted_latency_ms or math.nan),
        scores=_scores(folder / "search", space, str(settings.algorithm)),
    )


def _check_finished(folder: pathlib.Path) -> None:
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected the work dir of a search, found no such folder")
    stages = records.read_stages(folder / "stages.json")
    is_finished = any(of.get("search", {}).get("finished") for of in stages.values())
    if not is_finished or not reading.exists(folder / "child.json"):
        raise ValueError(
            f"{folder}: expected a finished search (tools.search, tools.pipeline, or one search of "
            "tools.compare_search), found none; run its command again to finish it"
        )


def _check_dataset(folder: pathlib.Path, truth: Truth) -> None:
    config = records.read_config(folder / "config.json")
    of_pipeline = config.get("pipeline", {}).get("preset") or {}
    name = config.get("search", {}).get("dataset") or of_pipeline.get("dataset")
    if _absolute(str(name)) != _absolute(truth.settings.dataset):
        raise ValueError(
            f"{folder / 'config.json'}: expected the data set {truth.settings.dataset}, as in "
            f"{truth.path}, received {name}; give a truth of this data set"
        )


def _absolute(name: str) -> str:
    if not image_folder.is_folder(name):
        return name
    folder = os.path.expanduser(name.removeprefix(image_folder.PREFIX))
    return image_folder.PREFIX + os.path.abspath(folder)


def _check_space(folder: pathlib.Path, space: SearchSpace, truth: Truth) -> None:
    """Compares the spaces, and the sizes of all networks: a space may have changed meanwhile."""
    what = f"{folder / 'space.json'}: expected the space {truth.settings.space} of {truth.path}"
    known = spaces.load_space(truth.settings.space)
    task = (space.num_classes, space.largest_resolution, space.input_channels)
    if known.with_task(*task) != space:
        raise ValueError(f"{what}, received another ({space.name}); give a truth of this space")
    for network in truth.networks:
        row = network.row
        with reading.named(folder / "space.json", truth.path):
            child = space.child(row.choices)
        sizes = counting.num_params(child), counting.num_macs(child)
        if sizes != (row.params, row.macs):
            raise ValueError(
                f"{what}, where network {row.group} {row.number} for {row.target_ms:g} ms has "
                f"{row.params:,} parameters and {row.macs:,} MACs, received {sizes[0]:,} and "
                f"{sizes[1]:,}; give a truth of the same classes and resolution"
            )


def _target(
    file: pathlib.Path, settings: records.SearchSettings, notes: records.Found, truth: Truth
) -> float:
    """Returns the truth's target that is the search's."""
    known = ", ".join(f"{target:g}" for target in truth.targets)
    expected = f"{file}: expected a search for a target latency of {truth.path} ({known} ms)"
    if not settings.target or notes.predicted_latency_ms is None:
        raise ValueError(f"{expected}, received one without a latency; search with such a target")
    nearest = min(truth.targets, key=lambda target: abs(target - (settings.target or 0.0)))
    if abs(settings.target / nearest - 1.0) > _SAME_TARGET:
        raise ValueError(
            f"{expected}, received {settings.target:.4g} ms; search for one of them, or add this "
            "target to the truth"
        )
    return nearest


def _check_latency(
    file: pathlib.Path,
    space: SearchSpace,
    choices: tuple[int, ...],
    notes: records.Found,
    truth: Truth,
) -> None:
    """Compares what both latency models predict for the found network."""
    source = str(truth.path.parent / "config.json")
    kind = truth.model.get("kind")
    with reading.named(source):
        model: Any = latency_models.latency_model(str(kind)).from_dict(truth.model, source)
        predicted_ms = model.predict(space.child(choices))
    received_ms = float(notes.predicted_latency_ms or 0.0)
    if not math.isclose(predicted_ms, received_ms, rel_tol=_SAME_LATENCY):
        raise ValueError(
            f"{file}: expected the latency model of {truth.path}, by which the found network takes "
            f"{predicted_ms:.6g} ms, received one by which it takes {received_ms:.6g} ms; give a "
            "truth of the same latency model"
        )


def _scores(folder: pathlib.Path, space: SearchSpace, algorithm: str) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    estimate = estimating.read(folder, space)
    if estimate is not None:
        scores["estimate"] = lambda choices: -estimate.of(choices)
    path = folder / "alphas.npz"
    if algorithm in algorithm_names.LEARN_ALPHA and reading.exists(path):
        alphas = alpha_file.read(path, space.option_counts)
        if len(alphas):
            scores["alpha"] = log_probability(alphas[-1])
    return scores


def log_probability(alpha: np.ndarray) -> Score:
    """Returns the score "log probability under alpha", in nats.

    Args:
        alpha: `[rows, most options]`, NaN in the padding.
    """
    shifted = alpha.astype(np.float64) - np.nanmax(alpha, axis=1, keepdims=True)
    log_p = shifted - np.log(np.nansum(np.exp(shifted), axis=1, keepdims=True))
    return lambda choices: float(log_p[np.arange(len(log_p)), list(choices)].sum())
