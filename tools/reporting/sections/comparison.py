"""Compares several runs by accuracy and latency, with their Pareto front."""

from collections.abc import Sequence

from tools.reporting.data.run import Run
from tools.reporting.drawing import scatter_chart, svg
from tools.reporting.drawing.scatter_chart import Dot
from tools.reporting.sections import figures
from tools.reporting.sections.figures import Figure, Section, Table
from tools.terminal import notation

_SAME = {"dataset": "data set", "device": "device", "recipe": "recipe"}


def names(runs: Sequence[Run]) -> list[str]:
    """Short different names for the runs: the last parts of their paths."""
    parts = [run.path.rstrip("/").split("/") for run in runs]
    depth = 1
    while depth < max(map(len, parts)) and len({tuple(p[-depth:]) for p in parts}) < len(parts):
        depth += 1
    return ["/".join(p[-depth:]) for p in parts]


def section(runs: Sequence[Run]) -> Section:
    """Compares the first run with the others; runs of another kind are only in the table."""
    labels = names(runs)
    first = runs[0]
    dots, missing = [], []
    for run, name in zip(runs, labels, strict=True):
        different = [
            words for key, words in _SAME.items() if getattr(run, key) != getattr(first, key)
        ]
        if different:
            others = " and another ".join(different)
            missing.append(
                f"{name} is only in the table, since it has another {others} than {labels[0]}."
            )
        elif run.best_measured_ms is None or run.parity is None:
            missing.append(f"{name} has no measured latency or no accuracy yet.")
        else:
            accuracy = 100.0 * run.parity.accuracy_tflite
            class_ = "accent" if run is first else "plain"
            dots.append(Dot(run.best_measured_ms, accuracy, name, class_))
    drawn = [_pareto(dots, first)] if dots else []
    return Section(
        key="comparison",
        title=f"{len(runs)} runs",
        lead="Each run is a separate search. The rest of the page describes the coloured one.",
        figures=drawn,
        tables=[_table(runs, labels)],
        missing=missing,
    )


def _pareto(dots: Sequence[Dot], first: Run) -> Figure:
    front = scatter_chart.pareto_front([(dot.x, dot.y) for dot in dots])
    best = [dot.name for dot in dots if (dot.x, dot.y) in front]
    words = f"No other run is both faster and more accurate than {figures.listed(best, 'or')}"
    return Figure(
        key="pareto",
        title="Accuracy against latency",
        pictures=[
            scatter_chart.draw(
                dots, "measured latency, ms", "% of test images", f"{words}.", front=front
            )
        ],
        caption=f"{words}. Recipe {first.recipe}, data set {first.dataset}, {first.device}.",
    )


def _table(runs: Sequence[Run], labels: Sequence[str]) -> Table:
    rows = []
    for run, name in zip(runs, labels, strict=True):
        parity = run.parity
        rows.append(
            (
                name,
                run.dataset or "–",
                str(run.settings.get("algorithm", "–")),
                str(run.settings.get("seed", "–")),
                run.recipe or "–",
                ("≤ " if run.target_name == "limit" and run.target_ms else "") + _ms(run.target_ms),
                _ms(run.predicted_ms),
                _ms(run.best_measured_ms),
                f"{100 * parity.accuracy_tflite:.2f}" if parity else "–",
                f"{parity.size_bytes / 1e3:,.1f}" if parity else "–",
                figures.count(run.params) if run.params else "–",
                _network(run),
            )
        )
    headers = (
        "run",
        "data set",
        "algorithm",
        "seed",
        "recipe",
        "target, ms",
        "predicted, ms",
        "measured, ms",
        "accuracy, %",
        "size, kB",
        "parameters",
        "network",
    )
    return Table("All runs", headers, rows, [0])


def _network(run: Run) -> str:
    if run.network is None:
        return "–"
    words = " | ".join(block.op.label for block in run.network.layers)
    sizes = notation.sizes(run.space, run.choices) if run.space and run.choices else ""
    return f"{words}; {sizes}" if sizes else words


def _ms(value: float | None) -> str:
    return "–" if value is None else svg.short(value)
