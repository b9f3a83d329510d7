"""Metrics by epoch, as points, figures and tables."""

from collections.abc import Iterable, Mapping, Sequence

from tools.reporting.drawing import line_chart, svg
from tools.reporting.drawing.line_chart import Series
from tools.reporting.sections.figures import Figure, Table

Row = Mapping[str, float]


def points(rows: Iterable[Row], name: str, scale: float = 1.0) -> list[tuple[float, float]]:
    """Pairs of epoch and value of metric `name`, from the rows that have it."""
    return [(row["epoch"], scale * row[name]) for row in rows if name in row]


def metric(
    rows: Sequence[Row],
    name: str,
    key: str,
    title: str,
    unit: str,
    epochs: int,
    warmup: int = 0,
    scale: float = 1.0,
) -> Figure | None:
    """Draws a metric on training images and, if available, on validation images."""
    train = points(rows, name, scale)
    validation = points(rows, f"validation_{name}", scale)
    if not train:
        return None
    digits = 1 if scale == 100.0 else 2
    both = {"training": train, "validation": validation}
    series = [
        Series(label, values, class_, f"{values[-1][1]:.{digits}f}")
        for (label, values), class_ in zip(both.items(), ("accent", "ink"), strict=True)
        if values
    ]
    ends = ", ".join(f"{one.name} {one.note}" for one in series)
    words = f"{name.capitalize()} after epoch {train[-1][0]:.0f}: {ends} ({unit})"
    return Figure(
        key=key,
        title=title,
        pictures=[line_chart.draw(series, unit, f"{words}.", epochs=epochs, warmup=warmup)],
        caption=f"{words}.",
        layout="chart first" if name == "loss" else "chart",
        table=table(f"{title} by epoch", {f"{k}, {unit}": v for k, v in both.items() if v}),
    )


def table(caption: str, columns: dict[str, list[tuple[float, float]]]) -> Table:
    """Makes a table with one row per epoch from columns of pairs of epoch and value."""
    columns = {name: values for name, values in columns.items() if values}
    by_epoch = {name: dict(values) for name, values in columns.items()}
    epochs = sorted({epoch for values in by_epoch.values() for epoch in values})
    rows = [
        [f"{epoch:.0f}", *(_cell(values.get(epoch)) for values in by_epoch.values())]
        for epoch in epochs
    ]
    return Table(caption, ["epoch", *columns], rows)


def _cell(value: float | None) -> str:
    return "–" if value is None else svg.short(value, 4)
