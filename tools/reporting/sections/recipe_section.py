"""The exported files: accuracy, latency and size by recipe."""

from collections.abc import Mapping, Sequence

from export.checks.parity_record import Record as Parity
from tools.reporting.data.run import Run
from tools.reporting.drawing import bar_chart, svg
from tools.reporting.drawing.bar_chart import Bar
from tools.reporting.sections import figures
from tools.reporting.sections.figures import Figure, Section, Table
from tools.terminal import faster_recipe

# Smallest range of the accuracy axis, in percent of the test images.
_LEAST_POINTS = 1.0
# Rows of the table of classes.
_MOST_CLASSES = 100


def section(run: Run) -> Section:
    """Draws three charts side by side and one table."""
    title = "Exported files"
    if not run.parities:
        return Section("recipes", title, missing=["No .tflite file is written yet."])
    latencies = {name: run.measured_ms[name] for name in run.parities if name in run.measured_ms}
    unmeasured = [] if latencies else ["The files' latencies are not measured yet."]
    drawn = [_accuracy(run)]
    if latencies:
        shown = {name: f"{svg.short(ms)}{figures.SPACE}ms" for name, ms in latencies.items()}
        caption = f"Measured on {run.device or 'the device'}; less is better."
        drawn.append(_bars(run, "latency", latencies, shown, caption))
    sizes = {name: float(parity.size_bytes) for name, parity in run.parities.items()}
    shown = {name: figures.size(num_bytes) for name, num_bytes in sizes.items()}
    caption = "Of the .tflite file, including labels and metadata; less is better."
    drawn.append(_bars(run, "size", sizes, shown, caption))
    return Section(
        key="recipes",
        title=title,
        lead=_lead(run),
        figures=drawn,
        tables=[_table(run), *_classes(run)],
        missing=[*_failures(run), *unmeasured],
    )


def _failures(run: Run) -> list[str]:
    """Returns a sentence for each recipe that missed its limit."""
    failed = run.summary.failed_recipes if run.summary else {}
    return [f"Not exported: {reason}." for reason in failed.values()]


def _lead(run: Run) -> str:
    parity = run.parities.get(run.recipe or "")
    if parity is None:
        return ""
    lead, app = f"Main recipe: {run.recipe}.", parity.in_app
    accuracies = {name: own.accuracy_tflite for name, own in run.parities.items()}
    faster = faster_recipe.sentence(run.recipe, run.measured_ms, accuracies)
    if faster:
        lead += f" {faster[0].upper()}{faster[1:]}."
    if app:
        lead += (
            f" In an app that prepares photos as docs/android.md says it has "
            f"{figures.percent(app.accuracy, 2)} on {app.num_images:,} test photos, and "
            f"{figures.percent(app.accuracy_in_test, 2)} as the test prepares them."
        )
    return lead


def _rows(run: Run, values: Mapping[str, float], shown: Mapping[str, str]) -> list[Bar]:
    return [
        Bar(name, value, shown[name], "accent" if name == run.recipe else "plain")
        for name, value in values.items()
    ]


def _described(title: str, bars: Sequence[Bar]) -> str:
    return f"{title}: {', '.join(f'{bar.name} {bar.shown}' for bar in bars)}."


def _accuracy(run: Run) -> Figure:
    some = next(iter(run.parities.values()))
    accuracies = {name: 100.0 * p.accuracy_tflite for name, p in run.parities.items()}
    shown = {name: f"{value:.2f}{figures.SPACE}%" for name, value in accuracies.items()}
    bars = _rows(run, accuracies, shown)
    title = "Accuracy by recipe"
    in_keras = figures.percent(some.accuracy_keras, 2)
    picture = bar_chart.draw_dots(
        bars, 100.0 * some.accuracy_keras, "Keras", _LEAST_POINTS, _described(title, bars)
    )
    caption = (
        f"On {some.num_images:,} test images; {in_keras} in Keras before export. The axis does "
        "not start at zero."
    )
    return Figure("recipe-accuracy", title, [picture], caption)


def _bars(
    run: Run, name: str, values: Mapping[str, float], shown: Mapping[str, str], caption: str
) -> Figure:
    bars = _rows(run, values, shown)
    title = f"{name.capitalize()} by recipe"
    return Figure(f"recipe-{name}", title, [bar_chart.draw(bars, _described(title, bars))], caption)


def _table(run: Run) -> Table:
    rows, marked = [], []
    for i, (name, parity) in enumerate(run.parities.items()):
        if name == run.recipe:
            marked.append(i)
        latency = run.measured_ms.get(name)
        rows.append(
            (
                name,
                f"{100 * parity.accuracy_tflite:.2f}",
                f"{100 * parity.by_class.balanced_accuracy:.2f}" if parity.by_class else "–",
                _points(parity),
                f"{100 * parity.top1_agreement:.2f}",
                "–" if latency is None else svg.short(latency),
                f"{parity.size_bytes / 1e3:,.1f}",
                parity.oldest_runtime or "unknown",
            )
        )
    headers = (
        "recipe",
        "accuracy, %",
        "balanced accuracy, %",
        "against float, points",
        "same first class, %",
        "latency, ms",
        "size, kB",
        "oldest runtime",
    )
    return Table("All recipes", headers, rows, marked)


def _classes(run: Run) -> list[Table]:
    """Returns a table of the accuracy of each class, and of always naming the largest one."""
    found = run.parity.by_class if run.parity else None
    if found is None or run.parity is None:
        return []
    rows = [
        (name, "–" if accuracy is None else f"{100 * accuracy:.2f}")
        for name, accuracy in found.accuracy_by_class.items()
    ]
    constant = f"always answering {found.majority_class}"
    rows = [*rows[:_MOST_CLASSES], (constant, f"{100 * found.majority_accuracy:.2f}")]
    more = len(found.accuracy_by_class) - _MOST_CLASSES
    title = f"Accuracy by class, {run.parity.recipe}" + (f"; {more:,} more" if more > 0 else "")
    return [Table(title, ("class", "accuracy, %"), rows, [len(rows) - 1])]


def _points(parity: Parity) -> str:
    """Accuracy difference in points; a fine-tuned file is compared with its float parent."""
    parent = parity.fine_tuning.accuracy_parent if parity.fine_tuning else parity.accuracy_keras
    return f"{100 * (parity.accuracy_tflite - parent):+.2f}".replace("-", "−")
