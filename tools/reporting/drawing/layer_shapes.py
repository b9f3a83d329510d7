"""The shapes of a layer that the wide and the narrow drawing of a network share."""

import math

from nas.architecture.operations import AnyOperation
from tools.reporting.data.places import Option, Place
from tools.reporting.drawing import svg


def edge(
    start: float, end: float, a: float, b: float, c: float, place: Place
) -> list[tuple[float, float]]:
    """Returns the corners of one edge: position along the flow, and half the thickness there.

    Args:
        start: position at which the layer begins, in pixels.
        end: position at which it ends.
        a: half the thickness at its input.
        b: half the thickness in its middle.
        c: half the thickness at its output.
        place: the layer.
    """
    if place.is_identity:
        return [(start, a), (end, c)]
    if place.kind != "block":
        return [(start + 2, a), (end - 2, c)]
    bend = 2 + 0.16 * (end - start)
    return [(start + 2, a), (start + bend, b), (end - bend, b), (end - 2, c)]


def class_of(place: Place) -> str:
    """Returns the CSS classes of a layer's shape."""
    if place.is_identity:
        return "block skip"
    if place.slot is None:
        return "block fixed"
    return "block open" if place.widths[1] is None else "block chosen"


def disc(place: Place, op: AnyOperation, x: float, y: float, most: float) -> str:
    """Draws the disc of a candidate of the slot; nothing if the slot does not have it.

    Args:
        place: the slot.
        op: the candidate.
        x: centre in pixels.
        y: centre in pixels.
        most: radius of a certain candidate, in pixels.
    """
    for one in place.alternatives:
        if one.op == op:
            cost = "" if one.ms is None else f", {svg.short(one.ms)} ms"
            name = f"slot {place.slot}: {op.label}"
            return _disc(name, one.probability, one.is_chosen, cost, x, y, most)
    return ""


def option_disc(name: str, option: Option, x: float, y: float, most: float) -> str:
    """Draws the disc of an option of the decision `name`; arguments as for `disc`."""
    words = f"{name}: {option.number}"
    return _disc(words, option.probability, option.is_chosen, "", x, y, most)


def _disc(
    name: str,
    probability: float | None,
    is_chosen: bool,
    end: str,
    x: float,
    y: float,
    most: float,
) -> str:
    share = "" if probability is None else f", {100 * probability:.0f} %"
    tip = f"{name}{share}{end}"
    if probability is None:
        radius = min(5.0, most)
        return svg.circle(x, y, radius, "disc chosen" if is_chosen else "disc hollow", tip)
    radius = max(1.5, most * math.sqrt(probability))
    return svg.circle(x, y, radius, "disc chosen" if is_chosen else "disc", tip)


def option(name: str, option: Option, x: float, y: float, most: float) -> str:
    """Draws an option of a decision: its disc around `x`, and its number after it."""
    class_ = "name accent" if option.is_chosen else "small"
    disc = option_disc(name, option, x, y, most)
    return disc + svg.text(x + most + 3, y + 4, str(option.number), class_)


def bar(x: float, y: float, width: float, height: float) -> str:
    """Draws the bar of a predicted latency."""
    return svg.element("rect", x=x, y=y, width=width, height=height, class_="bar plain")
