"""Peak memory of a training step, each measured in a process of its own (Linux)."""

import concurrent.futures
import multiprocessing
import pathlib
import statistics
from collections.abc import Sequence

from nas import specs

_MEBI = 2**20
_KIBI = 2**10


def available() -> bool:
    """Whether this system lets a process reset and read its own peak."""
    return pathlib.Path("/proc/self/clear_refs").exists()


def of_step(
    kind: str, space: specs.SearchSpace, choices: Sequence[int], batch_size: int, repeats: int
) -> float:
    """Peak memory in MiB above the level after building, the median over `repeats` processes.

    Building ends with a step on a single image: by then the graph has been traced, optimized and
    made ready to run, which takes memory that grows with the program and not with the batch.

    Args:
        kind: key of `supernet_steps.STEPS`.
        space: the search space.
        choices: the path, `[slots]`.
        batch_size: images a step.
        repeats: number of processes, one after the other.
    """
    found = []
    context = multiprocessing.get_context("spawn")
    arguments = (kind, specs.to_dict(space), list(choices), batch_size)
    for _ in range(repeats):
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            found.append(pool.submit(_measure, *arguments).result())
    return statistics.median(found)


def _measure(kind: str, space_as_dict: dict, choices: Sequence[int], batch_size: int) -> float:
    import tensorflow as tf

    from tools import supernet_steps

    space = specs.from_dict(specs.SearchSpace, space_as_dict)
    batch = supernet_steps.noise(space, batch_size)
    signature = [tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in batch]
    compiled = supernet_steps.compiled(supernet_steps.STEPS[kind](space, choices))
    step = compiled.get_concrete_function(*signature)
    # Building is what does not depend on the batch: tracing, and the first run's optimized graph.
    step(*(part[:1] for part in batch))
    built = _status("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    for _ in range(4):
        step(*batch)
    return (_status("VmHWM") - built) / _MEBI


def _status(field: str) -> int:
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * _KIBI
    raise RuntimeError(f"/proc/self/status: expected a line {field}, received none")
