"""Children whose latency lies between two bounds: which they are, and a fair draw from them."""

import bisect
import itertools
import random
from collections.abc import Iterable, Sequence

import numpy as np

from nas.objectives import Latencies

Choices = tuple[int, ...]

_BINS = 4000
_MOST_DRAWS = 100_000


class LatencyBand:
    """The children of one space that are neither too slow nor too fast.

    Args:
        latencies: of the space's candidates.
        at_most_ms: the limit.
        at_least_ms: keeps a budget from being left unspent.
    """

    def __init__(self, latencies: Latencies, at_most_ms: float, at_least_ms: float = 0.0) -> None:
        self.latencies = latencies
        self.at_most_ms = at_most_ms
        self.at_least_ms = at_least_ms

    @classmethod
    def everything(cls, num_candidates: Sequence[int]) -> "LatencyBand":
        """All children of a space with so many candidates in its slots; nothing costs anything."""
        return cls(Latencies.zero(num_candidates), 0.0)

    @property
    def without_lower_end(self) -> "LatencyBand":
        """The same limit alone."""
        return LatencyBand(self.latencies, self.at_most_ms)

    def holds(self, choices: Sequence[int]) -> bool:
        """Whether this child lies inside."""
        spent_ms = self.latencies.of(choices)
        # Sums in another order may differ in their last bits.
        slack = 1e-12
        return self.at_least_ms * (1.0 - slack) <= spent_ms <= self.at_most_ms * (1.0 + slack)

    def draw(self, count: int, seed: int, without: Iterable[Choices] = ()) -> list[Choices]:
        """Different children, drawn uniformly from those inside.

        Latencies are rounded to bins, so that the children of a few bins can be counted and
        numbered by dynamic programming over the slots, however rare they are in the space. Numbers
        are drawn; what exact latency puts outside is left out.

        Args:
            count: how many.
            seed: of the draw.
            without: children that are not to be drawn.

        Returns:
            `count` of them, fewer where no more were found.
        """
        numbered = _NumberedChildren(self)
        generator = random.Random(seed)
        draws: Iterable[int]
        if numbered.count <= _MOST_DRAWS:
            draws = generator.sample(range(numbered.count), numbered.count)
        else:
            draws = (generator.randrange(numbered.count) for _ in range(_MOST_DRAWS))
        taken = {tuple(choices) for choices in without}
        found: list[Choices] = []
        for number in draws:
            if len(found) == count:
                break
            choices = numbered[number]
            if choices not in taken and self.holds(choices):
                taken.add(choices)
                found.append(choices)
        return found


class _NumberedChildren:
    """Every child whose rounded latency lies in a band or hardly outside, by its number."""

    def __init__(self, band: LatencyBand) -> None:
        slots, fastest_ms = band.latencies.slots, band.latencies.fastest_ms
        bin_ms = (band.latencies.slowest_ms - fastest_ms) / _BINS or 1.0
        self._bins = [np.rint((slot - slot.min()) / bin_ms).astype(int).tolist() for slot in slots]
        most = sum(max(bins) for bins in self._bins)
        # Rounding moves every slot by half a bin at most.
        margin = len(slots) / 2 + 1
        first = max(0, int(np.floor((band.at_least_ms - fastest_ms) / bin_ms - margin)))
        last = min(most, int(np.ceil((band.at_most_ms - fastest_ms) / bin_ms + margin)))
        self._totals = range(first, last + 1)
        # Python's integers: a space holds more children than 64 bits may count.
        ways = np.zeros(most + 1, object)
        ways[0] = 1
        self._ways = [ways]
        for bins in reversed(self._bins):
            shifted = [np.concatenate([[0] * b, ways[: most + 1 - b]]) for b in bins]
            ways = np.sum(shifted, axis=0)
            self._ways.insert(0, ways)
        self._ends = list(itertools.accumulate(self._ways[0][total] for total in self._totals))
        self.count: int = self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> Choices:
        place = bisect.bisect_right(self._ends, number)
        rest = self._totals[place]
        number -= self._ends[place - 1] if place else 0
        choices: list[int] = []
        for bins, ways in zip(self._bins, self._ways[1:], strict=True):
            counts = [ways[rest - cost] if cost <= rest else 0 for cost in bins]
            ends = list(itertools.accumulate(counts))
            choice = bisect.bisect_right(ends, number)
            number -= ends[choice] - counts[choice]
            rest -= bins[choice]
            choices.append(choice)
        return tuple(choices)
