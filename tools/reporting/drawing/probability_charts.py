"""Small charts of the probabilities of a decision's options, all with the same axes."""

from collections.abc import Sequence

import numpy as np

from tools.reporting.drawing import labels, svg

_WIDTH, _PLOT = 136, 64
_TOP, _BOTTOM, _LEFT = 38, 16, 4
_LINE = 15
# Beside the name of a slot is room for these letters and a percentage.
_LONGEST_BESIDE = 9


def are_long(names: Sequence[str]) -> bool:
    """Whether names of options need lines of their own; all charts of a figure should agree."""
    return max(map(len, names), default=0) > _LONGEST_BESIDE


def draw(
    title: str,
    probabilities: np.ndarray,
    names: Sequence[str],
    chosen: int | None,
    epochs: int,
    long_names: bool = False,
) -> str:
    """Draws the chart of one decision.

    Args:
        title: name of the decision, such as `slot 3` or `width w2`.
        probabilities: `[epochs, options]`.
        names: names of the options.
        chosen: index of the option in the child.
        epochs: number of epochs of the whole search.
        long_names: whether each name has a line of its own.
    """
    last = probabilities[-1]
    order = list(np.argsort(-last, kind="stable"))
    shown = int(order[0]) if chosen is None else chosen
    top = _TOP + (_LINE if long_names else 0)
    height = top + _PLOT + _BOTTOM
    x_of = svg.Scale(1, max(epochs, 2), _LEFT, _WIDTH - _LEFT - 4)
    y_of = svg.Scale(0.0, 1.0, height - _BOTTOM, top)
    second = next((int(j) for j in order if int(j) != shown), None)
    parts = _heads(title, names, last, shown, second, long_names)
    for level in (0.0, 0.5, 1.0):
        parts.append(svg.line(0, y_of(level), _WIDTH, y_of(level), "grid"))
    for j in reversed(order):
        places = [(x_of(i + 1), y_of(p)) for i, p in enumerate(probabilities[:, j])]
        class_ = "accent" if j == shown else "ink faint"
        if len(places) > 1:
            parts.append(svg.path(places, f"line {class_}"))
        parts.append(svg.circle(*places[-1], 3 if j == shown else 1.8, f"dot {class_}"))
    parts.append(svg.text(0, height - 3, "1", "small"))
    parts.append(svg.text(x_of(epochs), height - 3, f"{epochs}", "small", "end"))
    label = f"{title[0].upper()}{title[1:]}: "
    label += ", ".join(f"{names[j]} {100 * last[j]:.0f} percent" for j in order)
    return svg.picture(_WIDTH, height, "".join(parts), label)


def _heads(
    title: str,
    names: Sequence[str],
    last: np.ndarray,
    shown: int,
    second: int | None,
    long_names: bool,
) -> list[str]:
    """Writes the title, the option of the network and the most probable other one."""
    share = f"{100 * last[shown]:.0f} %"
    other = "" if second is None else f"{100 * last[second]:.0f} %"
    if not long_names:
        beside = f"{names[shown]}  {share}"
        room = _WIDTH - labels.NAME_LETTER * (len(beside) + 1)
        parts = [
            svg.text(0, 11, labels.fitted(title, room), "small"),
            svg.text(_WIDTH, 11, beside, "name accent", "end"),
        ]
        if second is not None:
            parts.append(svg.text(_WIDTH, 26, f"{names[second]}  {other}", "small", "end"))
        return parts
    parts = [
        svg.text(0, 11, labels.fitted(title, _WIDTH - 40), "small"),
        svg.text(_WIDTH, 11, share, "name accent", "end"),
        svg.text(0, 11 + _LINE, _name(names[shown], _WIDTH, labels.NAME_LETTER), "name accent"),
    ]
    if second is not None:
        room = _WIDTH - labels.SMALL_LETTER * (len(other) + 1)
        name = _name(names[second], room, labels.SMALL_LETTER)
        parts.append(svg.text(0, 11 + 2 * _LINE, name, "small"))
        parts.append(svg.text(_WIDTH, 11 + 2 * _LINE, other, "small", "end"))
    return parts


def _name(label: str, pixels: float, letter: float) -> str:
    return labels.fitted(labels.short(label), pixels, letter)
