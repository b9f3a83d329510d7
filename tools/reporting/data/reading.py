"""Reads a work dir into a `Run`; checks the files that exist and skips those that do not."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

import latency_models
from export.checks import parity_record
from latency_models.measuring import measurements
from latency_models.models.scores import Scores
from nas import file_kinds, files, reading, schemas
from nas.architecture import counting, spaces
from nas.architecture.specs import Child, SearchSpace
from nas.file_kinds import Kind
from nas.searching import alpha_file, finalist_record, judged_networks
from nas.training import metrics_file
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
    stages = records.read_stages(folder / "stages.json")
    space = _network(folder / "space.json", spaces.load_space)
    child = _network(folder / "child.json", spaces.load_child)
    made_by = _provenances(folder)
    found = _found(folder)
    settings = _search_settings(config, found)
    rows = tuple(metrics_file.read(folder / "search/metrics.jsonl"))
    latency = _latency(folder, config, space)
    if space is not None and child is not None and settings:
        try:
            space.choices(child)
        except ValueError as error:
            what = f"{folder / 'child.json'}: expected a network of {folder / 'space.json'}"
            advice = "put back the one of the two that was replaced"
            raise reading.FileFault(f"{what}, received another ({error}); {advice}") from error
    summary = _summary(folder, child)
    finalists = finalist_record.read(folder / "search")
    judged = judged_networks.read(folder / "search/networks.json")
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
        train_rows=tuple(metrics_file.read(folder / "train/metrics.jsonl")),
        train_epochs=_train_epochs(config),
        judged=judged.networks if judged else (),
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
    config = records.read_config(folder / "config.json")
    if not any(name in config for name in _COMMANDS):
        known = ("space.json", "child.json", "child.keras", "summary.json")
        if not any((folder / name).exists() for name in known):
            made = f" (it belongs to tools.{next(iter(config))})" if config else ""
            raise ValueError(
                f"{folder}: expected a work dir of tools.pipeline, tools.search or tools.train, "
                f"found none of their files{made}; give the folder that was their --workdir"
            )
    return config


def _network(path: pathlib.Path, load: Any) -> Any:
    return load(str(path)) if reading.exists(path) else None


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
    notes = _notes(path, file_kinds.CHILD)
    if notes is None:
        return None
    found = schemas.parse(records.Found, notes, str(path), file_kinds.CHILD, "provenance")
    if found.search is not None:
        place = "provenance.search"
        schemas.parse(records.SearchSettings, found.search, str(path), file_kinds.CHILD, place)
    return found


def _notes(path: pathlib.Path, kind: Kind) -> Any:
    """The provenance in a file; None if there is none, or no file."""
    return (records.read(dict[str, Any], path, kind) or {}).get("provenance")


def _provenances(folder: pathlib.Path) -> dict[str, records.Provenance]:
    """Provenance of each file, in the order in which the stages write them."""
    made_by = {}
    rows = folder / "measurements.jsonl"
    of_blocks = [row for row in measurements.read(rows) if row.space and row.provenance]
    if of_blocks:
        made_by[rows.name] = schemas.parse(
            records.Provenance, of_blocks[0].provenance, str(rows), file_kinds.MEASUREMENTS
        )
    parities = sorted(path.name for path in folder.glob("parity_*.json"))
    kinds = {
        "latency_model.json": file_kinds.LATENCY_MODEL,
        "child.json": file_kinds.CHILD,
        "config.json": file_kinds.CONFIG,
        **dict.fromkeys(parities, file_kinds.PARITY),
        "summary.json": file_kinds.SUMMARY,
    }
    for name, kind in kinds.items():
        notes = _notes(folder / name, kind)
        if notes is not None:
            source = str(folder / name)
            made_by[name] = schemas.parse(records.Provenance, notes, source, kind, "provenance")
    return made_by


def _alphas(path: pathlib.Path, space: SearchSpace | None) -> np.ndarray:
    if space is None or not reading.exists(path):
        return np.zeros([0, 0, 0])
    return alpha_file.read(path, space.option_counts).astype(float)


def _latency(
    folder: pathlib.Path, config: Mapping[str, Mapping[str, Any]], space: SearchSpace | None
) -> Latency | None:
    """Reads the work dir's own latency model, or the one given to its search."""
    source = str(folder / "latency_model.json")
    if not reading.exists(source):
        source = str(config.get("search", {}).get("latency_model") or "")
        if not source or (source.endswith(".json") and not reading.exists(source)):
            return None
    model = latency_models.load(source)
    evaluation = schemas.parse(
        dict[str, Scores], model.evaluation_, source, file_kinds.LATENCY_MODEL, "evaluation"
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
    summary = records.read(records.Summary, folder / "summary.json", file_kinds.SUMMARY)
    if summary is None or child is None:
        return summary
    sizes = (counting.num_params(child), counting.num_macs(child))
    return summary if (summary.params, summary.macs) == sizes else None


def _parities(
    folder: pathlib.Path, config: Mapping[str, Mapping[str, Any]]
) -> dict[str, parity_record.Record]:
    """Reads the comparisons by recipe, first in the preset's order, then by name."""
    order = list(config.get("pipeline", {}).get("preset", {}).get("recipes", ()))
    known = [parity_record.read(path) for path in sorted(folder.glob("parity_*.json"))]
    known.sort(key=lambda p: order.index(p.recipe) if p.recipe in order else len(order))
    return {parity.recipe: parity for parity in known}


def _measured(
    folder: pathlib.Path,
    parities: Mapping[str, parity_record.Record],
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
        row = rows.get(measurements.file_key(file)) if reading.exists(file) else None
        if row is None or (latency is not None and row.environment != latency.environment):
            continue
        reference_ms = latency.reference_ms if latency else None
        measured[recipe] = row.normalized_ms(reference_ms) if reference_ms else row.latency_ms
    return measured
