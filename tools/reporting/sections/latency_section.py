"""Predicted and measured latency, of this network and of the latency model's held-out data."""

from collections.abc import Mapping

from latency_models.models.scores import Scores
from tools.reporting.data.run import Run
from tools.reporting.drawing import bar_chart, scatter_chart, svg
from tools.reporting.drawing.bar_chart import Bar
from tools.reporting.drawing.scatter_chart import Dot
from tools.reporting.sections import figures
from tools.reporting.sections.figures import Figure, Section, Table

_TITLES = {
    "networks": "Held-out networks",
    "blocks": "Single blocks",
    "network_repeats": "One measurement against the next",
    "blocks_of_unseen_shapes": "Blocks of unseen shapes",
}


def section(run: Run) -> Section:
    """Shows target, prediction and measurement, and the errors of the latency model."""
    title = "Latency"
    drawn = [_this_network(run)]
    if run.latency is not None:
        drawn += [
            _held_out(name, scores, run)
            for name, scores in run.latency.evaluation.items()
            if name != "network_repeats"  # Only in the table, as the limit for any prediction.
        ]
    missing = []
    if run.latency is None:
        missing.append("This work dir has no latency model, so no milliseconds are predicted.")
    if run.best_measured_ms is None:
        missing.append(
            "The network's latency is not measured yet. tools.pipeline measures it at its end; "
            "tools.benchmark --models measures it at any time."
        )
    return Section(
        key="latency",
        title=title,
        lead=_lead(run),
        figures=[figure for figure in drawn if figure is not None],
        tables=[_scores(run.latency.evaluation)] if run.latency and run.latency.evaluation else [],
        missing=missing,
    )


def _lead(run: Run) -> str:
    if run.latency is None:
        return ""
    environment = run.latency.environment
    threads = environment.get("num_threads")
    words = [
        str(run.device),
        f"{threads} thread{'s' if threads != 1 else ''}",
        str(environment.get("runtime")),
    ]
    if environment.get("delegate") not in (None, "none"):
        words.append(f"delegate {environment['delegate']}")
    kind = run.latency.kind.replace("_", " ")
    return f"Recipe {run.latency.recipe} on {', '.join(words)}; latency model: {kind}."


def _this_network(run: Run) -> Figure | None:
    named = {
        run.target_name: run.target_ms,
        "predicted": run.predicted_ms,
        "measured": run.best_measured_ms,
    }
    known = {name: value for name, value in named.items() if value}
    if not known or set(known) == {run.target_name}:
        return None
    bars = []
    for name, value in known.items():
        note = ""
        if name != run.target_name and run.target_ms:
            note = figures.signed_percent(value / run.target_ms - 1.0)
        class_ = "accent" if name == "measured" else "plain"
        bars.append(Bar(name, value, f"{svg.short(value)}{figures.SPACE}ms", class_, note))
    words = ", ".join(f"{bar.name} {bar.shown}" for bar in bars)
    caption = f"This network: {words}."
    if run.predicted_ms and run.best_measured_ms:
        error = run.predicted_ms / run.best_measured_ms - 1.0
        side = "more" if error > 0 else "less"
        caption += f" The prediction is {figures.percent(abs(error))} {side} than the measurement."
    baseline = run.summary.baseline if run.summary else None
    if baseline and run.target_ms:
        value = baseline.predicted_latency_ms
        name = f"widths × {baseline.multiplier:.3g}"
        note = figures.signed_percent(value / run.target_ms - 1.0)
        bars.append(Bar(name, value, f"{svg.short(value)}{figures.SPACE}ms", "plain", note))
        caption += (
            f" Without a search, one network of {name} meets the {run.target_name}: predicted "
            f"{bars[-1].shown}, {figures.count(baseline.params)} parameters, "
            f"{baseline.macs / 1e6:.3g}{figures.SPACE}million MACs."
        )
    fixed = run.summary.fixed_network if run.summary else None
    if fixed and fixed.measured_latency_ms and fixed.test_accuracy and fixed.test_accuracy_tflite:
        value, name = fixed.measured_latency_ms, f"{fixed.name}, {fixed.resolution} px"
        note = figures.signed_percent(value / run.target_ms - 1.0) if run.target_ms else ""
        bars.append(Bar(name, value, f"{svg.short(value)}{figures.SPACE}ms", "plain", note))
        caption += (
            f" Without a search, {fixed.name} at {fixed.resolution} pixels, trained and measured "
            f"alike: {bars[-1].shown}, {figures.percent(fixed.test_accuracy)} on the test images "
            f"({figures.percent(fixed.test_accuracy_tflite)} as a file)."
        )
    rows = [(bar.name, svg.short(bar.value, 4), bar.note or "–") for bar in bars]
    return Figure(
        key="this-network",
        title="Predicted and measured latency",
        pictures=[bar_chart.draw(bars, caption)],
        caption=caption,
        table=Table("Latency of this network", ("", "ms", f"against the {run.target_name}"), rows),
    )


def _held_out(name: str, scores: Scores, run: Run) -> Figure | None:
    if not scores.points:
        return None
    dots = [Dot(measured, predicted) for predicted, measured in scores.points]
    if name == "networks" and run.best_measured_ms and run.predicted_ms:
        dots.append(Dot(run.best_measured_ms, run.predicted_ms, "this network", "accent"))
    title = _TITLES.get(name, name.replace("_", " ").capitalize())
    axes = ("measured, ms", "predicted, ms")
    # A lookup table has measured every block, so its score for blocks is a repeat error.
    if "odd ones" in scores.method:
        axes = ("odd rounds, ms", "even rounds, ms")
    words = (
        f"{scores.count} pairs: mean error {figures.percent(scores.mape)}, "
        f"{figures.percent(scores.within_5, 0)} within 5 %"
    )
    if scores.kendall_tau is not None:
        words += f", rank correlation {scores.kendall_tau:.2f}"
    method = f" Method: {scores.method}." if scores.method else ""
    return Figure(
        key=f"held-out-{name.replace('_', '-')}",
        title=title,
        pictures=[scatter_chart.draw_predictions(dots, *axes, f"{title}, {words}.")],
        caption=f"{words}.{method}",
        table=Table(
            f"{title} in milliseconds",
            ("number", axes[1], axes[0]),
            [
                (str(i), svg.short(predicted, 4), svg.short(measured, 4))
                for i, (predicted, measured) in enumerate(scores.points, start=1)
            ],
        ),
    )


def _scores(evaluation: Mapping[str, Scores]) -> Table:
    rows = [
        (
            _TITLES.get(name, name.replace("_", " ")),
            f"{one.count}",
            figures.percent(one.mape),
            figures.percent(one.within_5, 0),
            figures.percent(one.within_10, 0),
            figures.signed_percent(one.bias),
            "–" if one.kendall_tau is None else f"{one.kendall_tau:.2f}",
        )
        for name, one in evaluation.items()
    ]
    headers = (
        "held out",
        "count",
        "mean error",
        "within 5 %",
        "within 10 %",
        "bias",
        "rank correlation",
    )
    return Table("Errors of the latency model", headers, rows)
