"""Measures the peak memory of a training step in its own process (Linux only)."""

import concurrent.futures
import ctypes
import gc
import multiprocessing
import pathlib
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from nas.architecture import spec_json, specs

_MEBI = 2**20
_KIBI = 2**10
_STEPS = 4
_DEVICE = "CPU:0"


class Peak(NamedTuple):
    """Peak memory in MiB above the level after building.

    Building makes the network, its optimizer and the traced step, but runs no step.

    Attributes:
        process: peak of the whole process, as the system counts it. It includes the graph prepared
            for running, which does not depend on the batch, and TensorFlow's memory pool, which
            grows in ever larger regions and never shrinks.
        tensors: peak of tensors alone, as TensorFlow's allocator counts them. None if it does not
            count them: without oneDNN, or if all tensors have only a few KiB.
    """

    process: float
    tensors: float | None


def available() -> bool:
    """Whether this system lets a process reset and read its own peak memory."""
    return pathlib.Path("/proc/self/clear_refs").exists()


def of_step(
    kind: str, space: specs.SearchSpace, choices: Sequence[int], batch_size: int, repeats: int
) -> Peak:
    """Median peaks over `repeats` processes.

    Args:
        kind: key of `supernet_steps.STEPS`.
        space: the search space.
        choices: the path, `[slots]`.
        batch_size: images per step.
        repeats: number of processes, which run one after the other.
    """
    found = []
    context = multiprocessing.get_context("spawn")
    arguments = (kind, spec_json.to_dict(space), list(choices), batch_size)
    for _ in range(repeats):
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            found.append(pool.submit(_measure, *arguments).result())
    tensors = [peak.tensors for peak in found if peak.tensors is not None]
    return Peak(
        process=statistics.median(peak.process for peak in found),
        tensors=statistics.median(tensors) if tensors else None,
    )


def _measure(kind: str, space_as_dict: dict, choices: Sequence[int], batch_size: int) -> Peak:
    import tensorflow as tf

    from tools.experiments.steps import supernet_steps

    space = spec_json.from_dict(specs.SearchSpace, space_as_dict)
    batch = supernet_steps.noise(space, batch_size)
    signature = [tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in batch]
    compiled = supernet_steps.compiled(supernet_steps.STEPS[kind](space, choices))
    step = compiled.get_concrete_function(*signature)
    # Return memory freed by building to the system; otherwise the steps would reuse it unnoticed.
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    built = _status("VmRSS")
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    built_tensors = _tensors("current")
    if built_tensors is not None:
        tf.config.experimental.reset_memory_stats(_DEVICE)
    for _ in range(_STEPS):
        step(*batch)
    process = _status("VmHWM") - built
    peak_tensors = _tensors("peak")
    if built_tensors is None or peak_tensors is None or peak_tensors <= built_tensors:
        return Peak(process / _MEBI, None)
    return Peak(process / _MEBI, (peak_tensors - built_tensors) / _MEBI)


def _tensors(which: str) -> int | None:
    """Bytes of tensors, `current` or `peak`; None if the allocator does not count them."""
    import tensorflow as tf

    try:
        return tf.config.experimental.get_memory_info(_DEVICE)[which]
    except ValueError:
        return None


def _status(field: str) -> int:
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * _KIBI
    raise RuntimeError(f"/proc/self/status: expected a line {field}, received none")
