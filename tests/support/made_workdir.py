"""Writes a finished work dir of the `tiny` space without searching or training anything."""

import json
import math
import pathlib

import numpy as np

from nas import files
from nas.architecture import spaces, spec_json
from nas.architecture.specs import Child, SearchSpace

CHOICES = (1, 0, 2)
TARGET_MS = 0.060
EPOCHS, WARMUP = 3, 1
RECIPES = ("float32", "int8")


def space() -> SearchSpace:
    """The space `tiny` for gray images of 28x28 pixels."""
    return spaces.SPACES["tiny"].with_task(10, 28, 1)


def child() -> Child:
    """The child of the search."""
    return space().child(CHOICES)


def provenance(command="pipeline.py --preset=tiny --workdir=w", **notes):
    return {
        "command": command,
        "git_revision": "0123456789ab",
        "python": "3.11.0",
        "platform": "Linux x86_64",
        "libraries": {"tensorflow": "2.21.0", "keras": None},
        **notes,
    }


def write(path: pathlib.Path, model_file: pathlib.Path) -> pathlib.Path:
    """Writes all files of a pipeline that a report reads.

    Args:
        path: the work dir.
        model_file: a latency model of `tiny`.
    """
    search = {"algorithm": "proxyless_gradient", "epochs": EPOCHS, "warmup_epochs": WARMUP}
    preset = {"dataset": "fashion_mnist", "recipe": "int8", "recipes": list(RECIPES)}
    preset |= {"search": {**search, "target": 0.0}, "train": {"epochs": 2}, "target_latency": 0.5}
    config = {"preset_name": "tiny", "preset": preset, "seed": 7, "target_latency_ms": None}
    _json(path, "config.json", {"provenance": provenance(), "pipeline": config})
    stages = {name: {"finished": True, "seconds": 2.5} for name in ("search", "train", "report")}
    _json(path, "stages.json", {"pipeline": stages})
    _json(path, "space.json", spec_json.to_dict(space()))
    model = json.loads(model_file.read_text())
    model["evaluation"] = {name: scores(points) for name, points in POINTS.items()}
    _json(path, "latency_model.json", {**model, "provenance": provenance()})
    notes = {"choices": CHOICES, "most_probable": CHOICES, "predicted_latency_ms": 0.061}
    notes["search"] = {**search, "target": TARGET_MS, "seed": 7}
    _json(path, "child.json", {**spec_json.to_dict(child()), "provenance": provenance(**notes)})
    write_search(path)
    lines(
        path / "train/metrics.jsonl", [{"loss": 2.0, "accuracy": 0.3}, {"loss": 1, "accuracy": 0.6}]
    )
    for recipe, accuracy in zip(RECIPES, (0.61, 0.6), strict=True):
        _json(path, f"parity_{recipe}.json", parity(recipe, accuracy))
    _json(path, "summary.json", summary())
    return path


def write_search(path: pathlib.Path) -> None:
    """Writes metrics and alphas of every epoch; the first epoch is the warm-up."""
    rows = [{"loss": 2.2, "accuracy": 0.2}, {"loss": 2.0, "accuracy": 0.3}]
    rows += [{"loss": 1.5, "accuracy": 0.4}, {"loss": 1.25, "accuracy": 0.5}]
    for i, row in enumerate(rows):
        row |= {"entropy": 0.83 - 0.1 * i, "expected_latency_ms": 0.08 - 0.005 * i}
        row["most_probable_latency_ms"] = 0.061
        if i:
            row |= {"validation_loss": row["loss"] - 0.1, "validation_accuracy": 0.1 * i + 0.25}
    lines(path / "search/metrics.jsonl", rows)
    alphas = np.zeros([EPOCHS + WARMUP, 3, 3])
    for slot, choice in enumerate(CHOICES):
        # At the end, the chosen candidate is three times as probable as each of the others.
        alphas[-1, slot, choice] = math.log(3.0)
    alphas[:, :2, 2] = np.nan
    files.write_with(path / "search/alphas.npz", lambda name: np.savez(name, alphas=alphas))


POINTS = {
    "networks": [[0.05, 0.0505], [0.1, 0.099], [0.2, 0.21]],
    "blocks": [[0.004, 0.004], [0.04, 0.041]],
    "network_repeats": [[0.05, 0.05], [0.1, 0.1]],
}


def scores(points):
    return {
        "count": len(points),
        "mape": 0.02,
        "within_5": 1.0,
        "within_10": 1.0,
        "rmse_ms": 0.001,
        "kendall_tau": 0.9,
        "bias": -0.01,
        "method": "leave one out",
        "points": points,
    }


def parity(recipe, accuracy):
    return {
        "recipe": recipe,
        "num_images": 300,
        "top1_agreement": 0.99,
        "accuracy_keras": 0.61,
        "accuracy_tflite": accuracy,
        "size_bytes": {"float32": 40000, "int8": 16000}[recipe],
        "oldest_runtime": "1.14.0",
        "runtime": "ai-edge-litert 2.3.0",
        "fine_tuning": None,
        "provenance": provenance(),
    }


def summary():
    from nas.architecture import counting

    return {
        "recipe": "int8",
        "num_threads": 1,
        "target_latency_ms": TARGET_MS,
        "predicted_latency_ms": 0.061,
        "measured_latency_ms": 0.064,
        "params": counting.num_params(child()),
        "macs": counting.num_macs(child()),
        "latency_ms_by_recipe": {"float32": 0.09, "int8": 0.064},
        "stage_seconds": {"search": 2.5, "train": 2.5},
        "provenance": provenance(),
    }


def write_judged(path: pathlib.Path) -> None:
    """Writes the file of a search without alpha; the child is one of two evaluated networks."""
    networks = [
        {"choices": CHOICES, "validation_accuracy": 0.7, "cost": 0.061, "round": 0},
        {"choices": (0, 0, 0), "validation_accuracy": 0.6, "cost": 0.05, "round": 1},
    ]
    _json(path, "search/networks.json", {"rounds": 2, "networks": networks, "identity": {}})


def write_finalists(path: pathlib.Path) -> None:
    """Writes the file of a search with three finalists; the child is the last one."""
    kept = [
        ("estimate", (0, 0, 0), [0.6]),
        ("alpha", CHOICES, [0.65, 0.7]),
        ("draw", (0, 1, 0), [0.64, 0.69]),
    ]
    finalists = [
        {
            "choices": choices,
            "origin": origin,
            "cost": 0.06,
            "accuracies": accuracies,
            "losses": [1.0 - accuracy for accuracy in accuracies],
        }
        for origin, choices, accuracies in kept
    ]
    record = {"schema_version": 1, "rounds": 2, "finalists": finalists}
    _json(path, "search/finalists.json", record | {"identity": {}, "provenance": {}})


def write_estimate(path: pathlib.Path) -> None:
    """Writes the file of a search with an estimate: every option is worth more than the next."""
    rows = []
    for name, options in space().option_labels:
        middle = (len(options) - 1) / 2
        effects = [0.1 * (i - middle) for i in range(len(options))]
        row = {"name": name, "options": options, "effects": effects}
        rows.append(row | {"deviations": [0.01] * len(options)})
    content = {"steps": 100, "noise": 0.1, "rows": rows, "provenance": provenance()}
    _json(path, "search/estimate.json", content)


def write_rewards(path: pathlib.Path, form="absolute") -> None:
    """Adds what a REINFORCE search writes: the mean reward of every epoch after the warm-up."""
    name = path / "search/metrics.jsonl"
    rows = [json.loads(line) for line in name.read_text().splitlines()]
    for i, row in enumerate(rows[1:]):
        row["reward"] = 0.1 * i
    lines(name, rows)
    change_search(path, algorithm="proxyless_reinforce", reward=form, reward_beta=-0.3)


def change_search(path: pathlib.Path, **settings) -> None:
    """Changes settings of the search that made the child."""
    notes = json.loads((path / "child.json").read_text())["provenance"]
    notes["search"] |= settings
    change(path, "child.json", provenance=notes)


def change(path: pathlib.Path, name: str, /, **values) -> None:
    """Replaces top-level values of a JSON file."""
    files.write_json(path / name, json.loads((path / name).read_text()) | values)


def lines(path: pathlib.Path, rows) -> None:
    """Writes a metrics file with numbered epochs."""
    text = "".join(json.dumps({"epoch": i, **row}) + "\n" for i, row in enumerate(rows, start=1))
    files.write_bytes(path, text.encode())


def _json(path: pathlib.Path, name: str, content) -> None:
    files.write_json(path / name, {"schema_version": 1, **content})
