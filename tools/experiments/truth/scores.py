"""The scores that a truth judges: those of finished searches, and some that need no search.

A search that does not know networks better than their depth or work has not earned its time.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from nas.architecture import spaces
from nas.architecture.operations import Skip
from nas.architecture.specs import SearchSpace
from nas.choices import work
from tools.experiments.truth.finished_search import FinishedSearch
from tools.experiments.truth.networks import Truth
from tools.experiments.truth.trainings import Training


class Score(NamedTuple):
    """A score of networks.

    Attributes:
        name: what it is.
        of: the score of a network; a larger one is better.
        search: work dir of the search whose score it is; None if it needs no search.
        target_ms: the target that this search searched for, in milliseconds; None likewise.
    """

    name: str
    of: Callable[[Training], float]
    search: str | None = None
    target_ms: float | None = None

    @property
    def title(self) -> str:
        """Its name in tables."""
        return self.name if self.search is None else f"{self.name} of {self.search}"


def simple(truth: Truth) -> list[Score]:
    """Returns the scores that need no search.

    `depth` is the number of slots that are not skipped, `MACs` and `parameters` are what they say,
    and `work` is both in one number (`nas.choices.work`).

    Raises:
        ValueError: the truth's space cannot be read, or its networks are not of this space.
    """
    space = spaces.load_space(truth.settings.space)
    for network in truth.networks:
        _check(space, network.row.choices, truth)
    return [
        Score("depth", lambda row: depth(space, row.choices)),
        Score("MACs", lambda row: row.macs),
        Score("parameters", lambda row: row.params),
        Score("work", lambda row: work.log_of(row.macs, row.params)),
    ]


def of_search(search: FinishedSearch) -> list[Score]:
    """Returns the scores of a search; none if it has neither an estimate nor alpha."""
    return [
        Score(name, _by_row(of), str(search.path), search.target_ms)
        for name, of in search.scores.items()
    ]


def _by_row(of: Callable[[Sequence[int]], float]) -> Callable[[Training], float]:
    return lambda row: of(row.choices)


def depth(space: SearchSpace, choices: Sequence[int]) -> int:
    """Returns the number of slots whose operation is no skip."""
    # Widths and resolution follow the slots.
    pairs = zip(space.slots, choices, strict=False)
    return sum(not isinstance(slot.candidates[choice], Skip) for slot, choice in pairs)


def _check(space: SearchSpace, choices: Sequence[int], truth: Truth) -> None:
    counts = space.option_counts
    same = len(choices) == len(counts)
    if not same or not all(0 <= c < n for c, n in zip(choices, counts, strict=True)):
        raise ValueError(
            f"{truth.path}: expected networks of the space {truth.settings.space}, received the "
            f"choices {list(choices)}; put the file of this space back as it was"
        )
