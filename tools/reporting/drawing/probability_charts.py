"""Small charts of the probabilities of a slot's candidates, all with the same axes."""

from collections.abc import Sequence

import numpy as np

from tools.reporting.drawing import svg

_WIDTH, _HEIGHT = 136, 118
_TOP, _BOTTOM, _LEFT = 38, 16, 4


def draw(
    slot: int,
    probabilities: np.ndarray,
    names: Sequence[str],
    chosen: int | None,
    epochs: int,
) -> str:
    """Draws the chart of one slot.

    Args:
        slot: number of the slot, from 1.
        probabilities: `[epochs, candidates]`.
        names: names of the candidates.
        chosen: index of the candidate in the child.
        epochs: number of epochs of the whole search.
    """
    last = probabilities[-1]
    order = list(np.argsort(-last, kind="stable"))
    shown = int(order[0]) if chosen is None else chosen
    x_of = svg.Scale(1, max(epochs, 2), _LEFT, _WIDTH - _LEFT - 4)
    y_of = svg.Scale(0.0, 1.0, _HEIGHT - _BOTTOM, _TOP)
    parts = [svg.text(0, 11, f"slot {slot}", "small")]
    parts.append(
        svg.text(_WIDTH, 11, f"{names[shown]}  {100 * last[shown]:.0f} %", "name accent", "end")
    )
    second = next((int(j) for j in order if int(j) != shown), None)
    if second is not None:
        words = f"{names[second]}  {100 * last[second]:.0f} %"
        parts.append(svg.text(_WIDTH, 26, words, "small", "end"))
    for level in (0.0, 0.5, 1.0):
        parts.append(svg.line(0, y_of(level), _WIDTH, y_of(level), "grid"))
    for j in reversed(order):
        places = [(x_of(i + 1), y_of(p)) for i, p in enumerate(probabilities[:, j])]
        class_ = "accent" if j == shown else "ink faint"
        if len(places) > 1:
            parts.append(svg.path(places, f"line {class_}"))
        parts.append(svg.circle(*places[-1], 3 if j == shown else 1.8, f"dot {class_}"))
    parts.append(svg.text(0, _HEIGHT - 3, "1", "small"))
    parts.append(svg.text(x_of(epochs), _HEIGHT - 3, f"{epochs}", "small", "end"))
    label = f"Slot {slot}: " + ", ".join(f"{names[j]} {100 * last[j]:.0f} percent" for j in order)
    return svg.picture(_WIDTH, _HEIGHT, "".join(parts), label)
