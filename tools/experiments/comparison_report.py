"""Results and tables of `tools.compare_search`."""

import dataclasses
import itertools
import math
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from tools.experiments import compared_child
from tools.terminal import console

BASELINE = "random"


class Milliseconds(float):
    """A target in milliseconds; any other number is a fraction of the range of latencies."""


def target_text(target: float) -> str:
    """Writes a target with its unit, such as `0.5` or `0.02 ms`."""
    return f"{target:g} ms" if isinstance(target, Milliseconds) else f"{target:g}"


def target_flag(target: float) -> str:
    """Name of the flag of `tools.search` for a target."""
    return "target_latency_ms" if isinstance(target, Milliseconds) else "target_latency"


def folder(name: str, target: float, seed: int) -> str:
    """Folder of a search, relative to the work dir of the comparison."""
    return f"{name}/target_{target_text(target).replace(' ', '')}/seed_{seed}"


def row(
    path: pathlib.Path,
    trained: Sequence[pathlib.Path],
    name: str,
    target: float,
    seed: int,
    images: int,
    model: str,
) -> dict[str, Any]:
    """Reads the results of one search in `path` and of its child's trainings in `trained`."""
    import latency_models
    from export.checks import parity_record
    from nas import schemas
    from nas.architecture import spaces
    from nas.file_kinds import RESULT
    from tools.experiments import finished_runs
    from tools.workflow import stages

    table = latency_models.load(model)
    found = finished_runs.search_notes(path / "child.json")
    child = spaces.load_child(str(path / "child.json"))
    space = spaces.load_space(str(path / "space.json"))
    latencies = table.costs(space)
    target_ms = float(target) if isinstance(target, Milliseconds) else latencies.at(target)
    predicted_ms = table.predict(child)
    likeliest = found.most_probable
    parities = [one / compared_child.parity({"model": table.to_dict()}) for one in trained]
    results = [parity_record.read(parity) for parity in parities if parity.exists()]
    accuracies = [result.accuracy_keras for result in results]
    after = [result.accuracy_tflite for result in results]
    usage = schemas.read(finished_runs.Usage, path / "usage.json", RESULT)
    return {
        "folder": folder(name, target, seed),
        "algorithm": name,
        "target": target,
        "seed": seed,
        "train_images": images,
        "target_latency_ms": target_ms,
        "predicted_latency_ms": predicted_ms,
        "argmax_latency_ms": latencies.of(likeliest) if likeliest else None,
        "entropy": found.entropy,
        "choices": stages.describe(child, space),
        "test_accuracy": statistics.fmean(accuracies) if accuracies else None,
        "test_accuracies": accuracies,
        "test_accuracy_tflite": statistics.fmean(after) if after else None,
        **dataclasses.asdict(usage),
        **stages.size_of(child),
    }


def line(found: dict[str, Any]) -> str:
    """Describes the result of one search in one line."""
    off = found["predicted_latency_ms"] / found["target_latency_ms"] - 1.0
    accuracy = found["test_accuracy"]
    return (
        f"predicted {found['predicted_latency_ms']:.4g} ms ({100 * off:+.1f} % from the target), "
        + (f"accuracy {100 * accuracy:.2f} %, " if accuracy is not None else "")
        + f"searched {console.duration(found['search_seconds'])}: {found['choices']}"
    )


def gain(rows: list[dict[str, Any]], name: str, target: float) -> tuple[float, float | None] | None:
    """Mean accuracy gain over `random`, and half the width of its 95 % confidence interval.

    Seeds are the blocks of a randomized block design: an effect of a seed on all algorithms
    cancels, and the residuals estimate the common standard deviation (Student's t, two-sided).
    With `random` and one other algorithm this is the paired t-test.

    Args:
        rows: results of searches; only seeds with a trained child for every algorithm of the
            target are used.
        name: the algorithm.
        target: the target of the searches.

    Returns:
        The difference and the half width, which is None for one seed; None without accuracies or
        without `random`.
    """
    from scipy import stats

    accuracies: dict[str, dict[int, float]] = {}
    for row in rows:
        if row["target"] == target:
            accuracies.setdefault(row["algorithm"], {})[row["seed"]] = row["test_accuracy"]
    if name not in accuracies or BASELINE not in accuracies:
        return None
    seeds = [
        seed
        for seed in accuracies[name]
        if all(of.get(seed) is not None for of in accuracies.values())
    ]
    if not seeds:
        return None
    table = np.array([[of[seed] for seed in seeds] for of in accuracies.values()])
    means = dict(zip(accuracies, table.mean(axis=1), strict=True))
    difference = float(means[name] - means[BASELINE])
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    if not freedom:
        return difference, None
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    deviation = math.sqrt(2.0 * float((rest**2).sum()) / freedom / len(seeds))
    return difference, float(stats.t.ppf(0.975, freedom)) * deviation


def write(rows: list[dict[str, Any]], asked: dict[str, Any], path: pathlib.Path) -> None:
    """Writes `comparison.json` and prints a table with one row per algorithm and target."""
    from nas import files

    names = list(dict.fromkeys(r["algorithm"] for r in rows))
    targets = sorted({r["target"] for r in rows})
    summary, cells = [], []
    for target, name in itertools.product(targets, names):
        of = [r for r in rows if r["algorithm"] == name and r["target"] == target]
        against = gain(rows, name, target)
        means = {key: _mean(of, key) for key in _SHOWN}
        summary.append({"algorithm": name, "target": target, "seeds": len(of), **means})
        summary[-1]["gain_over_random"] = against
        cells.append(
            [
                target_text(target),
                name,
                *(_shown(key, means[key]) for key in _SHOWN),
                _points(against),
            ]
        )
    result = {"schema_version": 1, "settings": asked, "summary": summary, "searches": rows}
    files.write_json(path / "comparison.json", {**result, "provenance": files.provenance()})
    console.title(f"Means over {len({r['seed'] for r in rows})} seeds")
    headers = ["target", "algorithm", *_SHOWN.values(), "against random"]
    console.say(console.table(headers, cells))
    console.say(f"\nall searches are in {path / 'comparison.json'}")


_SHOWN = {
    "test_accuracy": "accuracy %",
    "target_latency_ms": "target ms",
    "predicted_latency_ms": "predicted ms",
    "argmax_latency_ms": "argmax ms",
    "measured_latency_ms": "measured ms",
    "entropy": "entropy",
    "search_seconds": "search s",
    "search_cpu_seconds": "CPU s",
    "peak_mib": "peak MiB",
}
_WHOLE = ("search_seconds", "search_cpu_seconds", "peak_mib")


def _mean(rows: list[dict[str, Any]], key: str) -> float | None:
    values = [r[key] for r in rows if r.get(key) is not None]
    return statistics.fmean(values) if values else None


def _shown(key: str, value: float | None) -> float | str | None:
    if value is None:
        return None
    if key == "test_accuracy":
        return f"{100 * value:.2f}"
    return f"{value:.0f}" if key in _WHOLE else value


def _points(against: tuple[float, float | None] | None) -> str | None:
    if against is None:
        return None
    mean, half = against
    return f"{100 * mean:+.2f}" + ("" if half is None else f" +- {100 * half:.2f}")
