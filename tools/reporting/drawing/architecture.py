"""Draws a network from left to right, for wide pages.

The thickness of a block at its input, in its middle and at its output grows with the square root of
the number of channels. Below are the options of each width, and the candidates of each slot, as
discs whose area is their probability; and the predicted latency of each slot.
"""

import itertools
from collections.abc import Sequence

from tools.reporting.data.places import Decision, Place, candidates, half_widths
from tools.reporting.drawing import labels, layer_shapes, svg

WIDE = 1080
_GUTTER = 96
_MOST_COLUMN = 112
_AXIS = 78
_THICK = 52
_ROW = 22
_OPTION_ROW = 17
_DISC = 8.0
_SMALL_DISC = 5.0
_BAR = 44
_WORD = 13
# Width of a letter of a word in a block, in pixels, by its CSS class; the first that fits is used.
_LETTERS = {"op": 6.9, "op tight": 5.6}


def draw(places: list[Place], decisions: Sequence[Decision], label: str) -> str:
    """Draws the network at the width of a desktop page.

    Args:
        places: the layers.
        decisions: the width decisions, and the resolution decision if there is one.
        label: description of the picture for screen readers.
    """
    operations = candidates(places)
    longest = max((len(op.label) for op in operations), default=0)
    gutter = max(_GUTTER, labels.SMALL_LETTER * longest + 8)
    column = min(_MOST_COLUMN, (WIDE - gutter - 30) / len(places))
    lefts = [gutter + i * column for i in range(len(places))]
    flow, lowest = _flow(places, lefts, column)
    y = max(_AXIS + _THICK, lowest) + 28
    parts = [flow, _strides(places, lefts, y - 16), _brackets(places, lefts, column, y)]
    y += 40
    options, height = _options(places, decisions, lefts, column, y)
    parts.append(options)
    y += height
    if operations:
        parts.append(svg.text(0, y + 4, "candidates", "small strong"))
        for i, op in enumerate(operations):
            row_y = y + (i + 1) * _ROW
            parts.append(svg.text(0, row_y + 4, op.label, "small"))
            end = lefts[-1] + column
            parts.append(svg.line(gutter, row_y, end, row_y, "grid"))
            for place, left in zip(places, lefts, strict=True):
                parts.append(layer_shapes.disc(place, op, left + column / 2, row_y, _DISC))
        y += (len(operations) + 1) * _ROW + 12
    bars, height = _bars(places, lefts, column, y)
    return svg.picture(WIDE, y + height, "".join([*parts, bars]), label, "wide")


def _flow(places: list[Place], lefts: list[float], column: float) -> tuple[str, float]:
    """Draws the blocks with their words; also returns the lowest y of any word below a block."""
    parts = []
    lowest = 0.0
    thick = half_widths(places, _THICK)
    words_of = [[labels.short(word) for word in place.words] for place in places]
    longest = max(len(word) for words in words_of for word in words)
    fits = [name for name, letter in _LETTERS.items() if longest * letter <= column - 4]
    class_ = fits[0] if fits else list(_LETTERS)[-1]
    for place, words, left, (a, b, c) in zip(places, words_of, lefts, thick, strict=True):
        right = left + column
        if place.has_residual and not place.is_identity:
            parts.append(_arc(left, right, _AXIS - max(a, b, c) - 8, _AXIS - a))
        shape = layer_shapes.edge(left, right, a, b, c, place)
        points = [(x, _AXIS - h) for x, h in shape] + [(x, _AXIS + h) for x, h in reversed(shape)]
        parts.append(svg.path(points, layer_shapes.class_of(place), closed=True))
        middle = left + column / 2
        if place.is_identity:
            parts.append(svg.text(middle, _AXIS - a - 6, "skip", "small", "middle"))
            continue
        # Text of a thin block is below it, because a residual connection may be above it.
        height = _WORD * (len(words) - 1)
        is_thin = b < height / 2 + 10
        top = _AXIS + max(a, b, c) + 14 if is_thin else _AXIS + 4 - height / 2
        lowest = max(lowest, top + height + 10 if is_thin else 0.0)
        for i, word in enumerate(words):
            word = labels.fitted(word, column, _LETTERS[class_])
            parts.append(svg.text(middle, top + _WORD * i, word, class_, "middle"))
    return "".join(parts), lowest


def _strides(places: list[Place], lefts: list[float], y: float) -> str:
    return "".join(
        svg.text(left + 3, y, f"÷{place.stride}", "small")
        for place, left in zip(places, lefts, strict=True)
        if place.stride > 1
    )


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
    """Draws resolutions and widths; neighbours of one decision share one bracket."""
    parts = [svg.text(0, y + 4, "pixels", "small strong")]
    parts.append(svg.text(0, y + 22, "channels", "small strong"))
    sizes = ((0, lambda p: (p.resolution, None)), (18, lambda p: (p.widths[2], p.width)))
    for row, value in sizes:
        numbered = list(zip(places, lefts, strict=True))
        for (size, _), group in itertools.groupby(numbered, key=lambda pair: value(pair[0])):
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


def _options(
    places: list[Place],
    decisions: Sequence[Decision],
    lefts: list[float],
    column: float,
    y: float,
) -> tuple[str, float]:
    """Draws the options of each width below its layers, then the resolutions in one row.

    Returns:
        The elements, and the height used.
    """
    if not decisions:
        return "", 0.0
    parts, start = [], y
    by_name = {decision.name: decision for decision in decisions}
    rows = 0
    numbered = zip(places, lefts, strict=True)
    for name, group in itertools.groupby(numbered, key=lambda pair: pair[0].width):
        if name is None:
            continue
        members = list(group)
        middle = (members[0][1] + members[-1][1] + column) / 2
        options = sorted(by_name[name].options, key=lambda option: option.number)
        # The disc and its number are in the middle together.
        x = middle - labels.SMALL_LETTER * len(str(options[-1].number)) / 2 - 2
        for i, option in enumerate(options):
            parts.append(layer_shapes.option(name, option, x, y + i * _OPTION_ROW, _SMALL_DISC))
        rows = max(rows, len(options))
    if rows:
        parts.append(svg.text(0, y + 4, "widths", "small strong"))
        y += rows * _OPTION_ROW + 10
    if "resolution" in by_name:
        parts.append(svg.text(0, y + 4, "resolution", "small strong"))
        for i, option in enumerate(by_name["resolution"].options):
            x = lefts[0] + 8 + 52 * i
            parts.append(layer_shapes.option("resolution", option, x, y, _SMALL_DISC))
        y += _OPTION_ROW + 10
    return "".join(parts), y - start + 4


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
            parts.append(layer_shapes.bar(middle - width / 2, base - height, width, height))
        shown = svg.short(place.ms, 2) if place.ms else "0"
        parts.append(svg.text(middle, base - height - 5, shown, "small", "middle"))
    parts.append(svg.line(lefts[0], base, lefts[-1] + column, base, "axis"))
    return "".join(parts), 14 + _BAR + 6
