"""Reads a work dir into a `Run`; checks the files that exist and skips those that do not."""

import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

import latency_models
from latency_models.measuring import measurements
from nas import files
from nas.architecture import counting, spaces
from nas.architecture.specs import Child, SearchSpace
from nas.searching import finalist_record
from tools.reporting.data import records
from tools.reporting.data.run import Latency, Run

_COMMANDS = ("pipeline", "search", "train")
_TARGETS = ("macs", "params", "bytes")


def read(path: files.Path) -> Run:
    """Reads everything a report needs from the work dir `path`.

    The run may still be in progress: its files are replaced atomically, so none is incomplete.

    Raises:
        ValueError: `path` is not a work dir, or a file in it is damaged; the message names the
            file.
    """
    folder = pathlib.Path(path)
    config = _config(folder)
    stages = _commands(folder / "stages.json")
    space = _network(folder / "space.json", spaces.load_space)
    child = _network(folder / "child.json", spaces.load_child)
    made_by = _provenances(folder)
    found = _found(folder)
    settings = _search_settings(config, found)
    rows = records.read_metrics(folder / "search/metrics.jsonl")
    latency = _latency(folder, config, space)
    if space is not None and child is not None and settings:
        space.choices(child)  # Refuses a child of another space.
    summary = _summary(folder, child)
    finalists = finalist_record.read(folder / "search")
    parities = _parities(folder, config)
    return Run(
        path=str(path),
        config=config,
        stage_seconds=_stage_seconds(stages),
        settings=settings,
        dataset=_dataset(config),
        space=space if settings or child is None else None,
        child=child,
        found=found,
        alphas=_alphas(folder / "search/alphas.npz", space),
        search_rows=rows,
        train_rows=records.read_metrics(folder / "train/metrics.jsonl"),
        train_epochs=_train_epochs(config),
        judged=records.read_judged(folder / "search/networks.json"),
        finalists=finalists.finalists if finalists else (),
        latency=latency,
        target=_target(config, settings, latency),
        quantity=_quantity(config, rows),
        parities=parities,
        measured_ms=_measured(folder, parities, summary, latency),
        summary=summary,
        provenances=made_by,
    )


def _config(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Reads the flags by command.

    Raises:
        ValueError: `folder` is not a work dir.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a work dir, found no such folder")
    config = _commands(folder / "config.json")
    if not any(name in config for name in _COMMANDS):
        known = ("space.json", "child.json", "child.keras", "summary.json")
        if not any((folder / name).exists() for name in known):
            made = f" (it belongs to tools.{next(iter(config))})" if config else ""
            raise ValueError(
                f"{folder}: expected a work dir of tools.pipeline, tools.search or tools.train, "
                f"found none of their files{made}; give the folder that was their --workdir"
            )
    return config


def _commands(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    content = records.read(dict[str, Any], path) or {}
    notes = ("schema_version", "provenance")
    commands = {name: value for name, value in content.items() if name not in notes}
    return records.parse(dict[str, dict[str, Any]], commands, str(path))


def _network(path: pathlib.Path, load: Any) -> Any:
    return load(str(path)) if path.exists() else None


def _search_settings(
    config: Mapping[str, Mapping[str, Any]], found: records.Found | None
) -> dict[str, Any]:
    if found is not None and found.search is not None:
        return found.search
    pipeline = config.get("pipeline")
    if pipeline:
        return {**pipeline.get("preset", {}).get("search", {}), "seed": pipeline.get("seed", 0)}
    return dict(config.get("search", {}))


def _dataset(config: Mapping[str, Mapping[str, Any]]) -> str | None:
    of_pipeline = config.get("pipeline", {}).get("preset", {})
    for flags in (of_pipeline, config.get("search", {}), config.get("train", {})):
        if flags.get("dataset"):
            return str(flags["dataset"])
    return None


def _train_epochs(config: Mapping[str, Mapping[str, Any]]) -> int | None:
    of_pipeline = config.get("pipeline", {}).get("preset", {}).get("train", {})
    return (of_pipeline or config.get("train", {})).get("epochs")


def _stage_seconds(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    finished = {}
    for command in stages.values():
        for name, record in command.items():
            if record.get("finished"):
                finished[name] = float(record.get("seconds", 0.0))
    return finished


def _found(folder: pathlib.Path) -> records.Found | None:
    path = folder / "child.json"
    content = records.read(dict[str, Any], path) or {}
    if "provenance" not in content:
        return None
    return records.parse(records.Found, content["provenance"], f"{path}: provenance")


def _provenances(folder: pathlib.Path) -> dict[str, records.Provenance]:
    """Provenance of each file, in the order in which the stages write them."""
    made_by = {}
    rows = folder / "measurements.jsonl"
    if rows.exists():
        of_blocks = [row for row in measurements.read(rows) if row.space and row.provenance]
        if of_blocks:
            made_by[rows.name] = records.parse(
                records.Provenance, of_blocks[0].provenance, str(rows)
            )
    parities = sorted(path.name for path in folder.glob("parity_*.json"))
    for name in ("latency_model.json", "child.json", "config.json", *parities, "summary.json"):
        content = records.read(dict[str, Any], folder / name) or {}
        if "provenance" in content:
            made_by[name] = records.parse(
                records.Provenance, content["provenance"], f"{folder / name}: provenance"
            )
    return made_by


def _alphas(path: pathlib.Path, space: SearchSpace | None) -> np.ndarray:
    if not path.exists() or space is None:
        return np.zeros([0, 0, 0])
    try:
        with np.load(path) as stored:
            alphas = np.asarray(stored["alphas"], float)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: expected an array `alphas`, received something else ({error}); run the "
            "search again"
        ) from None
    counts = space.option_counts
    if alphas.ndim != 3 or alphas.shape[1:] != (len(counts), max(counts)):
        raise ValueError(
            f"{path}: expected alphas [epochs, {len(counts)}, {max(counts)}], the decisions and "
            f"options of space.json, received {list(alphas.shape)}; run the search again"
        )
    return alphas


def _latency(
    folder: pathlib.Path, config: Mapping[str, Mapping[str, Any]], space: SearchSpace | None
) -> Latency | None:
    """Reads the work dir's own latency model, or the one given to its search."""
    source = str(folder / "latency_model.json")
    if not pathlib.Path(source).exists():
        source = str(config.get("search", {}).get("latency_model") or "")
        if not source or (source.endswith(".json") and not pathlib.Path(source).exists()):
            return None
    model = latency_models.load(source)
    evaluation = records.parse(
        dict[str, records.Scores], model.evaluation_, f"{source}: evaluation"
    )
    costs, note = None, ""
    if space is not None:
        try:
            costs = model.costs(space)
        except ValueError as error:
            note = str(error)
    return Latency(
        kind=model.kind,
        recipe=model.recipe_,
        environment=model.environment_,
        reference_ms=model.reference_ms_,
        evaluation=evaluation,
        costs=costs,
        note=note,
    )


def _target(
    config: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any], latency: Latency | None
) -> float:
    if settings.get("target"):
        return float(settings["target"])
    pipeline = config.get("pipeline")
    if not pipeline:
        return 0.0
    if pipeline.get("target_latency_ms") is not None:
        return float(pipeline["target_latency_ms"])
    fraction = pipeline.get("preset", {}).get("target_latency")
    if fraction is None or latency is None or latency.costs is None:
        return 0.0
    return latency.costs.at(fraction)


def _quantity(
    config: Mapping[str, Mapping[str, Any]], rows: tuple[Mapping[str, float], ...]
) -> str:
    given = config.get("search", {})
    for name in _TARGETS:
        if given.get(f"target_{name}") or (rows and f"expected_{name}" in rows[0]):
            return name
    return "latency_ms"


def _summary(folder: pathlib.Path, child: Child | None) -> records.Summary | None:
    """Reads the summary; returns None also if its network has been replaced since."""
    summary = records.read(records.Summary, folder / "summary.json")
    if summary is None or child is None:
        return summary
    sizes = (counting.num_params(child), counting.num_macs(child))
    return summary if (summary.params, summary.macs) == sizes else None


def _parities(
    folder: pathlib.Path, config: Mapping[str, Mapping[str, Any]]
) -> dict[str, records.Parity]:
    """Reads the comparisons by recipe, first in the preset's order, then by name."""
    order = list(config.get("pipeline", {}).get("preset", {}).get("recipes", ()))
    found = [records.read(records.Parity, path) for path in sorted(folder.glob("parity_*.json"))]
    known = [parity for parity in found if parity is not None]
    known.sort(key=lambda p: order.index(p.recipe) if p.recipe in order else len(order))
    return {parity.recipe: parity for parity in known}


def _measured(
    folder: pathlib.Path,
    parities: Mapping[str, records.Parity],
    summary: records.Summary | None,
    latency: Latency | None,
) -> dict[str, float]:
    """Latencies in the summary, or in rows that tools.benchmark added for the exported files."""
    if summary is not None:
        return dict(summary.latency_ms_by_recipe)
    path = folder / "measurements.jsonl"
    rows = {row.key: row for row in measurements.read(path)}
    measured = {}
    for recipe in parities:
        file = folder / f"child_{recipe}.tflite"
        row = rows.get(measurements.file_key(file)) if file.exists() else None
        if row is None or (latency is not None and row.environment != latency.environment):
            continue
        reference_ms = latency.reference_ms if latency else None
        measured[recipe] = row.normalized_ms(reference_ms) if reference_ms else row.latency_ms
    return measured
