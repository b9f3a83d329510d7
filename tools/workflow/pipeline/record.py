"""The numbers of a whole run, `summary.json`."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic

from export import exporting
from export.checks import parity_record
from latency_models.models.fitted import LatencyModel
from latency_models.models.lookup_table import LookupTable
from nas import files, reading, schemas
from nas.architecture.specs import Child, SearchSpace
from nas.choices.chain_costs import ChainCosts
from nas.file_kinds import FAILED_RECIPES
from tools.workflow import exported_files, stages, target_range
from tools.workflow.pipeline import fastest_recipe, fixed_network
from tools.workflow.pipeline.settings import Settings

FAILED = "failed_recipes.json"
# What has helped networks whose int8 files lose too much.
_HELP = "try the recipe int8_qat or int16x8 in its place, or train for longer"


@pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="ignore"))
class _Failed:
    failed: dict[str, str]


def write_failed(path: pathlib.Path, failed: Mapping[str, str]) -> None:
    """Writes which recipes missed their limits and why; removes the file if none did."""
    if failed:
        content = {"schema_version": 1, "failed": dict(failed), "provenance": files.provenance()}
        files.write_json(path / FAILED, content)
    else:
        (path / FAILED).unlink(missing_ok=True)


def failed_recipes(path: pathlib.Path, recipes: Sequence[str]) -> dict[str, str]:
    """Reads which of the recipes missed their limits, with the reasons.

    Raises:
        ValueError: the file is damaged.
    """
    if not reading.exists(path / FAILED):
        return {}
    found = schemas.read(_Failed, path / FAILED, FAILED_RECIPES, 1).failed
    return {name: reason for name, reason in found.items() if name in recipes}


def exported(path: pathlib.Path, recipes: Sequence[str]) -> list[str]:
    """Names of the files that an export of the recipes leaves, given which of them failed."""
    failed = failed_recipes(path, recipes)
    names = [name for name in recipes if name not in failed]
    found = [exporting.tflite_path(path, name).name for name in names]
    found += [exporting.parity_path(path, name).name for name in names]
    return found + ([FAILED] if failed else [])


def failure(failed: Mapping[str, str]) -> str:
    """Says which recipes failed, why, and what helps, in one line."""
    return f"not exported: {'; '.join(failed.values())}; {_HELP}"


def fit_text(model: LatencyModel) -> str:
    """Describes a fitted latency model and its error on held-out networks in one line."""
    networks = model.evaluation_["networks"]
    tau = networks["kendall_tau"]
    fitted = (
        f"{len(model.entries_)} blocks"
        if isinstance(model, LookupTable)
        else f"{model.kind}, {model.evaluation_['blocks']['count']} blocks"
    )
    return (
        f"{fitted}; leave-one-out on {networks['count']} whole "
        f"networks: error {100 * networks['mape']:.1f} %, "
        f"rank correlation {'-' if tau is None else f'{tau:.2f}'}"
    )


@dataclasses.dataclass(frozen=True)
class Searched:
    """What is known of a run with a search, beside its network.

    Attributes:
        space: the search space.
        model: the latency model.
        latencies: its latencies of the space's networks.
        target_ms: the target; 0 for none.
        fixed: the pretrained network that it is compared with, if the search began with one.
    """

    space: SearchSpace
    model: LatencyModel
    latencies: ChainCosts
    target_ms: float
    fixed: Child | None = None


def write(
    settings: Settings,
    child: Child,
    searched: Searched | None,
    device: str | None,
    seconds: Mapping[str, float],
    path: pathlib.Path,
    failed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Writes `summary.json` and returns its content.

    Args:
        settings: the settings of the run.
        child: its network.
        searched: the search; None if the network was given.
        device: name of the device, if there was no search.
        seconds: seconds by stage.
        path: the work dir, with the exported files, their comparisons and measurements.
        failed: the recipes that were not exported, with the reasons.
    """
    preset = settings.preset
    names = [name for name in preset.recipes if name not in (failed or {})]
    reference_ms = searched.model.reference_ms_ if searched else None
    measured = exported_files.measured_exports(names, reference_ms, path)
    parities = {n: parity_record.read(exporting.parity_path(path, n)) for n in names}
    summary = {
        "schema_version": 1,
        "space": searched.space.name if searched else None,
        "dataset": preset.dataset,
        "algorithm": preset.search.algorithm if searched else None,
        "seed": settings.seed,
        "device": searched.model.to_dict()["device"] if searched else device,
        "recipe": preset.recipe,
        "num_threads": settings.num_threads,
        "target_latency_ms": _target_ms(settings, searched),
        "predicted_latency_ms": searched.model.predict(child) if searched else None,
        "measured_latency_ms": measured.get(preset.recipe),
        **stages.size_of(child),
        "test_accuracy": parities[names[0]].accuracy_keras,
        "test_accuracy_by_recipe": {n: parities[n].accuracy_tflite for n in names},
        # Earlier versions exported without them.
        "by_class_by_recipe": _given({n: parities[n].by_class for n in names}),
        "in_app_by_recipe": _given({n: parities[n].in_app for n in names}),
        "latency_ms_by_recipe": measured,
        "size_bytes_by_recipe": {n: parities[n].size_bytes for n in names},
        "search_seconds": seconds["search"] if searched else 0.0,
        "train_seconds": seconds["train"],
        "stage_seconds": dict(seconds),
        "provenance": files.provenance(),
    }
    if failed:
        summary["failed_recipes"] = dict(failed)
    if searched:
        best = target_range.baseline(searched.space, searched.latencies, searched.target_ms)
        if best:
            summary["baseline"] = best.as_summary()
        if searched.fixed is not None:
            predicted = searched.model.predict(searched.fixed)
            summary["fixed_network"] = fixed_network.summary(
                settings, predicted, reference_ms, path
            )
    found = fastest_recipe.read(path)
    if found is not None:
        summary["fastest_recipe"] = dataclasses.asdict(found)
    files.write_json(path / "summary.json", summary)
    return summary


def _given(by_recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the records that are not None, as JSON values."""
    return {n: dataclasses.asdict(own) for n, own in by_recipe.items() if own is not None}


def _target_ms(settings: Settings, searched: Searched | None) -> float:
    """The target of a search, or the one that a given network's resolution was chosen by."""
    if searched:
        return searched.target_ms
    return settings.target_latency_ms or 0.0 if settings.chooses_resolution else 0.0
