"""Writes one self-contained HTML page about one or several runs."""

import functools
import pathlib
from collections.abc import Sequence

import jinja2

from nas import files
from tools.reporting.data import reading
from tools.reporting.data.run import Run
from tools.reporting.drawing import svg
from tools.reporting.sections import (
    comparison,
    figures,
    latency_section,
    network_section,
    quantities,
    recipe_section,
    reproduction,
    search_section,
    training_section,
)
from tools.reporting.sections.figures import Headline, Page

_HERE = pathlib.Path(__file__).parent


def write(paths: Sequence[str], output: str | None = None) -> pathlib.Path:
    """Writes the page about the work dir `paths[0]` and compares it with any others.

    Args:
        paths: work dirs.
        output: file to write; by default `report/index.html` in the first work dir.

    Returns:
        Path of the page.

    Raises:
        ValueError: a path is not a work dir, or a file in it is damaged.
    """
    runs = [reading.read(path) for path in paths]
    target = pathlib.Path(output) if output else pathlib.Path(paths[0]) / "report" / "index.html"
    files.write_bytes(target, html(runs).encode("utf-8", "backslashreplace"))
    return target


def html(runs: Sequence[Run]) -> str:
    """The HTML of the page about the first run, compared with any others."""
    return _template().render(page=page(runs), css=(_HERE / "page.css").read_text("utf-8"))


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def page(runs: Sequence[Run]) -> Page:
    """The content of the page."""
    run = runs[0]
    sections = [
        network_section.section(run),
        *([comparison.section(runs)] if len(runs) > 1 else []),
        recipe_section.section(run),
        latency_section.section(run),
        search_section.section(run),
        training_section.section(run),
        reproduction.section(run),
        reproduction.commands_section(run),
    ]
    return Page(
        title=f"A network for {_name(run.dataset)}" if run.dataset else "A network",
        lead=_lead(run),
        state=_state(run),
        headlines=_headlines(run),
        sections=sections,
    )


def _name(dataset: str) -> str:
    """Name of a data set; for an image folder, the last part of its path."""
    if not dataset.startswith("folder:"):
        return dataset
    return pathlib.PurePath(dataset.removeprefix("folder:")).name or dataset


def _lead(run: Run) -> str:
    words = []
    if run.space is not None:
        found = "Found" if run.child else "Being searched"
        words.append(
            f"{found} by {run.settings.get('algorithm', 'a search')} among "
            f"{run.space.cardinality:,} networks of the space {run.space.name}"
        )
    elif run.child is not None:
        words.append(f"The network {run.child.name}")
    if run.recipe and run.device:
        words.append(f"for {run.recipe} on {run.device}")
        threads = run.latency.environment.get("num_threads") if run.latency else None
        if threads:
            words.append(f"{threads} thread{'s' if threads != 1 else ''}")
    return (", ".join(words) + ".") if words else ""


def _state(run: Run) -> str:
    """A sentence that lists the stages that are not finished; empty if all are."""
    lacking = []
    if run.space is not None and run.child is None:
        lacking.append("the search")
    if not run.train_rows or (run.train_epochs or 0) > run.train_rows[-1]["epoch"]:
        lacking.append("the training")
    if not run.parities:
        lacking.append("the export")
    if not run.measured_ms:
        lacking.append("the measurement of the exported files")
    if not lacking:
        return ""
    listed = ", ".join(lacking[:-1]) + (" and " if len(lacking) > 1 else "") + lacking[-1]
    return f"Still missing: {listed}."


def _headlines(run: Run) -> list[Headline]:
    return [
        one for one in (_accuracy(run), _latency(run), _size(run), _work(run)) if one is not None
    ]


def _accuracy(run: Run) -> Headline | None:
    if run.parity is not None:
        note = f"{run.parity.recipe}; {100 * run.parity.accuracy_keras:.2f} % in Keras"
        by_class = run.parity.by_class
        if by_class:
            note += (
                f"; balanced {100 * by_class.balanced_accuracy:.2f} %; always answering "
                f"{by_class.majority_class} has {100 * by_class.majority_accuracy:.2f} %"
            )
        return Headline("Test accuracy", f"{100 * run.parity.accuracy_tflite:.2f}", "%", note)
    validated = [row for row in run.search_rows if "validation_accuracy" in row]
    if validated:
        value = f"{100 * validated[-1]['validation_accuracy']:.1f}"
        return Headline("Validation accuracy", value, "%", "of sampled paths, in the search")
    return None


def _latency(run: Run) -> Headline | None:
    target = f"{run.target_name} {svg.short(run.target_ms)}" if run.target_ms else "no target"
    if run.best_measured_ms:
        note = target
        if run.predicted_ms:
            error = run.predicted_ms / run.best_measured_ms - 1.0
            note += f", predicted {svg.short(run.predicted_ms)}"
            note += f" ({figures.signed_percent(error)})"
        return Headline("Measured latency", svg.short(run.best_measured_ms), "ms", note)
    if run.predicted_ms:
        return Headline("Predicted latency", svg.short(run.predicted_ms), "ms", target)
    if run.target:
        shown = quantities.shown(run.target, run.quantity)
        value, unit = shown.split(figures.SPACE, 1)
        return Headline(
            f"{run.target_name.capitalize()}: {quantities.NAMES[run.quantity]}", value, unit
        )
    return None


def _size(run: Run) -> Headline | None:
    if run.parity is None:
        return None
    value, unit = figures.size(run.parity.size_bytes).split(figures.SPACE)
    note = run.parity.recipe
    whole = run.parities.get("float32")
    if whole is not None and whole is not run.parity:
        note += f"; float32 is {whole.size_bytes / run.parity.size_bytes:.1f} times as large"
    return Headline("File size", value, unit, note)


def _work(run: Run) -> Headline | None:
    if not run.macs or not run.params:
        return None
    value, unit = f"{run.macs / 1e6:.3g}", "million MACs"
    return Headline("Work per image", value, unit, f"{figures.count(run.params)} parameters")
