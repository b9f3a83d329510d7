"""Charts of named numbers in rows: bars from zero, or dots to show small differences."""

import dataclasses
from collections.abc import Sequence

from tools.reporting.drawing import svg

_ROW = 30
_LETTER = 6.9


@dataclasses.dataclass(frozen=True)
class Bar:
    """One row of the chart.

    Attributes:
        name: label before the bar.
        value: length of the bar, not negative, or position of the dot.
        shown: the value as text, with its unit.
        class_: `accent` for the highlighted row, otherwise `plain`.
        note: text after the value.
    """

    name: str
    value: float
    shown: str
    class_: str = "plain"
    note: str = ""


def draw(bars: Sequence[Bar], label: str) -> str:
    """Draws bars in the given order."""
    left = 10 + _LETTER * max(len(bar.name) for bar in bars)
    right = 10 + _LETTER * max(len(f"{bar.shown} {bar.note}".strip()) for bar in bars)
    most = max(bar.value for bar in bars) or 1.0
    scale = svg.Scale(0.0, most, left, max(svg.WIDTH - right, left + 40))
    parts = []
    for i, bar in enumerate(bars):
        y = i * _ROW + 6
        end = scale(bar.value)
        width, class_ = max(end - left, 1.0), f"bar {bar.class_}"
        parts.append(svg.text(0, y + 13, bar.name, f"name {bar.class_}"))
        parts.append(
            svg.element("rect", x=left, y=y, width=width, height=18, rx=1.5, class_=class_)
        )
        parts.append(svg.text(end + 6, y + 13, bar.shown, "value"))
        if bar.note:
            x = end + 12 + _LETTER * len(bar.shown)
            parts.append(svg.text(x, y + 13, bar.note, "small"))
    return svg.picture(svg.WIDTH, _ROW * len(bars) + 6, "".join(parts), label)


def draw_dots(
    bars: Sequence[Bar], level: float, level_name: str, least_span: float, label: str
) -> str:
    """Draws dots on an axis that need not start at zero, with a line to compare them with.

    Args:
        bars: the rows, at least one.
        level: value of the line.
        level_name: label below the line.
        least_span: smallest range of the axis, so that small differences look small.
        label: description of the chart for screen readers.
    """
    left = 10 + _LETTER * max(len(bar.name) for bar in bars)
    right = 10 + _LETTER * max(len(bar.shown) for bar in bars)
    values = [level, *(bar.value for bar in bars)]
    room = max(0.0, least_span - (max(values) - min(values))) / 2.0
    scale = svg.Scale(min(values) - room, max(values) + room, left + 6, svg.WIDTH - right - 6)
    bottom = _ROW * len(bars) + 4
    x = scale(level)
    parts = [
        svg.line(x, 2, x, bottom, "level"),
        svg.text(x, bottom + 14, level_name, "small", "middle"),
    ]
    for i, bar in enumerate(bars):
        y = i * _ROW + 15
        x = scale(bar.value)
        parts.append(svg.text(0, y + 4, bar.name, f"name {bar.class_}"))
        parts.append(svg.line(left, y, svg.WIDTH - right, y, "grid"))
        parts.append(svg.circle(x, y, 5, f"dot {bar.class_}"))
        parts.append(svg.text(svg.WIDTH - right + 8, y + 4, bar.shown, "value"))
    return svg.picture(svg.WIDTH, bottom + 20, "".join(parts), label)
