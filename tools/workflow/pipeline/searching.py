"""The search of a pipeline: what it says before and after, and its settings."""

import dataclasses
import pathlib

from latency_models.models.fitted import LatencyModel
from nas.architecture import spaces
from nas.architecture.specs import SearchSpace
from nas.choices.chain_costs import ChainCosts
from nas.data.splits.dataset import Dataset
from nas.distribution.hosts import Distribution
from tools.terminal import console
from tools.workflow import stages, target_range
from tools.workflow.pipeline.settings import Settings


def check_target(latencies: ChainCosts, target_ms: float, workdir: pathlib.Path) -> None:
    """Refuses a target that no network of the space can meet.

    Args:
        latencies: the latencies of the networks of the space.
        target_ms: the target in milliseconds; 0 for none.
        workdir: the work dir.

    Raises:
        ValueError: the target is out of range; the message says how to keep what was measured.
    """
    if not target_ms:
        return
    try:
        latencies.check_target(target_ms)
    except ValueError as error:
        raise ValueError(
            f"{error}; give another target and another --workdir (copy "
            f"{workdir / 'measurements.jsonl'} into it to measure nothing again)"
        ) from error


def run(
    settings: Settings,
    space: SearchSpace,
    dataset: Dataset,
    model: LatencyModel,
    latencies: ChainCosts,
    target_ms: float,
    workdir: pathlib.Path,
    tensorboard: bool,
    replicas: Distribution | None = None,
) -> None:
    """Searches, and writes what `stages.run_search` writes.

    Args:
        settings: the settings of the pipeline.
        space: the space, for the data set.
        dataset: the data set.
        model: the latency model.
        latencies: its latencies of the networks of `space`.
        target_ms: the target in milliseconds; 0 for none.
        workdir: the work dir.
        tensorboard: whether to write curves.
        replicas: the devices to search on; default one.
    """
    where = target_range.range_text(latencies, target_ms)
    console.say(f"  {space.cardinality:,} networks; {where}")
    for name, text in target_range.notes(space, latencies, target_ms).items():
        console.say(f"  {name}: {text}")
    config = dataclasses.replace(
        settings.preset.search,
        target=target_ms,
        is_limit=settings.is_limit,
        seed=settings.seed,
    )
    stages.run_search(space, dataset, latencies, config, workdir, replicas, tensorboard)
    child = spaces.load_child(str(workdir / "child.json"))
    console.say(f"  found: {stages.describe(child, space)}")
    console.say(f"  predicted {model.predict(child):.3g} ms")
