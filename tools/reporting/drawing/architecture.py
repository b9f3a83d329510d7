"""Draws a network from left to right for wide pages, and from top to bottom for narrow ones.

The thickness of a block at its input, in its middle and at its output grows with the square root of
the number of channels. Below or beside a block are the candidates of its slot, as discs whose
area is their probability, and its predicted latency.
"""

import itertools
import math

from nas.architecture.operations import AnyOperation
from tools.reporting.data.places import Place, candidates, half_widths
from tools.reporting.drawing import svg

WIDE = 1080
_GUTTER = 96
_MOST_COLUMN = 112
_AXIS = 78
_THICK = 52
_ROW = 22
_DISC = 8.0
_BAR = 44
_DIGIT = 6.2
# Half the height of two lines of text.
_LEAST_FOR_WORDS = 16
_NARROW_ROW = 40
_NARROW_THICK = 36


def draw_wide(places: list[Place], label: str) -> str:
    """Draws the network at the width of a desktop page."""
    column = min(_MOST_COLUMN, (WIDE - _GUTTER - 30) / len(places))
    lefts = [_GUTTER + i * column for i in range(len(places))]
    parts = [_flow(places, lefts, column)]
    y = _AXIS + _THICK + 28
    parts.append(_brackets(places, lefts, column, y))
    y += 40
    operations = candidates(places)
    if operations:
        parts.append(svg.text(0, y + 4, "candidates", "small strong"))
        for i, op in enumerate(operations):
            row_y = y + (i + 1) * _ROW
            parts.append(svg.text(0, row_y + 4, op.label, "small"))
            end = lefts[-1] + column
            parts.append(svg.line(_GUTTER, row_y, end, row_y, "grid"))
            for place, left in zip(places, lefts, strict=True):
                parts.append(_disc(place, op, left + column / 2, row_y))
        y += (len(operations) + 1) * _ROW + 12
    bars, height = _bars(places, lefts, column, y)
    return svg.picture(WIDE, y + height, "".join([*parts, bars]), label, "wide")


def _flow(places: list[Place], lefts: list[float], column: float) -> str:
    parts = []
    thick = half_widths(places, _THICK)
    for place, left, (a, b, c) in zip(places, lefts, thick, strict=True):
        right = left + column
        if place.has_residual and not place.is_identity:
            parts.append(_arc(left, right, _AXIS - max(a, b, c) - 8, _AXIS - a))
        shape = _shape(left, right, a, b, c, place)
        points = [(x, _AXIS - h) for x, h in shape] + [(x, _AXIS + h) for x, h in reversed(shape)]
        parts.append(svg.path(points, _class(place), closed=True))
        middle = left + column / 2
        if place.is_identity:
            parts.append(svg.text(middle, _AXIS - a - 6, "skip", "small", "middle"))
        else:
            # Text of a thin block is below it, because a residual connection may be above it.
            is_thin = b < _LEAST_FOR_WORDS
            height = 13 * (len(place.words) - 1)
            top = _AXIS + max(a, b, c) + 14 if is_thin else _AXIS + 4 - height / 2
            for i, word in enumerate(place.words):
                parts.append(svg.text(middle, top + 13 * i, word, "op", "middle"))
        if place.stride > 1:
            parts.append(svg.text(left + 3, _AXIS + _THICK + 12, f"÷{place.stride}", "small"))
    return "".join(parts)


def _shape(
    left: float, right: float, a: float, b: float, c: float, place: Place
) -> list[tuple[float, float]]:
    """Returns the corners of one edge: position along the flow, and half the thickness there."""
    size = right - left
    if place.is_identity:
        return [(left, a), (right, c)]
    if place.kind != "block":
        return [(left + 2, a), (right - 2, c)]
    return [
        (left + 2, a),
        (left + 2 + 0.16 * size, b),
        (right - 2 - 0.16 * size, b),
        (right - 2, c),
    ]


def _class(place: Place) -> str:
    if place.is_identity:
        return "block skip"
    if place.slot is None:
        return "block fixed"
    return "block open" if place.widths[1] is None else "block chosen"


def _arc(left: float, right: float, top: float, foot: float) -> str:
    corner = 6.0
    a, b = left + 5, right - 5
    d = (
        f"M{svg.number(a)} {svg.number(foot)}V{svg.number(top + corner)}"
        f"q0 {-corner} {corner} {-corner}H{svg.number(b - corner)}"
        f"q{corner} 0 {corner} {corner}V{svg.number(foot)}"
    )
    return svg.element("path", d=d, class_="residual")


def _brackets(places: list[Place], lefts: list[float], column: float, y: float) -> str:
    """Draws resolutions and widths; neighbours of equal size share one bracket."""
    parts = [svg.text(0, y + 4, "pixels", "small strong")]
    parts.append(svg.text(0, y + 22, "channels", "small strong"))
    for row, value in ((0, lambda p: p.resolution), (18, lambda p: p.widths[2])):
        numbered = list(zip(places, lefts, strict=True))
        for size, group in itertools.groupby(numbered, key=lambda pair: value(pair[0])):
            members = list(group)
            first, last = members[0][1] + 3, members[-1][1] + column - 3
            words = f"{size}×{size}" if row == 0 and last - first > 44 else str(size)
            room = 3.4 * len(words) + 5
            middle, middle_y = (first + last) / 2, y + row
            if last - first > 2 * room + 6:
                parts.append(svg.line(first, middle_y, middle - room, middle_y, "bracket"))
                parts.append(svg.line(middle + room, middle_y, last, middle_y, "bracket"))
            parts.append(svg.text(middle, middle_y + 4, words, "small", "middle"))
    return "".join(parts)


def _disc(place: Place, op: AnyOperation, x: float, y: float) -> str:
    for one in place.alternatives:
        if one.op != op:
            continue
        share = "" if one.probability is None else f", {100 * one.probability:.0f} %"
        cost = "" if one.ms is None else f", {svg.short(one.ms)} ms"
        tip = f"slot {place.slot}: {op.label}{share}{cost}"
        if one.probability is None:
            return svg.circle(x, y, 5, "disc chosen" if one.is_chosen else "disc hollow", tip)
        radius = max(1.5, _DISC * math.sqrt(one.probability))
        return svg.circle(x, y, radius, "disc chosen" if one.is_chosen else "disc", tip)
    return ""


def _bars(places: list[Place], lefts: list[float], column: float, y: float) -> tuple[str, float]:
    """Draws the predicted latency of each slot as a vertical bar; also returns the height used."""
    known = [place.ms for place in places if place.ms is not None]
    if not known or not max(known):
        return "", 0.0
    parts = [svg.text(0, y + _BAR + 13, "predicted ms", "small strong")]
    base = y + 14 + _BAR
    for place, left in zip(places, lefts, strict=True):
        if place.ms is None:
            continue
        height = _BAR * place.ms / max(known)
        middle = left + column / 2
        width = min(28.0, column - 8)
        if height:
            parts.append(_column(middle - width / 2, base - height, width, height))
        shown = svg.short(place.ms, 2) if place.ms else "0"
        parts.append(svg.text(middle, base - height - 5, shown, "small", "middle"))
    parts.append(svg.line(_GUTTER, base, lefts[-1] + column, base, "axis"))
    return "".join(parts), 14 + _BAR + 6


def _column(x: float, y: float, width: float, height: float) -> str:
    return svg.element("rect", x=x, y=y, width=width, height=height, class_="bar plain")


def draw_narrow(places: list[Place], label: str) -> str:
    """Draws the network at the width of a phone."""
    operations = candidates(places)
    top = 46 if operations else 20
    centre, first = 100.0, 164.0
    gap = min(20.0, (svg.WIDTH - first - 64.0) / max(len(operations), 1))
    parts = [
        svg.text(0, 11, "pixels,", "small strong"),
        svg.text(0, 25, "channels", "small strong"),
    ]
    for i, op in enumerate(operations):
        x = first + i * gap
        turned = svg.text(0, 0, op.label, "small")
        parts.append(
            svg.element(
                "g", turned, transform=f"translate({svg.number(x + 3)} {top - 6}) rotate(-50)"
            )
        )
    known = [place.ms for place in places if place.ms]
    bar_left = first + len(operations) * gap - 4
    # Space for the number after the longest bar, and a gap.
    room = 10 + _DIGIT * max((len(svg.short(ms, 2)) for ms in known), default=0)
    if known:
        parts.append(svg.text(svg.WIDTH, 11, "predicted ms", "small strong", "end"))
    thick = half_widths(places, _NARROW_THICK)
    before: tuple[int, int] | None = None
    for i, (place, (a, b, c)) in enumerate(zip(places, thick, strict=True)):
        y = top + i * _NARROW_ROW
        parts.append(_narrow_block(place, centre, y, (a, b, c)))
        here = (place.resolution, place.widths[2])
        middle = y + _NARROW_ROW / 2 + 4
        if here != before:
            parts.append(svg.text(0, middle, f"{here[0]}², {here[1]}", "small"))
        before = here
        for j, op in enumerate(operations):
            parts.append(_disc(place, op, first + j * gap, middle - 4))
        if place.ms is not None and known:
            width = (svg.WIDTH - bar_left - room) * place.ms / max(known)
            if place.ms and width > 0:
                parts.append(_column(bar_left, middle - 9, max(width, 1.0), 10))
            shown = svg.short(place.ms, 2)
            parts.append(svg.text(svg.WIDTH, middle, shown, "small", "end"))
    height = top + len(places) * _NARROW_ROW + 4
    return svg.picture(svg.WIDTH, height, "".join(parts), label, "narrow")


def _narrow_block(place: Place, centre: float, y: float, thick: tuple[float, float, float]) -> str:
    a, b, c = thick
    bottom = y + _NARROW_ROW
    shape = [(along, half) for along, half in _shape(y, bottom, a, b, c, place)]
    points = [(centre - h, along) for along, h in shape]
    points += [(centre + h, along) for along, h in reversed(shape)]
    parts = [svg.path(points, _class(place), closed=True)]
    words = "skip" if place.is_identity else " ".join(place.words)
    room = 3.2 * len(words) + 2
    class_ = "small" if place.is_identity else "op"
    middle = y + _NARROW_ROW / 2 + 4
    if max(a, b, c) >= room:
        parts.append(svg.text(centre, middle, words, class_, "middle"))
    else:
        parts.append(svg.text(centre + max(a, b, c) + 5, middle, words, class_))
    if place.stride > 1:
        x = centre - max(a, b, c) - 5
        parts.append(svg.text(x, middle, f"÷{place.stride}", "small", "end"))
    if place.has_residual and not place.is_identity:
        side = centre - max(a, b, c) - 7
        parts.append(_narrow_arc(side, centre - a, y + 5, bottom - 5))
    return "".join(parts)


def _narrow_arc(side: float, foot: float, top: float, bottom: float) -> str:
    points = [(foot, top), (side, top), (side, bottom), (foot, bottom)]
    return svg.path(points, "residual")
