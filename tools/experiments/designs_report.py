"""Results and table of `tools.compare_widths`."""

import pathlib
import statistics
from typing import Any

from tools.terminal import console

# Each kind of network by the start of its keys in a row, with its name in the table.
KINDS = {"searched": "searched", "width": "multiplied width", "v3": "MobileNetV3 style"}


def searched_row(target: float, searches: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns what the searches for one target found; keys of the designs are added later."""
    at_target = [s for s in searches if s["target"] == target]
    return {
        "target": target,
        "target_latency_ms": at_target[0]["target_latency_ms"],
        "searched_latency_ms": statistics.fmean(s["measured_latency_ms"] for s in at_target),
        "searched_predicted_ms": [s["predicted_latency_ms"] for s in at_target],
        "searched_accuracies": [a for s in at_target for a in s["test_accuracies"]],
    }


def spread(accuracies: list[float]) -> float | None:
    """Returns the standard deviation of accuracies; None for a single training."""
    return statistics.stdev(accuracies) if len(accuracies) > 1 else None


def table(rows: list[dict[str, Any]]) -> str:
    """Returns a table with one row per target and kind: mean, spread and number of trainings."""
    cells = []
    for row in rows:
        for kind, name in KINDS.items():
            accuracies = row[f"{kind}_accuracies"]
            deviation = spread(accuracies)
            multiplier = row.get(f"{kind}_multiplier")
            cells.append(
                (
                    row["target_latency_ms"],
                    name,
                    "" if multiplier is None else f"x {multiplier:g}",
                    row[f"{kind}_latency_ms"],
                    f"{100 * statistics.fmean(accuracies):.2f}",
                    "–" if deviation is None else f"{100 * deviation:.2f}",
                    len(accuracies),
                )
            )
    headers = ["target ms", "network", "widths", "measured ms", "accuracy %", "spread", "trainings"]
    return console.table(headers, cells)


def write(
    rows: list[dict[str, Any]], algorithm: str, asked: dict[str, Any], path: pathlib.Path
) -> None:
    """Writes `curve.json` and `curve.png` into `path`, and prints the table."""
    from latency_models.judging import plots
    from nas import files

    content = {"schema_version": 1, "algorithm": algorithm, "networks": rows, "settings": asked}
    files.write_json(path / "curve.json", {**content, "provenance": files.provenance()})
    curves = {
        name: [
            (r[f"{kind}_latency_ms"], 100 * statistics.fmean(r[f"{kind}_accuracies"])) for r in rows
        ]
        for kind, name in KINDS.items()
    }
    plots.accuracy_over_latency(path / "curve.png", curves, f"{asked['space']}, {asked['dataset']}")
    console.title("Searched networks against fixed designs")
    console.say(table(rows))
    console.say("spread: standard deviation of the accuracies, in points")
    console.say(f"\nresults are in {path / 'curve.json'} and curve.png")
