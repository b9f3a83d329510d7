"""A table of exported files, one row per recipe."""

from collections.abc import Mapping
from typing import Any

from export import recipes
from tools.terminal import console

_HEADERS = (
    "recipe",
    "kB",
    "compressed",
    "ms",
    "max difference",
    "same top-1 %",
    "accuracy %",
    "balanced %",
)
# The small trained networks of docs/results.md agree on 96.5 % of the images or more.
_UNUSUAL = 0.95


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
            100 * found["by_class"]["balanced_accuracy"] if found.get("by_class") else None,
            round(100 * (_parent(found) - found["accuracy_tflite"]), 4),
        )
        for name, found in comparisons.items()
    ]
    return console.table([*_HEADERS, "lost"], rows)


def remarks(comparisons: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Returns a line for each file with ranges from calibration that often names another class.

    Such a file may still be as accurate as its network, so its recipe allows it.

    Args:
        comparisons: as for `table`.
    """
    return [
        f"{name}: another class than its network for {1 - found['top1_agreement']:.1%} of the "
        "images. A calibration image with extreme activations can cause this: train "
        "longer, or try another --seed or the recipe dynamic_range"
        for name, found in comparisons.items()
        if recipes.recipe(name).needs_calibration and found["top1_agreement"] < _UNUSUAL
    ]


def in_app(found: Mapping[str, Any]) -> str | None:
    """Says how accurate a file is if an app prepares the photos; None if that is not known.

    Args:
        found: content of `parity_<recipe>.json`.
    """
    app = found.get("in_app")
    if not app:
        return None
    return (
        f"{found['recipe']} in an app that prepares photos as docs/android.md says: "
        f"{100 * app['accuracy']:.2f} % of {app['num_images']:,} test photos, "
        f"{100 * app['accuracy_in_test']:.2f} % as the test prepares them"
    )


def _parent(found: Mapping[str, Any]) -> float:
    tuned = found["fine_tuning"]
    return found["accuracy_keras"] if tuned is None else tuned["accuracy_parent"]
