"""Named numbers in rows: as bars from zero, or as dots where only differences can be seen."""

import dataclasses
from collections.abc import Sequence

from tools.reporting.drawing import svg

_ROW = 30
_LETTER = 6.9


@dataclasses.dataclass(frozen=True)
class Bar:
    """One row.

    Attributes:
        name: before it.
        value: its length, not negative, or its place.
        shown: the value as it is written, with its unit.
        class_: `accent` for what the page is about, otherwise `plain`.
        note: written after the value.
    """

    name: str
    value: float
    shown: str
    class_: str = "plain"
    note: str = ""


def draw(bars: Sequence[Bar], label: str) -> str:
    """Bars in the order in which they are given."""
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
    """Dots on an axis that need not begin at zero, around a line that they are held against.

    Args:
        bars: at least one.
        level: where the line stands.
        level_name: below it.
        least_span: of the axis, so that small differences look small.
        label: what is to be seen, in words.
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
