"""How much a network computes and holds, as one number.

What computes more in equal time is often better, the more so the longer it is trained. The network
of most work that meets a target is a rule without a search, and so something to compare with.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from nas.architecture.specs import SearchSpace
from nas.choices import space_costs
from nas.choices.chain_costs import ChainCosts
from nas.choices.partial_networks import Worth

# Of multiply-accumulates and of parameters.
_EXPONENTS = (1.0, 0.5)
# Rounds in which the weights of a sum follow the network that they lead to.
_ROUNDS = 6


class ChooseBy(Protocol):
    """Returns the most probable network, by given probabilities, that meets a target."""

    def __call__(self, p: np.ndarray, worth: Worth = ()) -> tuple[int, ...]:
        """Takes probabilities `[rows, most options]` and what else counts."""


def log_of(macs: float, params: float) -> float:
    """Returns the logarithm of the work of so many multiply-accumulates and parameters, in nats."""
    return sum(e * math.log(x) for e, x in zip(_EXPONENTS, (macs, params), strict=True))


class Work:
    """The work of the networks of a space: multiply-accumulates times the root of the parameters.

    Args:
        space: the space.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._costs = space_costs.macs_of(space), space_costs.params_of(space)

    def log(self, choices: Sequence[int]) -> float:
        """Returns the logarithm of a network's work, in nats."""
        macs, params = (costs.of(choices) for costs in self._costs)
        return log_of(macs, params)

    def best(self, choose_by: ChooseBy, p: np.ndarray, nats: float) -> tuple[int, ...]:
        """Returns a network with a large sum of log probability and `nats` times its log work.

        The dynamic program finds the largest of a sum over layers. The logarithm of the work is
        such a sum near any network, with weights that depend on the network; so the weights follow
        the last one found, and the best of all rounds is returned.

        Args:
            choose_by: chooses among the networks that meet the target.
            p: `[rows, most options]`, NaN in the padding.
            nats: what a factor e of work adds to the log probability.
        """
        found: list[tuple[int, ...]] = []
        amounts = [_mean(costs) for costs in self._costs]
        for _ in range(_ROUNDS):
            terms = zip(self._costs, _EXPONENTS, amounts, strict=True)
            found.append(choose_by(p, [(costs, nats * w / x) for costs, w, x in terms]))
            amounts = [costs.of(found[-1]) for costs in self._costs]
        return max(found, key=lambda choices: _log_p(p, choices) + nats * self.log(choices))


def _log_p(p: np.ndarray, choices: Sequence[int]) -> float:
    return float(sum(math.log(max(row[c], 1e-300)) for row, c in zip(p, choices, strict=True)))


def _mean(costs: ChainCosts) -> float:
    equal = costs.mask / np.array(costs.counts)[:, None]
    return float(costs.expected(tf.constant(equal)))
