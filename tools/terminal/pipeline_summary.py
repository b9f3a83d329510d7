"""The summary that a pipeline prints at its end."""

import pathlib
from typing import Any

from nas import class_scores
from tools.terminal import console, export_table, faster_recipe

_HEADERS = ["recipe", "accuracy %", "balanced %", "latency ms", "size kB"]


def show(summary: dict[str, Any], path: pathlib.Path) -> None:
    """Prints the network, a table of recipes and a table of stages.

    Args:
        summary: content of `summary.json`.
        path: the work dir.
    """
    console.title("Summary")
    if "fastest_recipe" in summary:
        console.say(f"fastest recipe: {faster_recipe.decision(**summary['fastest_recipe'])}")
    target, predicted = summary["target_latency_ms"], summary["predicted_latency_ms"]
    measured = summary["measured_latency_ms"]
    if measured is None:
        exported = summary["recipe"] in summary["test_accuracy_by_recipe"]
        why = "the device could not run it" if exported else "it was not exported"
        console.say(f"latency of {summary['recipe']}: not measured, since {why}")
    elif predicted is None:
        aimed = f"target {target_text(target)}, " if target else ""
        console.say(f"latency of {summary['recipe']}: {aimed}measured {measured:.3g} ms")
    else:
        error = predicted / measured - 1.0
        console.say(
            f"latency of {summary['recipe']}: target {target_text(target)}, predicted "
            f"{predicted:.3g} ms, measured {measured:.3g} ms (prediction {100 * error:+.1f} %)"
        )
    console.say(
        f"network: {summary['params']:,} parameters, {summary['macs'] / 1e6:.2f} million MACs, "
        f"Keras test accuracy {100 * summary['test_accuracy']:.2f} %"
        + ("" if summary.get("baseline") else "\n")
    )
    baseline = summary.get("baseline")
    if baseline:
        console.say(
            f"baseline: one network of widths x {baseline['multiplier']:.3g}: predicted "
            f"{baseline['predicted_latency_ms']:.3g} ms, {baseline['params']:,} parameters, "
            f"{baseline['macs'] / 1e6:.2f} million MACs\n"
        )
    _show_fixed(summary)
    by_class = summary.get("by_class_by_recipe", {})
    rows = [
        (
            name,
            round(100 * summary["test_accuracy_by_recipe"][name], 2),
            round(100 * by_class[name]["balanced_accuracy"], 2) if name in by_class else None,
            summary["latency_ms_by_recipe"].get(name),
            round(summary["size_bytes_by_recipe"][name] / 1000, 1),
        )
        for name in summary["test_accuracy_by_recipe"]
    ]
    console.say(console.table(_HEADERS, rows))
    faster = faster_recipe.sentence(
        summary["recipe"], summary["latency_ms_by_recipe"], summary["test_accuracy_by_recipe"]
    )
    if faster:
        console.say(faster)
    for reason in summary.get("failed_recipes", {}).values():
        console.say(f"not exported: {reason}")
    if summary["recipe"] in by_class:
        console.say(f"{summary['recipe']}: {class_scores.sentence(by_class[summary['recipe']])}")
    recipe = summary["recipe"]
    in_app = summary.get("in_app_by_recipe", {}).get(recipe)
    told = export_table.in_app({"recipe": recipe, "in_app": in_app})
    if told:
        console.say(told)
    console.say()
    spent = summary["stage_seconds"]
    times = [(name, console.duration(seconds)) for name, seconds in spent.items()]
    times.append(("total", console.duration(sum(spent.values()))))
    console.say(console.table(["stage", "time"], times))
    console.say(f"\nall files are in {path}; the report is {path / 'report/index.html'}")


def target_text(target_ms: float) -> str:
    """A latency target as text; 0 means no target."""
    return f"{target_ms:.3g} ms" if target_ms else "none"


def _show_fixed(summary: dict[str, Any]) -> None:
    """Prints what the pretrained network of the search has without one, if it was compared."""
    fixed = summary.get("fixed_network")
    accuracy = summary["test_accuracy_by_recipe"].get(summary["recipe"])
    if not fixed or accuracy is None or fixed["test_accuracy_tflite"] is None:
        return
    gain = 100 * (accuracy - fixed["test_accuracy_tflite"])
    console.say(
        f"without a search: {fixed['name']} at {fixed['resolution']} pixels, trained alike: "
        f"{100 * fixed['test_accuracy_tflite']:.2f} % and {fixed['measured_latency_ms']:.3g} "
        f"ms as {summary['recipe']}; the network found has {gain:+.2f} points"
        + ("" if gain > 0 else "; take the other, in the folder fixed")
        + "\n"
    )
