"""Times the parts of a search space and some of its whole networks on a device."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from export import recipes, support
from latency_models import devices
from latency_models.measuring import (
    measurements,
    network_selection,
    part_selection,
    parts,
    timing,
    unmeasured,
)
from latency_models.measuring.measurements import Measurement
from latency_models.measuring.parts import Part
from nas import files
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import MBConv
from nas.architecture.specs import Child, SearchSpace
from nas.progress import Track, untracked

# Every round of every run times this network. Changing it makes older measurements incomparable.
REFERENCE = Child(
    name="reference",
    resolution=32,
    num_classes=10,
    stem=Stem(16),
    layers=(
        Block(MBConv(3, 3), 16, 16),
        Block(MBConv(5, 6), 16, 16),
        Block(MBConv(3, 6), 16, 32, 2),
        Block(MBConv(5, 6), 32, 64, 2),
    ),
    head=Head(128),
)
_REFERENCE_RECIPE = "float32"


def reference_key() -> str:
    """Fingerprint of the reference model."""
    return parts.network_part(REFERENCE).key


def reference_model() -> bytes:
    """The reference model as a `.tflite` file; float32, whatever recipe the timed models have.

    It is the same bytes every time.
    """
    return parts.network_part(REFERENCE).write(recipes.recipe(_REFERENCE_RECIPE))


def write(part: Part, recipe: str) -> bytes:
    """Writes `part` as a `.tflite` file with random weights.

    Latency does not depend on the values of weights, nor on how a recipe trains them.
    """
    return part.write(recipes.recipe(recipe).without_fine_tuning)


def benchmark_space(
    space: SearchSpace,
    recipe: str,
    device: devices.Device,
    output_path: files.Path,
    *,
    networks: int | None = None,
    num_parts: int | None = None,
    seed: int = 0,
    plan: timing.Plan | None = None,
    progress: Track = untracked,
) -> list[Measurement]:
    """Times the parts of `space` and some of its whole networks.

    A space that decides only about operations has all its distinct parts timed. One with width
    decisions or several resolutions has so many that a subset is chosen
    (`latency_models.measuring.part_selection`), which suffices for a regression.

    Rows that `output_path` already has for this recipe and environment are not timed again. A
    killed run can therefore be resumed; it repeats at most `plan.models_at_once` models.

    Args:
        space: the search space.
        recipe: name of the export recipe that the models are written by.
        device: the device to time on.
        output_path: JSONL file to append the rows to.
        networks: number of whole networks; by default 48, or 64 for a space with such decisions,
            or all of a small space.
        num_parts: number of parts, 0 for all; by default all, or about 120 for such a space.
        seed: seed for the choice of parts and networks, and for the order of timing.
        plan: how long to time; by default the device's plan, with `seed`.
        progress: called like tqdm with an iterable, its length and a description.

    Returns:
        One row for each part and each network that the device can run. The others are marked in a
        file beside the rows.

    Raises:
        ValueError: the recipe is unknown or cannot write an operation of the space, the space has
            fewer networks, `num_parts` do not cover its decisions, or `output_path` is damaged.

    Example:
        >>> import dataclasses, latency_models, nas, tempfile
        >>> slot = nas.Slot(8, 8, (nas.MBConv(3, 1), nas.MBConv(5, 1)))
        >>> space = nas.SearchSpace("one", 16, 2, nas.Stem(8), (slot,), nas.Head(16))
        >>> device = latency_models.device("local")
        >>> short = dataclasses.replace(device.plan, rounds=2, min_rounds=2)  # For the example.
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = latency_models.benchmark_space(
        ...         space, "float32", device, f"{folder}/rows.jsonl", networks=2, plan=short
        ...     )
        >>> [row.kind for row in rows]
        ['stem', 'head', 'block', 'block', 'network', 'network']
    """
    wanted = part_selection.chosen(space, num_parts, seed)
    children = network_selection.sample_networks(space, networks, seed)
    wanted += [parts.network_part(child) for child in children]
    return benchmark_parts(
        wanted,
        space,
        recipe,
        device,
        output_path,
        seed=seed,
        plan=plan,
        progress=progress,
        marks_failures=True,
    )


def benchmark_parts(
    wanted: Sequence[Part],
    space: SearchSpace | Child,
    recipe: str,
    device: devices.Device,
    output_path: files.Path,
    *,
    seed: int = 0,
    plan: timing.Plan | None = None,
    progress: Track = untracked,
    written: dict[str, bytes] | None = None,
    marks_failures: bool = False,
) -> list[Measurement]:
    """Times the parts or whole networks `wanted` of `space`; otherwise as `benchmark_space`.

    `space` may also be a network, timed as a whole.

    `written` maps the key of a part to its `.tflite` file. Missing files are written and added to
    it, so that a second measurement of the same parts need not write them again.

    If `marks_failures` is set, models that the device cannot run are marked in a file beside the
    rows (`latency_models.measuring.unmeasured`), and the result lacks them. Otherwise the first is
    an error.

    Raises:
        DeviceError: the device was lost, or cannot run one of the models or none of them.
    """
    support.check(space, recipe)
    plan = plan or dataclasses.replace(device.plan, seed=seed)
    environment = device.environment()
    rows = known(output_path, recipe, environment)
    tried = unmeasured.keys(output_path, recipe, environment) if marks_failures else set()
    missing = [part for part in wanted if part.key not in tried | set(rows)]
    if missing:
        reference = reference_model()
        np.random.default_rng(seed).shuffle(missing)
    for begin in range(0, len(missing), plan.models_at_once):
        chunk = missing[begin : begin + plan.models_at_once]
        models = _models(chunk, recipe, {} if written is None else written, progress)
        failed: dict[str, str] | None = {} if marks_failures else None
        with unmeasured.labels({part.key: part.label for part in chunk}):
            timings = timing.measure(device, models, reference, plan, progress, failed)
        common = {
            "recipe": recipe,
            "reference": reference_key(),
            "environment": environment,
            "space": space.name,
            "provenance": files.provenance(seed=seed),
        }
        fresh = [
            _part_row(part, timings[part.key], common) for part in chunk if part.key in timings
        ]
        measurements.append(output_path, fresh)
        rows.update((row.key, row) for row in fresh)
        if failed:
            unmeasured.mark(output_path, device.name, chunk, failed, common, bool(rows))
    return [rows[part.key] for part in wanted if part.key in rows]


def known(path: files.Path, recipe: str, environment: dict[str, Any]) -> dict[str, Measurement]:
    """The rows at `path` that a benchmark need not measure again, by key."""
    return {
        row.key: row
        for row in measurements.read(path)
        if row.is_for(recipe, environment) and row.reference == reference_key()
    }


def _part_row(part: Part, times: timing.Timing, common: dict[str, Any]) -> Measurement:
    return Measurement(
        key=part.key,
        kind=part.kind,
        label=part.label,
        spec=part.spec,
        resolution=part.resolution,
        **common,
        **dataclasses.asdict(times),
    )


def _models(
    wanted: Sequence[Part], recipe: str, written: dict[str, bytes], progress: Track
) -> dict[str, bytes]:
    missing = [part for part in wanted if part.key not in written]
    if missing:
        for part in progress(missing, len(missing), "writing"):
            written[part.key] = write(part, recipe)
    return {part.key: written[part.key] for part in wanted}


def benchmark_models(
    models: Mapping[str, files.Path],
    device: devices.Device,
    *,
    recipe_by_name: Mapping[str, str] | None = None,
    plan: timing.Plan | None = None,
    progress: Track = untracked,
    failed: dict[str, str] | None = None,
) -> list[Measurement]:
    """Times `.tflite` files, interleaved with the reference model.

    `latency_ms` of a row is raw. To compare it with a prediction, use
    `row.normalized_ms(latency_model.reference_ms_)`, which corrects it to the machine's speed at
    the time of the latency model's own measurements.

    Args:
        models: paths by name; the name becomes the `label` of the row.
        device: the device to time on.
        recipe_by_name: the export recipe of each file, if known.
        plan: how long to time; by default the device's plan.
        progress: called like tqdm with an iterable, its length and a description.
        failed: takes the names of the files that the device cannot run, with the reasons. If not
            given, the first of them is an error.

    Returns:
        One row per model that could run, in order.

    Raises:
        ValueError: a file is missing or is not a `.tflite` model, or `models` is empty.
        DeviceError: the device was lost, or cannot run a file and `failed` is not given.
    """
    contents = {name: devices.read_model(path) for name, path in models.items()}
    if not contents:
        raise ValueError("models: expected at least one .tflite file, received none")
    # The prefix keeps the user's names apart from the reference's own key.
    keys = {f"model {name}": name for name in contents}
    reasons: dict[str, str] | None = None if failed is None else {}
    with unmeasured.labels(keys):
        timings = timing.measure(
            device,
            {key: contents[name] for key, name in keys.items()},
            reference_model(),
            plan,
            progress,
            reasons,
        )
    if failed is not None:
        failed.update({keys[key]: reason for key, reason in (reasons or {}).items()})
    common: dict[str, Any] = {
        "reference": reference_key(),
        "environment": device.environment(),
        "provenance": files.provenance(),
    }
    return [
        Measurement(
            key=measurements.content_key(content),
            kind="network",
            label=name,
            recipe=(recipe_by_name or {}).get(name),
            **common,
            **dataclasses.asdict(timings[f"model {name}"]),
        )
        for name, content in contents.items()
        if f"model {name}" in timings
    ]
