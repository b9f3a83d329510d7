"""The numbers of a whole run, `summary.json`."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from export import exporting
from latency_models.models.fitted import LatencyModel
from nas import files
from nas.architecture.specs import Child, SearchSpace
from nas.choices.chain_costs import ChainCosts
from tools.workflow import stages, target_range
from tools.workflow.pipeline_settings import Settings


@dataclasses.dataclass(frozen=True)
class Searched:
    """What is known of a run with a search, beside its network.

    Attributes:
        space: the search space.
        model: the latency model.
        latencies: its latencies of the space's networks.
        target_ms: the target; 0 for none.
    """

    space: SearchSpace
    model: LatencyModel
    latencies: ChainCosts
    target_ms: float


def write(
    settings: Settings,
    child: Child,
    searched: Searched | None,
    device: str | None,
    seconds: Mapping[str, float],
    path: pathlib.Path,
) -> dict[str, Any]:
    """Writes `summary.json` and returns its content.

    Args:
        settings: the settings of the run.
        child: its network.
        searched: the search; None if the network was given.
        device: name of the device, if there was no search.
        seconds: seconds by stage.
        path: the work dir, with the exported files, their comparisons and measurements.
    """
    preset = settings.preset
    names = preset.recipes
    reference_ms = searched.model.reference_ms_ if searched else None
    measured = stages.measured_exports(names, reference_ms, path)
    parities = {n: files.read_json(exporting.parity_path(path, n)) for n in names}
    summary = {
        "schema_version": 1,
        "space": searched.space.name if searched else None,
        "dataset": preset.dataset,
        "algorithm": preset.search.algorithm if searched else None,
        "seed": settings.seed,
        "device": searched.model.to_dict()["device"] if searched else device,
        "recipe": preset.recipe,
        "num_threads": settings.num_threads,
        "target_latency_ms": searched.target_ms if searched else 0.0,
        "predicted_latency_ms": searched.model.predict(child) if searched else None,
        "measured_latency_ms": measured[preset.recipe],
        **stages.size_of(child),
        "test_accuracy": parities[names[0]]["accuracy_keras"],
        "test_accuracy_by_recipe": {n: parities[n]["accuracy_tflite"] for n in names},
        # Earlier versions exported without it.
        "by_class_by_recipe": {
            n: parities[n]["by_class"] for n in names if "by_class" in parities[n]
        },
        "in_app_by_recipe": {n: parities[n]["in_app"] for n in names if parities[n].get("in_app")},
        "latency_ms_by_recipe": measured,
        "size_bytes_by_recipe": {n: parities[n]["size_bytes"] for n in names},
        "search_seconds": seconds["search"] if searched else 0.0,
        "train_seconds": seconds["train"],
        "stage_seconds": dict(seconds),
        "provenance": files.provenance(),
    }
    if searched:
        best = target_range.baseline(searched.space, searched.latencies, searched.target_ms)
        if best:
            summary["baseline"] = best.as_summary()
    files.write_json(path / "summary.json", summary)
    return summary
