"""A given network in place of a search; a target says at which resolution."""

import pathlib

from latency_models import Device
from latency_models.measuring import resolution_times
from nas import files
from nas.architecture import spaces, spec_json
from nas.architecture.specs import Child
from nas.data.splits.dataset import Dataset
from tools.terminal import console
from tools.workflow import stages
from tools.workflow.pipeline.settings import Settings


def time_resolutions(
    settings: Settings, dataset: Dataset, device: Device, workdir: pathlib.Path
) -> dict[int, float]:
    """Returns the latency of the preset's network at each resolution, in milliseconds.

    Rows of `measurements.jsonl` are not measured again.

    Args:
        settings: the settings of the pipeline, whose preset has a child.
        dataset: says how many classes and channels there are.
        device: the device to time on.
        workdir: the work dir.
    """
    child = spaces.load_child(str(settings.preset.child)).with_task(
        dataset.num_classes, input_channels=dataset.channels
    )
    return resolution_times.measure(
        child,
        settings.preset.recipe,
        device,
        workdir / "measurements.jsonl",
        seed=settings.seed,
        progress=stages.track,
    )


def show(times: dict[int, float]) -> None:
    """Prints the latency at each resolution."""
    console.say("  " + ", ".join(f"{size} px {ms:.3g} ms" for size, ms in times.items()))


def take(
    settings: Settings, dataset: Dataset, times: dict[int, float] | None, workdir: pathlib.Path
) -> None:
    """Writes `child.json` of the preset's network.

    Args:
        settings: the settings of the pipeline, whose preset has a child.
        dataset: the data set.
        times: latency by resolution, of which the target chooses; None to take that of the images.
        workdir: the work dir.

    Raises:
        ValueError: the target cannot be met at any resolution.
    """
    name = str(settings.preset.child)
    child: Child = spaces.load_child(name)
    if times is None:
        child = stages.for_dataset(child, dataset)
    else:
        size = resolution_times.largest_within(times, settings.target_latency_ms or 0.0, name)
        child = child.with_task(dataset.num_classes, size, dataset.channels)
    content = {**spec_json.to_dict(child), "provenance": files.provenance()}
    files.write_json(workdir / "child.json", content)
    size_text = f" at {child.resolution} pixels" if times is not None else ""
    console.say(f"  {name}{size_text}: {stages.describe(child)}")
