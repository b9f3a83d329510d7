"""Search algorithms: how weights are trained and how the architecture parameters learn.

An algorithm is one file, one class of the Protocol and one row in `ALGORITHMS`. The supernet's
training step calls it and never asks which one it is.
"""

from collections.abc import Callable

from nas.algorithms.darts import Darts
from nas.algorithms.protocol import Algorithm, ArchitectureGradient
from nas.algorithms.proxyless_gradient import FullGradient, TwoPathGradient

ALGORITHMS: dict[str, Callable[[], Algorithm]] = {
    "proxyless_gradient": TwoPathGradient,
    "proxyless_gradient_full": FullGradient,
    "darts": Darts,
}

__all__ = ["ALGORITHMS", "Algorithm", "ArchitectureGradient", "algorithm"]


def algorithm(name: str) -> Algorithm:
    """The algorithm called `name`.

    Raises:
        ValueError: no such algorithm; the known ones are listed.
    """
    if name not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise ValueError(f"algorithm: expected one of {known}; received {name!r}")
    return ALGORITHMS[name]()
