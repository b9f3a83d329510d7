"""Times one network at several resolutions, and chooses the one that meets a target."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from latency_models import devices
from latency_models.measuring import block_benchmarks, parts
from nas import files
from nas.architecture.specs import Child
from nas.progress import Track, untracked

# In pixels; those that EfficientNet and MobileNet are used at, and two below for small targets.
RESOLUTIONS = (64, 80, 96, 112, 128, 160, 192, 224)


def measure(
    child: Child,
    recipe: str,
    device: devices.Device,
    output_path: files.Path,
    *,
    resolutions: Sequence[int] = RESOLUTIONS,
    seed: int = 0,
    progress: Track = untracked,
    **options: Any,
) -> dict[int, float]:
    """Returns the latency of a network at each resolution, in milliseconds.

    Args:
        child: the network, with the classes and channels of its data set.
        recipe: name of the export recipe that it is written by.
        device: the device to time on.
        output_path: JSONL file; rows that it has are not measured again, and new ones are added.
        resolutions: in pixels.
        seed: seed for the order of timing.
        progress: called like tqdm with an iterable, its length and a description.
        **options: as for `block_benchmarks.benchmark_parts`.
    """
    sized = [dataclasses.replace(child, resolution=size) for size in resolutions]
    rows = block_benchmarks.benchmark_parts(
        [parts.network_part(own) for own in sized],
        child,
        recipe,
        device,
        output_path,
        seed=seed,
        progress=progress,
        **options,
    )
    return {size: row.latency_ms for size, row in zip(resolutions, rows, strict=True)}


def largest_within(times: Mapping[int, float], target_ms: float, name: str) -> int:
    """Returns the largest resolution at which a network takes at most `target_ms`.

    Args:
        times: latency by resolution, in milliseconds.
        target_ms: the target.
        name: the network, for the message.

    Raises:
        ValueError: it takes longer at every resolution.
    """
    within = [size for size, latency in times.items() if latency <= target_ms]
    if not within:
        least = min(times, key=lambda size: times[size])
        raise ValueError(
            f"target_latency_ms: expected at least {times[least]:.3g}, which {name} takes at "
            f"{least} pixels, received {target_ms:g}; raise it, take a smaller network, or search "
            "one (leave out --child)"
        )
    return max(within)
