"""Writes SVG as text: elements, numbers and axes. The page's CSS sets the colours by class."""

import dataclasses
import html
import math
from collections.abc import Sequence

# Pixels. Pictures are drawn at the size at which they are shown, also on phones, so their letters
# always have the size of the page's small print.
WIDTH = 344
LINE = 14


def element(name: str, content: str = "", **attributes: float | str) -> str:
    """Writes one element; `class_` means `class`, `_` in names means `-`, numbers are rounded."""
    parts = [name]
    for key, value in attributes.items():
        shown = number(value) if isinstance(value, int | float) else html.escape(value)
        parts.append(f'{key.rstrip("_").replace("_", "-")}="{shown}"')
    return f"<{' '.join(parts)}>{content}</{name}>" if content else f"<{' '.join(parts)}/>"


def number(value: float) -> str:
    """Formats a coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def text(x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> str:
    """Draws a line of text; `anchor` is `start`, `middle` or `end`."""
    return element(
        "text", html.escape(words, quote=False), x=x, y=y, class_=class_, text_anchor=anchor
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """Draws a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Sequence[tuple[float, float]], class_: str, closed: bool = False) -> str:
    """Draws a line through points, or the shape that they enclose."""
    steps = " ".join(f"{number(x)} {number(y)}" for x, y in points)
    return element("path", d=f"M{steps}{'Z' if closed else ''}", class_=class_)


def circle(x: float, y: float, radius: float, class_: str, tip: str = "") -> str:
    """Draws a dot; `tip` appears under a mouse pointer."""
    title = element("title", html.escape(tip, quote=False)) if tip else ""
    return element("circle", title, cx=x, cy=y, r=radius, class_=class_)


def picture(width: float, height: float, content: str, label: str, class_: str = "") -> str:
    """Writes the whole picture.

    Args:
        width: width in pixels, even if the page shows it smaller.
        height: height in pixels.
        content: the elements.
        label: description of the picture for screen readers.
        class_: class of the SVG element.
    """
    size = f"{number(width)} {number(height)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{number(width)}" '
        f'height="{number(height)}" role="img" aria-label="{html.escape(label)}" '
        f'class="{class_}">{content}</svg>'
    )


@dataclasses.dataclass(frozen=True)
class Scale:
    """Converts values to pixels, linearly or logarithmically.

    Attributes:
        low: value at `start`.
        high: value at `end`.
        start: position of `low` in pixels.
        end: position of `high` in pixels.
        is_log: whether the scale is logarithmic.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Position of `value` in pixels."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """About four round values to write beside the axis."""
        if not self.is_log:
            return [tick for tick in nice_ticks(self.low, self.high)]
        found = []
        for leads in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
            first = math.floor(math.log10(self.low))
            last = math.ceil(math.log10(self.high))
            powers = [lead * 10.0**power for power in range(first, last + 1) for lead in leads]
            found = [tick for tick in powers if self.low <= tick <= self.high]
            if len(found) <= 5:
                break
        return found if len(found) > 1 else [self.low, self.high]


def nice_step(span: float, count: int = 4) -> float:
    """A round step that divides `span` into about `count` pieces."""
    if span <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    return next(
        (lead * power for lead in (1.0, 2.0, 2.5, 5.0) if span / (lead * power) <= count + 0.5),
        10.0 * power,
    )


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Multiples of a round step in [low, high]."""
    step = nice_step(high - low, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def nice_range(values: Sequence[float], count: int = 4) -> tuple[float, float]:
    """Multiples of a round step below and above all `values`; adds room if all are equal."""
    low, high = min(values), max(values)
    if high - low <= 1e-9 * abs(high):
        room = abs(low) * 0.1 or 1.0
        low, high = low - room, high + room
    step = nice_step(high - low, count)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def tick_text(tick: float, ticks: Sequence[float]) -> str:
    """Formats a tick with as many decimals as all `ticks` need."""
    step = min((abs(b - a) for a, b in zip(ticks, ticks[1:], strict=False)), default=tick or 1.0)
    for decimals in range(12):
        if abs(round(step, decimals) - step) <= 1e-6 * abs(step):
            break
    return f"{tick:,.{decimals}f}"


def short(value: float, digits: int = 3) -> str:
    """Formats a number with `digits` significant digits and without an exponent."""
    if not value:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)) + 1e-12))
    return f"{value:,.{decimals}f}"


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near `wanted` that are at least `gap` apart and, if possible, in [low, high]."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    places = [min(max(wanted[i], low), high) for i in order]
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + gap)
    if places and places[-1] > high:
        places[-1] = high
        for k in range(len(places) - 2, -1, -1):
            places[k] = min(places[k], places[k + 1] - gap)
    result = [0.0] * len(wanted)
    for k, i in enumerate(order):
        result[i] = places[k]
    return result
