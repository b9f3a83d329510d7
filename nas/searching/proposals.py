"""The networks that may become the child, for `nas.searching.finalists` to choose among.

Every one meets the target as the child would:

- `estimate`: the best by the estimate from the losses of all weight steps.
- `width`: where widths are decisions, the network of one multiplied width, if one meets the
  target.
- `pretrained`: where the search began with a pretrained network, that network at the largest
  resolution that meets the target; it may be faster than the others. It is what one has without a
  search.
- `alpha`: the algorithm's own choice.
- `most work`: the one of most work (`nas.choices.work`); a rule that needs no search.
- `one operation`: for each operation of the space, a network that has it in every slot, or in as
  many as the target allows, and otherwise the most work. Such networks are what one designs by
  hand, and hard to beat.
- `draw`: the best if effects are drawn from what the estimate holds possible. Draws differ where
  the estimate is unsure, and only there (Thompson 1933).
"""

import collections
from collections.abc import Callable

import numpy as np

from nas.architecture.operations import Skip
from nas.architecture.spaces import width_multiplied
from nas.architecture.specs import SearchSpace
from nas.choices import derive
from nas.choices.additive_estimate import AdditiveEstimate
from nas.choices.work import ChooseBy, Work
from nas.searching.algorithms.task import Task
from nas.searching.finalist_record import Finalist, Origin
from nas.supernet import pretrained_start

# Draws for one further network. Where the estimate is sure, they are often the same.
_MOST_DRAWS = 20
# Probability of another operation beside a preferred one: less than any work can outweigh.
_UNLIKE = 1e-12
# In nats for a factor e of work: far more than equal probabilities differ by.
_WORK_ALONE = 1.0


def propose(
    task: Task,
    estimate: AdditiveEstimate,
    choose_by: ChooseBy,
    own: Callable[[], tuple[int, ...]] | None,
    is_limit: bool,
) -> list[Finalist]:
    """Proposes up to `config.finalists` different networks; fewer if hardly more are found.

    Args:
        task: the search.
        estimate: what options are worth.
        choose_by: how the child is chosen.
        own: returns the algorithm's own choice; None to leave it out.
        is_limit: whether the target is a limit.
    """
    found: dict[tuple[int, ...], Origin] = {}

    def add(choices: tuple[int, ...], origin: Origin) -> None:
        if len(found) < task.config.finalists:
            found.setdefault(choices, origin)

    equal = _equal(task.space)
    work = Work(task.space)
    add(choose_by(estimate.probabilities), "estimate")
    if task.space.widths:
        widest = [
            c for c in width_multiplied.all_multiplied(task.space) if _meets(task, c, is_limit)
        ]
        if widest:
            add(widest[-1], "width")
    if task.pretrained:
        sized = pretrained_start.at_every_resolution(task.space, task.pretrained)
        fast = [c for c in sized if not _is_slower(task, c, is_limit)]
        if fast:
            add(fast[-1], "pretrained")
    if own:
        add(own(), "alpha")
    # Another objective only trades accuracy for latency: then no work is too much.
    if task.config.target and (is_limit or task.config.objective == "target"):
        add(work.best(choose_by, equal, _WORK_ALONE), "most work")
        for choices in _of_one_operation(task.space, choose_by, work):
            add(choices, "one operation")
    rng = np.random.default_rng(task.config.seed)
    for _ in range(_MOST_DRAWS * task.config.finalists):
        if len(found) == task.config.finalists:
            break
        add(choose_by(estimate.draw(rng).probabilities), "draw")
    return [Finalist(c, origin, task.latencies.of(c)) for c, origin in found.items()]


def _meets(task: Task, choices: tuple[int, ...], is_limit: bool) -> bool:
    """Whether a network meets the target without being much faster."""
    target = task.config.target
    if not target:
        return True
    is_used = task.latencies.of(choices) >= target * (1.0 - derive.TARGET_BAND)
    return is_used and not _is_slower(task, choices, is_limit)


def _is_slower(task: Task, choices: tuple[int, ...], is_limit: bool) -> bool:
    """Whether a network takes longer than the target allows."""
    target = task.config.target
    most = target * (1.0 if is_limit else 1.0 + derive.TARGET_BAND)
    return bool(target) and task.latencies.of(choices) > most


def _equal(space: SearchSpace) -> np.ndarray:
    """Returns equal probabilities, NaN in the padding."""
    most = max(space.option_counts)
    return np.array([[1.0] * n + [np.nan] * (most - n) for n in space.option_counts])


def _of_one_operation(space: SearchSpace, choose_by: ChooseBy, work: Work) -> list[tuple[int, ...]]:
    """Returns a network for each operation that most slots can choose, that of most work first."""
    labels = collections.Counter(
        op.label for slot in space.slots for op in slot.candidates if not isinstance(op, Skip)
    )
    common = [label for label, count in labels.items() if 2 * count > len(space.slots)]
    found = [work.best(choose_by, _preferring(label, space), _WORK_ALONE) for label in common]
    return sorted(found, key=lambda choices: -work.log(choices))


def _preferring(label: str, space: SearchSpace) -> np.ndarray:
    """Returns probabilities that prefer an operation to whatever else counts."""
    p = _equal(space)
    for row, slot in enumerate(space.slots):
        is_other = np.array([op.label != label for op in slot.candidates])
        if not is_other.all():
            p[row, : len(is_other)] *= np.where(is_other, _UNLIKE, 1.0)
    return p
