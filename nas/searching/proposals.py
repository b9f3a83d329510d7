"""The networks that may become the child, for `nas.searching.finalists` to choose among.

Every one meets the target as the child would:

- `estimate`: the best by the estimate from the losses of all weight steps.
- `alpha`: the algorithm's own choice.
- `width`: where widths are decisions, the network of one multiplied width, if one meets the target.
- `one operation`: there, the same operations with the widths that are best by the estimate.
- `draw`: the best if effects are drawn from what the estimate holds possible. Draws differ where
  the estimate is unsure, and only there (Thompson 1933).
"""

from collections.abc import Callable

import numpy as np

from nas.architecture.spaces import width_multiplied
from nas.choices import derive
from nas.choices.additive_estimate import AdditiveEstimate
from nas.searching.algorithms.task import Task
from nas.searching.finalist_record import Finalist, Origin

# Draws for one further network. Where the estimate is sure, they are often the same.
_MOST_DRAWS = 20


def propose(
    task: Task,
    estimate: AdditiveEstimate,
    choose_by: Callable[[np.ndarray], tuple[int, ...]],
    own: Callable[[], tuple[int, ...]] | None,
) -> list[Finalist]:
    """Proposes up to `config.finalists` different networks; fewer if hardly more are found.

    Args:
        task: the search.
        estimate: what options are worth.
        choose_by: returns the most probable network, by given probabilities, that meets the target.
        own: returns the algorithm's own choice; None to leave it out.
    """
    found: dict[tuple[int, ...], Origin] = {}

    def add(choices: tuple[int, ...], origin: Origin) -> None:
        if len(found) < task.config.finalists:
            found.setdefault(choices, origin)

    add(choose_by(estimate.probabilities), "estimate")
    if task.space.widths:
        widest = [c for c in width_multiplied.all_multiplied(task.space) if _meets(task, c)]
        if widest:
            add(widest[-1], "width")
        add(choose_by(_one_operation(task, estimate)), "one operation")
    if own:
        add(own(), "alpha")
    rng = np.random.default_rng(task.config.seed)
    for _ in range(_MOST_DRAWS * task.config.finalists):
        if len(found) == task.config.finalists:
            break
        add(choose_by(estimate.draw(rng).probabilities), "draw")
    return [Finalist(c, origin, task.latencies.of(c)) for c, origin in found.items()]


def _meets(task: Task, choices: tuple[int, ...]) -> bool:
    """Whether a network meets the target without being much faster."""
    target, band = task.config.target, derive.TARGET_BAND
    most = target * (1.0 if task.config.is_limit else 1.0 + band)
    return not target or target * (1.0 - band) <= task.latencies.of(choices) <= most


def _one_operation(task: Task, estimate: AdditiveEstimate) -> np.ndarray:
    """Returns the estimate's probabilities with the operations of the plain network."""
    p = estimate.probabilities
    plain = width_multiplied.multiplied(task.space, 1.0)
    for row in range(len(task.space.slots)):
        p[row] = np.where(np.isnan(p[row]), np.nan, 0.0)
        p[row, plain[row]] = 1.0
    return p
