"""Search algorithms: how weights are trained and how the child is chosen.

An algorithm is one file with a class of the Protocol, one row in `ALGORITHMS`, and one line in
`nas/searching/algorithm_names.py`. The search only uses the Protocol, never a specific class.
"""

from nas.architecture.specs import SearchSpace
from nas.choices import additive_estimate
from nas.searching import algorithm_names
from nas.searching.algorithms.darts import Darts
from nas.searching.algorithms.one_shot import PathDropout, UniformPaths
from nas.searching.algorithms.protocol import Algorithm, SupernetAlgorithm
from nas.searching.algorithms.proxyless_gradient import FullGradient, TwoPathGradient
from nas.searching.algorithms.proxyless_reinforce import Reinforce
from nas.searching.algorithms.random_networks import RandomNetworks
from nas.searching.algorithms.task import SearchResult, Task
from nas.searching.search_config import SearchConfig
from nas.supernet.learning_network import ArchitectureGradient

ALGORITHMS: dict[str, type[SupernetAlgorithm] | type[RandomNetworks]] = {
    "proxyless_gradient": TwoPathGradient,
    "proxyless_gradient_full": FullGradient,
    "proxyless_reinforce": Reinforce,
    "darts": Darts,
    "one_shot": PathDropout,
    "one_shot_single_path": UniformPaths,
    "random": RandomNetworks,
}

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "ArchitectureGradient",
    "SearchResult",
    "SupernetAlgorithm",
    "Task",
    "algorithm",
    "check_derivation",
    "check_space",
    "suitable_derivation",
]


def check_space(name: str, space: SearchSpace) -> None:
    """Checks that an algorithm can make all decisions of a space.

    Raises:
        ValueError: it cannot; the message names the decisions, and the algorithms that can.
    """
    algorithm_names.check_name(name)
    unknown = sorted(space.decisions - ALGORITHMS[name].decisions)
    if unknown:
        able = [other for other in ALGORITHMS if not space.decisions - ALGORITHMS[other].decisions]
        raise ValueError(
            f"algorithm {name}: expected a space without decisions about {' and '.join(unknown)}, "
            f"which it cannot learn; received {space.name}; use one of {', '.join(able)}, or "
            "another space"
        )


def check_derivation(config: SearchConfig) -> None:
    """Checks that the algorithm can choose the child as the settings say.

    Raises:
        ValueError: it cannot, since its weight steps have no network of their own; the message
            names the algorithms that can.
    """
    able = [
        other
        for other, kind in ALGORITHMS.items()
        if issubclass(kind, SupernetAlgorithm) and kind.trains_paths
    ]
    if not config.observes or config.algorithm in able:
        return
    name, expected, received = "derive", "alpha", config.derive
    if config.derive == "alpha":
        name, expected, received = "finalists", "1", str(config.finalists)
    raise ValueError(
        f"{name}: expected {expected} with algorithm {config.algorithm}, whose weight steps do not "
        f"train one network each, received {received}; use --{name}={expected}, or one of "
        f"{', '.join(able)}"
    )


def suitable_derivation(name: str, space: SearchSpace, steps: int) -> str:
    """Returns how the child of a search is best chosen, one of `search_config.DERIVATIONS`.

    In a space with widths the estimate was better than alpha at each of five targets, by 3 to 6
    points (docs/results.md). It was not compared with evolution.

    Args:
        name: the algorithm.
        space: the space.
        steps: weight steps of the whole search; the estimate needs some.
    """
    kind = ALGORITHMS[name]
    by_alpha = issubclass(kind, SupernetAlgorithm) and kind.trains_paths and kind.learns_alpha
    is_known = by_alpha and bool(space.widths) and steps >= additive_estimate.LEAST_STEPS
    return "estimate" if is_known else "alpha"


def algorithm(name: str, config: SearchConfig | None = None, steps_per_epoch: int = 1) -> Algorithm:
    """Makes the algorithm called `name`.

    Args:
        name: key of `ALGORITHMS`.
        config: settings of the search; the defaults if not given.
        steps_per_epoch: weight steps in one epoch.

    Raises:
        ValueError: the algorithm is unknown (the message lists the known ones), or does not accept
            a setting.

    Example:
        >>> import nas
        >>> nas.algorithm("proxyless_gradient").learns_alpha
        True
        >>> nas.algorithm("one_shot", nas.SearchConfig(path_dropout=0.2)).learns_alpha
        False
    """
    algorithm_names.check_name(name)
    return ALGORITHMS[name](config or SearchConfig(), steps_per_epoch)
