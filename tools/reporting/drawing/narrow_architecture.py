"""Draws a network from top to bottom, for pages as narrow as a phone.

Beside each block are the candidates of its slot, as discs whose area is their probability, and its
predicted latency. Long or many labels have letters in their place, and a legend below. The
options of the widths and of the resolution are below everything.
"""

from collections.abc import Sequence

from nas.architecture.operations import AnyOperation
from tools.reporting.data.places import Decision, Place, candidates, half_widths
from tools.reporting.drawing import labels, layer_shapes, svg

_ROW = 40
_THICK = 36
_DISC = 8.0
_SMALL_DISC = 5.0
_DIGIT = 6.2
_CENTRE, _FIRST = 100.0, 164.0
_LINE = 17
_PER_LINE = 7


def draw(places: list[Place], decisions: Sequence[Decision], label: str) -> str:
    """Draws the network; arguments as for the wide drawing."""
    operations = candidates(places)
    keys = labels.keys(operations)
    top = (20 if keys else 46) if operations else 20
    gap = min(20.0, (svg.WIDTH - _FIRST - 64.0) / max(len(operations), 1))
    parts = [
        svg.text(0, 11, "pixels,", "small strong"),
        svg.text(0, 25, "channels", "small strong"),
        _heads(operations, keys, gap, top),
    ]
    known = [place.ms for place in places if place.ms]
    bar_left = _FIRST + len(operations) * gap - 4
    # Space for the number after the longest bar, and a gap.
    room = 10 + _DIGIT * max((len(svg.short(ms, 2)) for ms in known), default=0)
    if known:
        parts.append(svg.text(svg.WIDTH, 11, "predicted ms", "small strong", "end"))
    top += 10 if keys and known else 0
    thick = half_widths(places, _THICK)
    before: tuple[int, int] | None = None
    for i, (place, (a, b, c)) in enumerate(zip(places, thick, strict=True)):
        y = top + i * _ROW
        parts.append(_block(place, y, (a, b, c), keys))
        here = (place.resolution, place.widths[2])
        middle = y + _ROW / 2 + 4
        if here != before:
            parts.append(svg.text(0, middle, f"{here[0]}², {here[1]}", "small"))
        before = here
        for j, op in enumerate(operations):
            most = min(_DISC, 0.48 * gap)
            parts.append(layer_shapes.disc(place, op, _FIRST + j * gap, middle - 4, most))
        if place.ms is not None and known:
            width = (svg.WIDTH - bar_left - room) * place.ms / max(known)
            if place.ms and width > 0:
                parts.append(layer_shapes.bar(bar_left, middle - 9, max(width, 1.0), 10))
            shown = svg.short(place.ms, 2)
            parts.append(svg.text(svg.WIDTH, middle, shown, "small", "end"))
    y = top + len(places) * _ROW + 4
    legend, height = _legend(keys, y + 14)
    options, more = _options(decisions, y + 14 + height)
    parts += [legend, options]
    return svg.picture(svg.WIDTH, y + height + more, "".join(parts), label, "narrow")


def _heads(
    operations: Sequence[AnyOperation], keys: dict[AnyOperation, str], gap: float, top: float
) -> str:
    """Draws the names of the columns of candidates: letters, or turned labels."""
    parts = []
    for i, op in enumerate(operations):
        x = _FIRST + i * gap
        if keys:
            parts.append(svg.text(x, 25, keys[op], "small", "middle"))
            continue
        turned = svg.text(0, 0, op.label, "small")
        place = f"translate({svg.number(x + 3)} {svg.number(top - 6)}) rotate(-50)"
        parts.append(svg.element("g", turned, transform=place))
    return "".join(parts)


def _block(
    place: Place, y: float, thick: tuple[float, float, float], keys: dict[AnyOperation, str]
) -> str:
    a, b, c = thick
    bottom = y + _ROW
    shape = [(along, half) for along, half in layer_shapes.edge(y, bottom, a, b, c, place)]
    points = [(_CENTRE - h, along) for along, h in shape]
    points += [(_CENTRE + h, along) for along, h in reversed(shape)]
    parts = [svg.path(points, layer_shapes.class_of(place), closed=True)]
    words = "skip" if place.is_identity else _words(place, keys)
    room = 3.2 * len(words) + 2
    class_ = "small" if place.is_identity else "op"
    middle = y + _ROW / 2 + 4
    if max(a, b, c) >= room:
        parts.append(svg.text(_CENTRE, middle, words, class_, "middle"))
    else:
        x = _CENTRE + max(a, b, c) + 5
        words = labels.fitted(words, svg.WIDTH - x, labels.NAME_LETTER)
        parts.append(svg.text(x, middle, words, class_))
    if place.stride > 1:
        x = _CENTRE - max(a, b, c) - 5
        parts.append(svg.text(x, middle, f"÷{place.stride}", "small", "end"))
    if place.has_residual and not place.is_identity:
        side = _CENTRE - max(a, b, c) - 7
        parts.append(_arc(side, _CENTRE - a, y + 5, bottom - 5))
    return "".join(parts)


def _words(place: Place, keys: dict[AnyOperation, str]) -> str:
    """Returns the letter of the chosen candidate, or the words of its operation."""
    chosen = next((one.op for one in place.alternatives if one.is_chosen), None)
    return keys[chosen] if keys and chosen is not None else " ".join(place.words)


def _arc(side: float, foot: float, top: float, bottom: float) -> str:
    points = [(foot, top), (side, top), (side, bottom), (foot, bottom)]
    return svg.path(points, "residual")


def _legend(keys: dict[AnyOperation, str], y: float) -> tuple[str, float]:
    """Draws each letter with its label, in two columns; also returns the height used."""
    if not keys:
        return "", 0.0
    rows = -(-len(keys) // 2)
    parts = [svg.text(0, y + 4, "candidates", "small strong")]
    for i, (op, key) in enumerate(keys.items()):
        x, row_y = (i // rows) * svg.WIDTH / 2, y + (i % rows + 1) * _LINE + 4
        parts.append(svg.text(x, row_y, key, "small strong"))
        words = labels.fitted(labels.short(op.label), svg.WIDTH / 2 - 22)
        parts.append(svg.text(x + 16, row_y, words, "small"))
    return "".join(parts), (rows + 1) * _LINE + 10


def _options(decisions: Sequence[Decision], y: float) -> tuple[str, float]:
    """Draws a name and its numbers for each decision; also returns the height used."""
    parts, start = [], y
    for decision in decisions:
        name = labels.fitted(decision.name, svg.WIDTH)
        parts.append(svg.text(0, y + 4, name, "small strong"))
        for i, option in enumerate(decision.options):
            x = 6 + 48 * (i % _PER_LINE)
            row_y = y + (i // _PER_LINE + 1) * _LINE
            parts.append(layer_shapes.option(decision.name, option, x, row_y, _SMALL_DISC))
        y += (-(-len(decision.options) // _PER_LINE) + 1) * _LINE + 6
    return "".join(parts), y - start + (14 if decisions else 0)
