"""Search algorithms: how paths are sampled and how the architecture parameters learn.

An algorithm is one file, one class of the Protocol and one row in `ALGORITHMS`. The supernet's
training step calls it and never asks which one it is.
"""

from nas.algorithms.protocol import Algorithm, ArchitectureGradient
from nas.algorithms.proxyless_gradient import ProxylessGradient

ALGORITHMS: dict[str, type[Algorithm]] = {"proxyless_gradient": ProxylessGradient}

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
