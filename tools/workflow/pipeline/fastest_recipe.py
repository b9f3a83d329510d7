"""Which recipe is the fastest on a device: a few networks are timed in every recipe first.

The rank of recipes depends on the device. On a processor without instructions for int8, for
example, float32 may be faster. The decision is kept in a file, so that a resumed run keeps it.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import pydantic

from export import recipes
from latency_models import Device
from latency_models.measuring import block_benchmarks, network_selection, parts, unmeasured
from latency_models.measuring.measurements import Measurement
from nas import files, reading, schemas
from nas.architecture import spaces
from nas.architecture.specs import Child, SearchSpace
from nas.data.splits.dataset import Dataset
from nas.file_kinds import FASTEST_RECIPE
from nas.schemas import Positive, PositiveCount
from tools.terminal import console, faster_recipe
from tools.workflow import stages
from tools.workflow.pipeline.settings import FASTEST, Settings

FILE = "fastest_recipe.json"
_NETWORKS = 3
_SCHEMA_VERSION = 1


def _known(name: str) -> str:
    recipes.recipe(name)
    return name


_Name = Annotated[str, pydantic.AfterValidator(_known)]


@pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="ignore"))
class Decision:
    """What was found.

    Attributes:
        recipe: the recipe to aim at.
        latency_ms_by_recipe: mean latency of the networks that were timed.
        networks: how many they were.
    """

    recipe: _Name
    latency_ms_by_recipe: dict[_Name, Positive]
    networks: PositiveCount

    @property
    def text(self) -> str:
        """What was found, in one line."""
        return faster_recipe.decision(self.recipe, self.latency_ms_by_recipe, self.networks)


def networks(settings: Settings, dataset: Dataset) -> tuple[SearchSpace | Child, list[Child]]:
    """The space or the given network of a pipeline, and the networks to time."""
    preset = settings.preset
    if preset.child is not None:
        child = stages.for_dataset(spaces.load_child(preset.child), dataset)
        return child, [child]
    space = stages.for_dataset(spaces.load_space(preset.space), dataset)
    count = min(_NETWORKS, space.cardinality)
    return space, network_selection.sample_networks(space, count, settings.seed)


def choose(settings: Settings, dataset: Dataset, device: Device, workdir: pathlib.Path) -> None:
    """Times the networks in every recipe that is exported, and writes the decision.

    Rows of `measurements.jsonl` are not measured again, and serve for the latency model too.

    Raises:
        ValueError: the device can run them in no recipe.
    """
    space, children = networks(settings, dataset)
    wanted = [parts.network_part(child) for child in children]
    rows: dict[str, list[Measurement]] = {}
    for recipe in settings.preset.recipes:
        try:
            found = block_benchmarks.benchmark_parts(
                wanted,
                space,
                recipe,
                device,
                workdir / "measurements.jsonl",
                seed=settings.seed,
                progress=stages.track,
                marks_failures=True,
            )
        except unmeasured.NothingRuns as error:
            console.say(f"  {recipe}: {error}")
            continue
        if len(found) == len(wanted):
            rows[recipe] = found
        else:
            console.say(f"  {recipe}: {device.name} cannot run every network as {recipe}")
    if not rows:
        raise ValueError(
            f"recipe: expected one of {', '.join(settings.preset.recipes)} that {device.name} can "
            "run, found none; use another --delegate, or other --recipes"
        )
    decision = decide(rows)
    content = {**dataclasses.asdict(decision), "provenance": files.provenance(seed=settings.seed)}
    files.write_json(workdir / FILE, {"schema_version": _SCHEMA_VERSION, **content})
    console.say(f"  {decision.text}")


def decide(rows: Mapping[str, Sequence[Measurement]]) -> Decision:
    """The first recipe that is as fast as the fastest, as far as measurements tell.

    Args:
        rows: rows of the same networks, by recipe.
    """
    reference_ms = float(np.median([row.reference_ms for own in rows.values() for row in own]))
    means = {
        name: float(np.mean([row.normalized_ms(reference_ms) for row in own]))
        for name, own in rows.items()
    }
    limit = min(means.values()) * (1.0 + faster_recipe.NOISE)
    recipe = next(name for name, ms in means.items() if ms <= limit)
    return Decision(recipe, means, len(next(iter(rows.values()))))


def read(workdir: pathlib.Path) -> Decision | None:
    """Reads the decision of a work dir; returns None if there is none.

    Raises:
        ValueError: its file is damaged.
    """
    if not reading.exists(workdir / FILE):
        return None
    return schemas.read(Decision, workdir / FILE, FASTEST_RECIPE, _SCHEMA_VERSION)


def decided(settings: Settings, workdir: pathlib.Path) -> Settings:
    """The settings with the recipe that was chosen; as they are if none was asked for or chosen.

    Raises:
        ValueError: the file of the decision is damaged.
    """
    found = read(workdir) if settings.preset.recipe == FASTEST else None
    if found is None:
        return settings
    if found.recipe not in settings.preset.recipes:
        # Other --recipes in a finished work dir only export and measure.
        exported = (found.recipe, *settings.preset.recipes)
    else:
        exported = settings.preset.recipes
    preset = dataclasses.replace(settings.preset, recipe=found.recipe, recipes=exported)
    return dataclasses.replace(settings, preset=preset)
