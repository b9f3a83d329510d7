"""Line charts of values by epoch, with the name of each line at its end."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tools.reporting.drawing import svg

_HEIGHT = 208
_LEFT, _TOP, _BOTTOM = 44, 24, 26
_LETTER = 6.3
_MOST_MARKERS = 12


@dataclasses.dataclass(frozen=True)
class Series:
    """One line of the chart.

    Attributes:
        name: label at the end of the line.
        points: pairs of epoch and value.
        class_: `accent`, or `ink` for a line to compare with.
        note: text below the name, for example the last value.
    """

    name: str
    points: Sequence[tuple[float, float]]
    class_: str = "accent"
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Level:
    """A horizontal line to compare with, for example a target."""

    name: str
    value: float
    note: str = ""


def draw(
    series: Sequence[Series],
    unit: str,
    label: str,
    *,
    epochs: int,
    levels: Sequence[Level] = (),
    warmup: int = 0,
) -> str:
    """Draws the chart.

    Args:
        series: the lines; those without points are left out.
        unit: unit of the values, written above the axis.
        label: description of the chart for screen readers.
        epochs: number of epochs of the whole run, so that an unfinished run shows its progress.
        levels: horizontal lines.
        warmup: number of epochs at the start to mark as warm-up.
    """
    series = [one for one in series if one.points]
    names = [(one.name, one.note) for one in series] + [(one.name, one.note) for one in levels]
    room = 14 + _LETTER * max(len(word) for pair in names for word in pair)
    values = [y for one in series for _, y in one.points] + [one.value for one in levels]
    low, high = svg.nice_range(values)
    first = min(1.0, *(x for one in series for x, _ in one.points))
    x_of = svg.Scale(first, max(float(epochs), first + 1.0), _LEFT, svg.WIDTH - room)
    y_of = svg.Scale(low, high, _HEIGHT - _BOTTOM, _TOP)
    parts = [_warmup(warmup, x_of, y_of), _axes(x_of, y_of, unit, epochs)]
    for level in levels:
        y = y_of(level.value)
        parts.append(svg.line(x_of.start, y, x_of.end, y, "level"))
    for one in series:
        places = [(x_of(x), y_of(y)) for x, y in one.points]
        if len(places) > 1:
            parts.append(svg.path(places, f"line {one.class_}"))
        for i, (x, y) in enumerate(places):
            is_last = i == len(places) - 1
            if is_last or len(places) <= _MOST_MARKERS:
                parts.append(svg.circle(x, y, 3.5 if is_last else 2, f"dot {one.class_}"))
    parts.append(_warmup_name(warmup, series, levels, x_of, y_of))
    parts.append(_names(series, levels, x_of, y_of))
    return svg.picture(svg.WIDTH, _HEIGHT, "".join(parts), label)


def _warmup(epochs: int, x_of: svg.Scale, y_of: svg.Scale) -> str:
    if not epochs:
        return ""
    end = x_of(min(epochs + 0.5, x_of.high))
    band = svg.element(
        "rect",
        x=x_of.start - 6,
        y=y_of.end,
        width=end - x_of.start + 6,
        height=y_of.start - y_of.end,
        class_="band",
    )
    return band


def _warmup_name(
    epochs: int, series: Sequence[Series], levels: Sequence[Level], x_of: svg.Scale, y_of: svg.Scale
) -> str:
    """Writes "warm-up" at the bottom or the top of its band, wherever lines are further away."""
    if not epochs:
        return ""
    left = x_of.start - 2
    heights = [y_of(level.value) for level in levels]
    for one in series:
        xs, ys = zip(*((x_of(x), y_of(y)) for x, y in one.points), strict=True)
        under = [x for x in np.linspace(left, left + _LETTER * len("warm-up"), 5) if x >= xs[0]]
        heights += np.interp(under, xs, ys).tolist()
    # Baselines of the text; letters are eight pixels high.
    places = (y_of.start - 6, y_of.end + 12)
    y = max(places, key=lambda place: min((abs(place - 4 - h) for h in heights), default=0.0))
    return svg.text(left, y, "warm-up", "small over")


def _axes(x_of: svg.Scale, y_of: svg.Scale, unit: str, epochs: int) -> str:
    parts = [svg.text(0, 11, unit, "small")]
    ticks = y_of.ticks
    for tick in ticks:
        y = y_of(tick)
        parts.append(svg.line(x_of.start - 6, y, x_of.end, y, "grid"))
        parts.append(svg.text(x_of.start - 12, y + 4, svg.tick_text(tick, ticks), "small", "end"))
    count = min(4, max(1, int(x_of.end - x_of.start) // 34))
    shown = [t for t in svg.nice_ticks(x_of.low, x_of.high, count) if t == int(t) and t >= 1]
    if shown and shown[-1] != x_of.high and x_of(x_of.high) - x_of(shown[-1]) < 16:
        shown.pop()
    for tick in sorted({1.0, *shown, float(epochs)} if epochs else shown):
        near = [t for t in (1.0, float(epochs)) if 0 < abs(x_of(t) - x_of(tick)) < 16]
        if not near or tick in (1.0, float(epochs)):
            parts.append(svg.text(x_of(tick), y_of.start + 18, f"{tick:,.0f}", "small", "middle"))
    parts.append(svg.text(x_of.start - 12, y_of.start + 18, "epoch", "small", "end"))
    return "".join(parts)


def _names(
    series: Sequence[Series], levels: Sequence[Level], x_of: svg.Scale, y_of: svg.Scale
) -> str:
    ends = [(one.points[-1][1], one.class_, one.name, one.note) for one in series]
    ends += [(one.value, "muted", one.name, one.note) for one in levels]
    gap = 2 * svg.LINE + 1 if any(note for *_, note in ends) else svg.LINE
    lowest = y_of.start - (svg.LINE if gap > svg.LINE else 0)
    places = svg.spread([y_of(value) for value, *_ in ends], gap, y_of.end, lowest)
    parts = []
    for y, (_, class_, name, note) in zip(places, ends, strict=True):
        parts.append(svg.text(x_of.end + 10, y + 4, name, f"name {class_}"))
        if note:
            parts.append(svg.text(x_of.end + 10, y + 4 + svg.LINE, note, "small"))
    return "".join(parts)
