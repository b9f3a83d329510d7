"""Flags that only some search algorithms use, for the command lines that search.

If a flag is not given, the command line's own default or the preset decides.
"""

from typing import Any

from absl import flags

from nas.searching import algorithm_names

_WIDTH = max(map(len, algorithm_names.DESCRIPTIONS))
HELP = "Search algorithm:\n" + "\n".join(
    f"{name:{_WIDTH}}  {line}" for name, line in algorithm_names.DESCRIPTIONS.items()
)

_FLAGS = (
    flags.DEFINE_enum(
        "derive",
        None,
        ["alpha", "estimate"],
        "How the child is chosen: alpha, the default, is the algorithm's own rule (the most "
        "probable network, or evolution); estimate is what the losses of all weight steps say.",
    ),
    flags.DEFINE_integer(
        "finalists",
        None,
        "Networks that are trained a little at the end of the search, half of them dropped each "
        "time; the last is the child. 1, the default, chooses the child without.",
        lower_bound=1,
    ),
    flags.DEFINE_integer(
        "finalist_epochs",
        None,
        "Epochs of each finalist's first training, 1 by default; later ones are twice as long.",
        lower_bound=1,
    ),
    flags.DEFINE_integer(
        "reinforce_networks", None, "proxyless_reinforce: networks per step.", lower_bound=1
    ),
    flags.DEFINE_enum(
        "reward",
        None,
        ["absolute", "power"],
        "proxyless_reinforce: absolute, the default, is accuracy - 0.1 * |latency / target - 1|; "
        "power is accuracy * (target / latency)^0.1, which need not end at the target.",
    ),
    flags.DEFINE_float(
        "path_dropout",
        None,
        "one_shot: probability at the end of training that all of a slot's candidates are dropped.",
        lower_bound=0.0,
    ),
    flags.DEFINE_integer(
        "evolution_population", None, "one_shot*: networks per generation.", lower_bound=1
    ),
    flags.DEFINE_integer(
        "evolution_generations", None, "one_shot*: number of generations.", lower_bound=1
    ),
    flags.DEFINE_integer(
        "random_networks", None, "random: number of networks that share the epochs.", lower_bound=1
    ),
)


def given() -> dict[str, Any]:
    """The fields of `SearchConfig` that the user set, by name."""
    return {flag.name: flag.value for flag in _FLAGS if flag.value is not None}
