"""Times the parts of a search space and some of its whole networks on a device."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from export import recipes, support
from export.conversion import tflite
from latency_models import devices
from latency_models.devices.plan import DEFAULT_NETWORKS
from latency_models.measuring import measurements, parts, timing
from latency_models.measuring.measurements import Measurement
from latency_models.measuring.parts import Part
from nas import files
from nas.architecture import counting
from nas.architecture.blocks import Block, Head, Slot, Stem
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
_CALIBRATION_IMAGES = 4


def reference_key() -> str:
    """Fingerprint of the reference model."""
    return parts.network_part(REFERENCE).key


def reference_model() -> bytes:
    """The reference model as a `.tflite` file; float32, whatever recipe the timed models have.

    The same version of the converter gives the same bytes.
    """
    model = parts.network_part(REFERENCE).build()
    generator = np.random.default_rng(0)
    model.set_weights(
        [
            generator.normal(scale=0.1, size=weight.shape) if weight.ndim > 1 else weight
            for weight in model.get_weights()
        ]
    )
    return tflite.convert(model, recipes.recipe(_REFERENCE_RECIPE))


def convert(part: Part, recipe: str) -> bytes:
    """Converts `part` to a `.tflite` file with fresh weights; calibrates on noise if needed.

    Latency does not depend on the values of weights.
    """
    model = part.build()
    chosen = recipes.recipe(recipe).without_fine_tuning
    images = None
    if chosen.needs_calibration:
        shape = (_CALIBRATION_IMAGES, *model.input_shape[1:])
        images = np.random.default_rng(0).uniform(-1.0, 1.0, shape).astype(np.float32)
    return tflite.convert(model, chosen, images)


def sample_networks(space: SearchSpace, count: int, seed: int = 0) -> list[Child]:
    """Draws different children of `space`, spread from the fewest multiply-accumulates to the most.

    The first two are the extremes. For the others, every decision is drawn at random. The
    distribution changes from network to network: the first ones favour cheap options, the last ones
    expensive options. Over all networks the draws of each decision are spread evenly (a Latin
    hypercube: McKay, Beckman and Conover 1979), so every option occurs about equally often.

    Raises:
        ValueError: `count` is less than two or larger than the space.
    """
    if not 2 <= count <= space.cardinality:
        raise ValueError(
            f"networks: expected 2 to {space.cardinality}, the networks in {space.name}; "
            f"received {count}"
        )
    ranked = _options_by_cost(space)
    generator = np.random.default_rng(seed)
    chosen = [tuple(r[0] for r in ranked), tuple(r[-1] for r in ranked)]
    leanings = iter((2.0 ** np.linspace(1.5, -1.5, count - 2)).tolist())
    leaning = next(leanings, 1.0)
    even = iter(qmc.LatinHypercube(len(ranked), rng=generator).random(count))
    while len(chosen) < count:
        draws = next(even, None)
        draws = generator.uniform(size=len(ranked)) if draws is None else draws
        places = draws**leaning
        choice = tuple(r[int(x * len(r))] for r, x in zip(ranked, places, strict=True))
        if choice in chosen:
            leaning = 1.0  # A small space first runs out of very cheap and very expensive networks.
            continue
        chosen.append(choice)
        leaning = next(leanings, 1.0)
    return [space.child(choice, f"{space.name}_{i}") for i, choice in enumerate(chosen)]


def _options_by_cost(space: SearchSpace) -> list[list[int]]:
    """For every decision, its options in ascending order of multiply-accumulates."""
    costs: list[Sequence[int]] = []
    for layer, resolution in space.largest.places:
        if isinstance(layer, Slot):
            costs.append([counting.block_macs(block, resolution) for block in layer.blocks])
    costs += space.widths.values()
    costs += [space.resolutions] if space.resolution_row is not None else []
    return [sorted(range(len(own)), key=own.__getitem__) for own in costs]


def benchmark_space(
    space: SearchSpace,
    recipe: str,
    device: devices.Device,
    output_path: files.Path,
    *,
    networks: int = DEFAULT_NETWORKS,
    seed: int = 0,
    plan: timing.Plan | None = None,
    progress: Track = untracked,
) -> list[Measurement]:
    """Times every distinct part of `space` and some of its whole networks.

    Rows that `output_path` already has for this recipe and environment are not timed again. A
    killed run can therefore be resumed; it repeats at most `plan.models_at_once` models.

    Args:
        space: the search space.
        recipe: name of the export recipe that converts the models.
        device: the device to time on.
        output_path: JSONL file to append the rows to.
        networks: number of whole networks.
        seed: seed for the choice of networks and for the order of timing.
        plan: how long to time; by default the device's plan, with `seed`.
        progress: called like tqdm with an iterable, its length and a description.

    Returns:
        One row for each part and each network.

    Raises:
        ValueError: the recipe is unknown or cannot write an operation of the space, the space has
            fewer networks, or `output_path` is damaged.

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
    wanted = parts.space_parts(space)
    wanted += [parts.network_part(child) for child in sample_networks(space, networks, seed)]
    return benchmark_parts(
        wanted, space, recipe, device, output_path, seed=seed, plan=plan, progress=progress
    )


def benchmark_parts(
    wanted: Sequence[Part],
    space: SearchSpace,
    recipe: str,
    device: devices.Device,
    output_path: files.Path,
    *,
    seed: int = 0,
    plan: timing.Plan | None = None,
    progress: Track = untracked,
    converted: dict[str, bytes] | None = None,
) -> list[Measurement]:
    """Times the parts or whole networks `wanted` of `space`; otherwise as `benchmark_space`.

    `converted` maps the key of a part to its `.tflite` file. Missing files are converted and added
    to it, so that a second measurement of the same parts need not convert them again.
    """
    support.check(space, recipe)
    plan = plan or dataclasses.replace(device.plan, seed=seed)
    environment = device.environment()
    rows = _known(output_path, recipe, environment)
    missing = [part for part in wanted if part.key not in rows]
    if missing:
        reference = reference_model()
        np.random.default_rng(seed).shuffle(missing)
    for begin in range(0, len(missing), plan.models_at_once):
        chunk = missing[begin : begin + plan.models_at_once]
        models = _models(chunk, recipe, {} if converted is None else converted, progress)
        timings = timing.measure(device, models, reference, plan, progress)
        common = {
            "recipe": recipe,
            "reference": reference_key(),
            "environment": environment,
            "space": space.name,
            "provenance": files.provenance(seed=seed),
        }
        fresh = [_part_row(part, timings[part.key], common) for part in chunk]
        measurements.append(output_path, fresh)
        rows.update((row.key, row) for row in fresh)
    return [rows[part.key] for part in wanted]


def _known(path: files.Path, recipe: str, environment: dict[str, Any]) -> dict[str, Measurement]:
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
    wanted: Sequence[Part], recipe: str, converted: dict[str, bytes], progress: Track
) -> dict[str, bytes]:
    missing = [part for part in wanted if part.key not in converted]
    if missing:
        for part in progress(missing, len(missing), "converting"):
            converted[part.key] = convert(part, recipe)
    return {part.key: converted[part.key] for part in wanted}


def benchmark_models(
    models: Mapping[str, files.Path],
    device: devices.Device,
    *,
    recipe_by_name: Mapping[str, str] | None = None,
    plan: timing.Plan | None = None,
    progress: Track = untracked,
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

    Returns:
        One row per model, in order.

    Raises:
        ValueError: a file is missing or is not a `.tflite` model, or `models` is empty.
    """
    contents = {name: devices.read_model(path) for name, path in models.items()}
    if not contents:
        raise ValueError("models: expected at least one .tflite file, received none")
    # The prefix keeps the user's names apart from the reference's own key.
    timings = timing.measure(
        device,
        {f"model {name}": content for name, content in contents.items()},
        reference_model(),
        plan,
        progress,
    )
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
    ]
