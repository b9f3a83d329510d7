"""Times the exported files of a work dir, and reads their latencies."""

import pathlib
from collections.abc import Sequence

from export import exporting
from latency_models import devices
from latency_models.measuring import block_benchmarks, measurements, unmeasured
from latency_models.measuring.unmeasured import Unmeasured
from nas import reading
from nas.file_kinds import MEASURED
from tools.terminal import console
from tools.workflow import stages


def measure_exports(recipes: Sequence[str], device: devices.Device, workdir: pathlib.Path) -> None:
    """Times every exported file and adds the rows to `measurements.jsonl`.

    Files that the device cannot run, such as those of a recipe that its delegate does not take, are
    marked beside it, and said.

    Raises:
        DeviceError: it can run none of them.
    """
    failed: dict[str, str] = {}
    rows = time_exports(recipes, device, workdir, failed)
    if not rows:
        name, reason = next(iter(failed.items()))
        raise devices.DeviceError(
            f"{device.name}: expected to run the exported files, but none could run, for example "
            f"{name}: {reason}"
        )
    measurements.append(workdir / "measurements.jsonl", rows)
    environment = rows[0].environment
    for recipe in recipes:
        path = exporting.tflite_path(workdir, recipe)
        if path.stem in failed:
            reason, key = failed[path.stem], measurements.file_key(path)
            marked = Unmeasured(key, "network", path.stem, recipe, environment, reason)
            unmeasured.append(workdir / "measurements.jsonl", [marked])
            console.say(f"  {path.name} cannot run on {device.name}: {reason}")


def time_exports(
    recipes: Sequence[str],
    device: devices.Device,
    workdir: pathlib.Path,
    failed: dict[str, str] | None = None,
) -> list[measurements.Measurement]:
    """Times every exported file; also writes the latencies into `parity_<recipe>.json`.

    Args:
        recipes: the recipes.
        device: the device to time on.
        workdir: the work dir with the files.
        failed: as for `block_benchmarks.benchmark_models`.
    """
    paths = {recipe: exporting.tflite_path(workdir, recipe) for recipe in recipes}
    rows = block_benchmarks.benchmark_models(
        {path.stem: path for path in paths.values()},
        device,
        recipe_by_name={path.stem: recipe for recipe, path in paths.items()},
        progress=stages.track,
        failed=failed,
    )
    for row in rows:
        recipe = str(row.recipe)
        kept = ("p10_ms", "p90_ms", "reference_ms", "noisy", "environment")
        details = {name: getattr(row, name) for name in kept}
        exporting.note(workdir, recipe, latency_ms=row.latency_ms, latency=details)
    return rows


def measured_exports(
    recipes: Sequence[str], reference_ms: float | None, workdir: pathlib.Path
) -> dict[str, float]:
    """Latency of every exported file in milliseconds, comparable with the latency model's.

    Files that the device cannot run are left out.

    A published latency model has no `reference_ms`. The milliseconds are then those measured, not
    corrected for drift of the machine's speed.
    """
    path = workdir / "measurements.jsonl"
    by_key = {row.key: row for row in measurements.read(path)}
    keys = {name: measurements.file_key(exporting.tflite_path(workdir, name)) for name in recipes}
    marked = {row.key for row in unmeasured.read(path)}
    for name, key in keys.items():
        if key not in by_key and key not in marked:
            expected = f"a row of {exporting.tflite_path(workdir, name).name} ({key})"
            raise reading.fault(path, "", expected, "none", MEASURED)
    rows = {recipe: by_key[key] for recipe, key in keys.items() if key in by_key}
    if reference_ms is None:
        return {recipe: row.latency_ms for recipe, row in rows.items()}
    return {recipe: row.normalized_ms(reference_ms) for recipe, row in rows.items()}
