"""Benchmarks a space, after saying how much there is to measure."""

from typing import Any

from export import support
from latency_models import Device
from latency_models.devices.plan import Plan
from latency_models.measuring import (
    block_benchmarks,
    network_selection,
    part_selection,
    parts,
    unmeasured,
)
from latency_models.measuring.measurements import Measurement
from nas import files
from nas.architecture.specs import SearchSpace
from tools.terminal import console

# To write and load a block or a network, on a core of a server.
_SECONDS_TO_PREPARE = 0.05


def run(
    space: SearchSpace,
    recipe: str,
    device: Device,
    output: files.Path,
    *,
    networks: int | None = None,
    num_parts: int | None = None,
    seed: int = 0,
    plan: Plan | None = None,
    progress: Any,
    indent: str = "",
) -> list[Measurement]:
    """Measures as `latency_models.benchmark_space` does, and returns its rows.

    It first prints how many parts it measures of how many, and about how long that takes; at the
    end, how many models the device could not run.

    Args:
        space: the search space.
        recipe: name of the export recipe.
        device: the device to time on.
        output: JSONL file to append the rows to.
        networks: as in `benchmark_space`.
        num_parts: as in `benchmark_space`.
        seed: as in `benchmark_space`.
        plan: as in `benchmark_space`.
        progress: as in `benchmark_space`.
        indent: what the printed line begins with.

    Raises:
        ValueError: as in `benchmark_space`.
    """
    support.check(space, recipe)
    chosen = part_selection.chosen(space, num_parts, seed)
    children = network_selection.sample_networks(space, networks, seed)
    wanted = [*chosen, *map(parts.network_part, children)]
    environment = device.environment()
    tried = unmeasured.keys(output, recipe, environment) | set(
        block_benchmarks.known(output, recipe, environment)
    )
    missing = sum(part.key not in tried for part in wanted)
    counts = f"{_share(len(chosen), len(parts.space_parts(space)))} and {len(children)} networks"
    console.say(f"{indent}{space.name}: {counts} to time{_duration(missing, wanted, plan, device)}")
    rows = block_benchmarks.benchmark_parts(
        wanted,
        space,
        recipe,
        device,
        output,
        seed=seed,
        plan=plan,
        progress=progress,
        marks_failures=True,
    )
    marked = unmeasured.keys(output, recipe, environment)
    failed = sum(part.key in marked for part in wanted)
    if failed:
        console.say(
            f"{indent}{failed} of {len(wanted)} could not run on {device.name}; they are marked in "
            f"{unmeasured.path_beside(output)}"
        )
    return rows


def _share(chosen: int, existing: int) -> str:
    return f"all {existing} parts" if chosen == existing else f"{chosen} of {existing} parts"


def _duration(missing: int, wanted: list[parts.Part], plan: Plan | None, device: Device) -> str:
    if not missing:
        return ", all measured before"
    least, most = (plan or device.plan).seconds(missing)
    preparing = _SECONDS_TO_PREPARE * missing
    done = len(wanted) - missing
    before = f", {done} measured before" if done else ""
    least, most = least + preparing, most + preparing
    return f"{before}; takes about {console.duration(least)} to {console.duration(most)}"
