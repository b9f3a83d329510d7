"""Scatter charts: predictions against measurements, and networks by cost and accuracy."""

import dataclasses
from collections.abc import Sequence

from tools.reporting.drawing import svg

_HEIGHT = 320
_LEFT, _TOP, _BOTTOM, _RIGHT = 52, 26, 40, 12
_BAND = 0.05
_LOG_RATIO = 6.0
_LETTER = 6.4
_Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Dot:
    """One dot of the chart.

    Attributes:
        x: horizontal value, in the unit of its axis.
        y: vertical value, in the unit of its axis.
        name: label beside the dot; may be empty.
        class_: `accent` for the highlighted dot, otherwise `plain`.
    """

    x: float
    y: float
    name: str = ""
    class_: str = "plain"


def draw(
    dots: Sequence[Dot],
    x_name: str,
    y_name: str,
    label: str,
    *,
    front: Sequence[tuple[float, float]] = (),
    limit: tuple[float, str] | None = None,
) -> str:
    """Draws dots on linear axes.

    Args:
        dots: the dots, at least one.
        x_name: name of the horizontal axis, with its unit.
        y_name: name of the vertical axis, with its unit.
        label: description of the chart for screen readers.
        front: corners of the Pareto front, drawn as steps from left to right.
        limit: a value of x and its name, drawn as a vertical line.
    """
    xs = [dot.x for dot in dots] + ([limit[0]] if limit else [])
    x_of = svg.Scale(*_range(xs), _LEFT, svg.WIDTH - _RIGHT)
    y_of = svg.Scale(*_range([dot.y for dot in dots]), _HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x_of, y_of, x_name, y_name)]
    taken: list[_Box] = []
    if limit:
        x = x_of(limit[0])
        parts.append(svg.line(x, y_of.start, x, y_of.end, "level"))
        taken.append((x - 2, y_of.end, x + 2, y_of.start))
        at_end = x > svg.WIDTH - 80
        parts.append(
            svg.text(x + (-5 if at_end else 5), _TOP + 8, limit[1], "small", _anchor(at_end))
        )
    if front:
        steps = _steps(front, x_of, y_of)
        parts.append(svg.path(steps, "front"))
        taken += [
            (min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1)
            for (a, b), (c, d) in zip(steps, steps[1:], strict=False)
        ]
    parts += _dots(dots, x_of, y_of, taken)
    return svg.picture(svg.WIDTH, _HEIGHT, "".join(parts), label)


def draw_predictions(dots: Sequence[Dot], x_name: str, y_name: str, label: str) -> str:
    """Draws pairs of milliseconds that should be equal, with the diagonal and a 5 % band."""
    values = [value for dot in dots for value in (dot.x, dot.y)]
    is_log = max(values) / min(values) > _LOG_RATIO
    low, high = min(values) / 1.15, max(values) * 1.15
    if not is_log:
        low, high = svg.nice_range(values)
        low = max(low, 0.0)
    x_of = svg.Scale(low, high, _LEFT, svg.WIDTH - _RIGHT, is_log)
    y_of = svg.Scale(low, high, _HEIGHT - _BOTTOM, _TOP, is_log)
    upper, lower = 1.0 + _BAND, 1.0 - _BAND
    corners = [(low, low), (low, low * upper), (high / upper, high), (high, high)]
    corners += [(high, high * lower), (low / lower, low)]
    clipped = [(min(max(x, low), high), min(max(y, low), high)) for x, y in corners]
    band = [(x_of(x), y_of(y)) for x, y in clipped]
    parts = [
        svg.path(band, "margin", closed=True),
        _axes(x_of, y_of, x_name, y_name),
        svg.line(x_of(low), y_of(low), x_of(high), y_of(high), "diagonal"),
        svg.text(x_of.end - 4, y_of.start - 8, "shaded: within 5 %", "small", "end"),
    ]
    parts += _dots(dots, x_of, y_of, [])
    return svg.picture(svg.WIDTH, _HEIGHT, "".join(parts), label)


def _range(values: Sequence[float]) -> tuple[float, float]:
    """A round range with some room around the values, so that no dot is on the edge."""
    room = 0.05 * (max(values) - min(values))
    return svg.nice_range([min(values) - room, max(values) + room])


def pareto_front(dots: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The dots that no other dot beats (smaller x, larger y), in order of x."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(dots, key=lambda dot: (dot[0], -dot[1])):
        if not front or y > front[-1][1]:
            front.append((x, y))
    return front


def _steps(
    front: Sequence[tuple[float, float]], x_of: svg.Scale, y_of: svg.Scale
) -> list[tuple[float, float]]:
    points = []
    for i, (x, y) in enumerate(front):
        if i:
            points.append((x_of(x), y_of(front[i - 1][1])))
        points.append((x_of(x), y_of(y)))
    points.append((x_of.end, y_of(front[-1][1])))
    return points


def _axes(x_of: svg.Scale, y_of: svg.Scale, x_name: str, y_name: str) -> str:
    parts = [svg.text(0, 11, y_name, "small")]
    for tick in y_of.ticks:
        y = y_of(tick)
        parts.append(svg.line(x_of.start, y, x_of.end, y, "grid"))
        shown = svg.short(tick, 2) if y_of.is_log else svg.tick_text(tick, y_of.ticks)
        parts.append(svg.text(x_of.start - 6, y + 4, shown, "small", "end"))
    for tick in x_of.ticks:
        x = x_of(tick)
        parts.append(svg.line(x, y_of.start, x, y_of.end, "grid"))
        shown = svg.short(tick, 2) if x_of.is_log else svg.tick_text(tick, x_of.ticks)
        at_end = x > svg.WIDTH - 20
        parts.append(svg.text(x, y_of.start + 16, shown, "small", "end" if at_end else "middle"))
    parts.append(svg.text(x_of.end, y_of.start + 34, x_name, "small", "end"))
    return "".join(parts)


def _dots(dots: Sequence[Dot], x_of: svg.Scale, y_of: svg.Scale, taken: list[_Box]) -> list[str]:
    # The highlighted dot is drawn last, above all others.
    order = sorted(dots, key=lambda dot: dot.class_ == "accent")
    parts = []
    for dot in order:
        x, y = x_of(dot.x), y_of(dot.y)
        taken.append((x - 4, y - 4, x + 4, y + 4))
        tip = f"{dot.name + ': ' if dot.name else ''}{svg.short(dot.x)}, {svg.short(dot.y)}"
        radius = 5 if dot.class_ == "accent" else 3.5
        parts.append(svg.circle(x, y, radius, f"point {dot.class_}", tip))
    for dot in sorted(order, key=lambda dot: dot.class_ != "accent"):
        if dot.name:
            parts.append(_name(dot, x_of(dot.x), y_of(dot.y), taken))
    return parts


def _name(dot: Dot, x: float, y: float, taken: list[_Box]) -> str:
    """Draws the dot's name on the side with the least overlap."""
    width = _LETTER * len(dot.name)
    sides = [(8.0, 4.0, "start"), (-8.0, 4.0, "end"), (0.0, -9.0, "middle"), (0.0, 18.0, "middle")]
    sides += [(8.0, -8.0, "start"), (8.0, 16.0, "start"), (-8.0, -8.0, "end"), (-8.0, 16.0, "end")]
    best, least = sides[0], float("inf")
    for side in sides:
        box = _box(x + side[0], y + side[1], width, side[2])
        hidden = sum(_overlap(box, other) for other in taken) + 10 * _outside(box)
        if hidden < least:
            best, least = side, hidden
    taken.append(_box(x + best[0], y + best[1], width, best[2]))
    return svg.text(x + best[0], y + best[1], dot.name, f"name {dot.class_}", best[2])


def _box(x: float, y: float, width: float, anchor: str) -> _Box:
    left = x - {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * width
    return left, y - 10.0, left + width, y + 3.0


def _overlap(a: _Box, b: _Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _outside(box: _Box) -> float:
    left, top, right, bottom = box
    return (
        max(_LEFT - left, 0.0)
        + max(right - svg.WIDTH, 0.0)
        + max(_TOP - top, 0.0)
        + max(bottom - (_HEIGHT - _BOTTOM), 0.0)
    )


def _anchor(at_end: bool) -> str:
    return "end" if at_end else "start"
