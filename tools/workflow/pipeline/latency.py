"""The latency model of a pipeline: what is timed, and how well the model fits."""

import pathlib

import latency_models
from latency_models import Device
from latency_models.judging import doubt
from latency_models.measuring import measurements, network_selection, part_selection
from nas import reading
from nas.architecture.specs import SearchSpace
from tools.terminal import console
from tools.workflow import space_benchmark, stages
from tools.workflow.pipeline import record
from tools.workflow.pipeline.settings import Settings

_ROWS = "measurements.jsonl"


def benchmark(
    settings: Settings, space: SearchSpace, device: Device, workdir: pathlib.Path
) -> None:
    """Times parts and networks of a space; writes `measurements.jsonl`."""
    given, default = settings.preset.networks, network_selection.default_count(space)
    # A preset has the networks of its own space; one with more decisions needs more.
    networks = max(given, default) if part_selection.is_designed(space) else given
    space_benchmark.run(
        space,
        settings.preset.recipe,
        device,
        workdir / _ROWS,
        networks=min(networks, space.cardinality),
        seed=settings.seed,
        progress=stages.track,
        indent="  ",
    )


def fit(settings: Settings, space: SearchSpace, device: Device, workdir: pathlib.Path) -> None:
    """Fits a latency model to the rows of this device; writes `latency_model.json`."""
    path = workdir / _ROWS
    environment = device.environment()
    rows = [r for r in measurements.read(path) if r.is_for(settings.preset.recipe, environment)]
    kind = latency_models.suitable_kind(space)
    with reading.named(path):
        model = latency_models.latency_model(kind).fit(rows, space)
    model.save(workdir / "latency_model.json")
    console.say(f"  {record.fit_text(model)}")
    doubted = doubt.caution(model, rows, path)
    if doubted:
        console.say(f"  caution: {doubted}")
