"""A table of exported files, one row per recipe."""

from collections.abc import Mapping
from typing import Any

from tools.terminal import console

_HEADERS = ("recipe", "kB", "compressed", "ms", "max difference", "same top-1 %", "accuracy %")


def table(comparisons: Mapping[str, Mapping[str, Any]]) -> str:
    """Tabulates size, latency, and how close each file is to the network it was made from.

    `lost` is the accuracy lost in percentage points, compared with the Keras network. If the
    recipe trained the network further, the comparison is with the same network trained as long in
    float.

    Args:
        comparisons: content of `parity_<recipe>.json`, by recipe.
    """
    rows = [
        (
            name,
            found["size_bytes"] / 1000,
            found["compressed_size_bytes"] / 1000,
            found.get("latency_ms"),
            found["max_abs_difference"],
            100 * found["top1_agreement"],
            100 * found["accuracy_tflite"],
            round(100 * (_parent(found) - found["accuracy_tflite"]), 4),
        )
        for name, found in comparisons.items()
    ]
    return console.table([*_HEADERS, "lost"], rows)


def _parent(found: Mapping[str, Any]) -> float:
    tuned = found["fine_tuning"]
    return found["accuracy_keras"] if tuned is None else tuned["accuracy_parent"]
